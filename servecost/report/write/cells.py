"""The cells of a summary by recipe, as sentences speak of them.

Owns their order, and how a place in the table is named.
"""

from typing import Any, NamedTuple

import pandas as pd


class OfRecipe(NamedTuple):
    """A recipe's cells as rows of a summary, the smallest batch size first, and the system that serves it."""

    name: str
    system: str
    rows: list[Any]


def by_recipe(cells: pd.DataFrame) -> list[OfRecipe]:
    """Return the cells of one system by recipe, in the summary's order. Raises ValueError if there are several."""
    ordered = cells.sort_values(["batch_size", "concurrency"])
    (system,) = cells["system"].unique()
    return [
        OfRecipe(str(name), str(system), list(ordered[ordered["recipe"] == name].itertuples()))
        for name in cells["recipe"].unique()
    ]


def place(row: Any) -> str:
    """Return batch size × concurrency of a row."""
    return f"{row.batch_size} × {row.concurrency}"


def name_of(row: Any) -> str:
    """Return the name of a row's cell in a sentence."""
    return f"{row.recipe}, {place(row)}"
