"""What a system chose by itself at its starts, where that was not the same in all rounds of a cell.

Owns which row of a cell a round belongs to. Rounds under different choices
are rounds of different servers: they are rows of their own, never one mean.
"""

import pandas as pd

from servecost.core import facts
from servecost.report.read.tables import CELL, ROW, fact_names


def of_rounds(served: pd.DataFrame) -> pd.DataFrame:
    """Return ROW and ``choice`` of each served run: the facts that differ between its cell's rounds, in words.

    Empty where none does. A round of which it is not known what the system chose stands with the most frequent choice.
    """
    by_cell = served.groupby(CELL, sort=False)
    words = pd.Series("", index=served.index)
    for fact in _choices(served):
        differs = by_cell[fact].transform("nunique") > 1
        usual = by_cell[fact].transform(lambda values: values.mode().iloc[0] if values.notna().any() else values)
        own = served[fact].fillna(usual).map(lambda value, fact=fact: f", {facts.in_words({fact: value})}")
        words = words.mask(differs, words + own)
    return served[ROW].assign(choice=words.str.removeprefix(", "))


def in_full(served: pd.DataFrame) -> pd.DataFrame:
    """Return ROW and ``chosen`` of each served run: all that its system chose, in words; empty if nothing is known."""
    names = _choices(served)
    rows = served.to_dict("records")
    words = [facts.in_words({fact: row[fact] for fact in names if pd.notna(row[fact])}) for row in rows]
    return served[ROW].assign(chosen=words)


def _choices(served: pd.DataFrame) -> list[str]:
    return [name for name in fact_names(served) if facts.is_choice(name)]
