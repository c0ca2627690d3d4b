"""What to do about the overhead, as far as the numbers of one system show it.

Owns the sentences of advice that hold for any system.
"""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from servecost.report.write.cells import OfRecipe
from servecost.report.write.numbers import number

# An overhead of less than this part of the baseline is small.
SMALL = 0.1


def cheap(alone: Iterable[OfRecipe]) -> str:
    """Return at which batch sizes the overhead is small; ``alone``: the cells with one client at a time."""
    return f"One client at a time loses at most {SMALL:.0%} of the baseline: {'; '.join(map(_cheap_sizes, alone))}."


def _cheap_sizes(alone: OfRecipe) -> str:
    sizes = [str(row.batch_size) for row in alone.rows if row.overhead_s <= SMALL * row.baseline_s]
    if sizes:
        return f"`{alone.name}` at batch size {', '.join(sizes)}"
    least = min(alone.rows, key=lambda row: row.ratio)
    return f"`{alone.name}` at no batch size here (least at {least.batch_size})"


def concurrency(cells: OfRecipe) -> str:
    """Return what more concurrency changes, at a recipe's smallest and largest batch size."""
    first, last = cells.rows[0].batch_size, cells.rows[-1].batch_size
    return (
        f"*Concurrency*, `{cells.name}`. {_served_at(first, cells.rows)}: where clients cannot batch, have several "
        f"requests in flight. {_served_at(last, cells.rows)}: once the requests themselves fill the predictor's "
        "batches, more of them at a time only wait."
    )


def _served_at(batch_size: int, rows: Iterable[Any]) -> str:
    seconds = [f"{number(row.served_s)} s at {row.concurrency}" for row in rows if row.batch_size == batch_size]
    return f"In batches of {batch_size} it takes {', '.join(seconds)} concurrent"


def losses(valid: pd.DataFrame) -> str:
    """Return the part of the seconds that the median cell loses at the highest concurrency, and to what."""
    most = valid["concurrency"].max()
    busiest = valid[valid["concurrency"] == most]
    contention, path = ((busiest[part] / busiest["served_s"]).median() for part in ("contention_s", "serving_path_s"))
    return (
        f"With {most} requests in flight the median cell loses {path:.0%} of its seconds to the serving path and "
        f"{contention:.0%} to contention for the cores."
    )
