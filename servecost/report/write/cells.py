"""The cells of a summary by recipe, as sentences speak of them.

Owns their order, which of them sentences speak of, and how a place in the table is named.
"""

from typing import Any, NamedTuple

import pandas as pd

UNDECIDED = "undecided"
SLOWER, FASTER, EQUAL = "slower", "faster", "equal"


class OfRecipe(NamedTuple):
    """A recipe's cells as rows of a summary, the smallest batch size first.

    Attributes:
        name: the recipe's, with what the system chose where its rounds differ in that.
        recipe: its name alone.
        system: the one that serves it.
        rows: its cells.
    """

    name: str
    recipe: str
    system: str
    rows: list[Any]


def by_recipe(cells: pd.DataFrame) -> list[OfRecipe]:
    """Return the cells of one system by recipe, in the summary's order. Raises ValueError if there are several."""
    ordered = cells.sort_values(["batch_size", "concurrency"])
    (system,) = cells["system"].unique()
    found = []
    for label, own in ordered.groupby("label", sort=False):
        found.append(OfRecipe(str(label), str(own["recipe"].iloc[0]), str(system), list(own.itertuples())))
    return sorted(found, key=lambda each: list(cells["label"]).index(each.name))


def decided(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of which it is known whether they are slower, faster or equal: sentences speak of no other."""
    return summary[summary["claim"].isin([SLOWER, FASTER, EQUAL])]


def place(row: Any) -> str:
    """Return batch size × concurrency of a row."""
    return f"{row.batch_size} × {row.concurrency}"


def name_of(row: Any) -> str:
    """Return the name of a row's cell in a sentence."""
    return f"{row.label}, {place(row)}"
