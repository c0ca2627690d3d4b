"""What to do about the overhead, as far as the decided rows of one system show it.

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
    """Return the batch sizes of which all of the interval is small."""
    sizes = [str(row.batch_size) for row in alone.rows if row.ratio_high <= 1 + SMALL]
    if sizes:
        return f"`{alone.name}` at batch size {', '.join(sizes)}"
    least = min(alone.rows, key=lambda row: row.ratio)
    return f"`{alone.name}` at no batch size here for sure (least at {least.batch_size})"


def concurrency(cells: OfRecipe) -> str:
    """Return what more concurrency changes, at a recipe's smallest and largest batch size."""
    sizes = dict.fromkeys((cells.rows[0].batch_size, cells.rows[-1].batch_size))
    said = (_served_at(size, [row for row in cells.rows if row.batch_size == size]) for size in sizes)
    return f"*Concurrency*, `{cells.name}`. {' '.join(said)}"


def _served_at(batch_size: int, rows: list[Any]) -> str:
    seconds = ", ".join(f"{number(row.served_s)} s at {row.concurrency}" for row in rows)
    begin = f"In batches of {batch_size} it takes {seconds} concurrent"
    if len(rows) < 2:
        return f"{begin}."
    first, best = rows[0], min(rows, key=lambda row: row.served_s)
    if best.served_s + best.served_s_half_width < first.served_s - first.served_s_half_width:
        return f"{begin}: have several requests in flight where clients cannot send larger batches."
    return f"{begin}: more of them at a time gain nothing that could be told here."


def losses(cells: pd.DataFrame) -> str:
    """Return the part of the seconds that the median cell loses at the highest concurrency, and to what."""
    most = cells["concurrency"].max()
    busiest = cells[cells["concurrency"] == most]
    contention, path = ((busiest[part] / busiest["served_s"]).median() for part in ("contention_s", "serving_path_s"))
    return (
        f"With {most} requests in flight the median cell loses {path:.0%} of its seconds to the serving path and "
        f"{contention:.0%} to contention for the cores."
    )
