"""Where the spread between the rounds of a recipe's cells comes from: new processes, or what differs within a round.

Owns which pairs are compared: those of the cells and rounds that all have a number. How the spread is split is
``servecost.statistics.variance``'s.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from servecost.statistics.variance import Split, split


class Origin(NamedTuple):
    """Where the spread of a recipe's cells under a system comes from.

    Attributes:
        recipe: the recipe's name.
        system_label: the system's.
        parts: the parts of the spread of log(served / baseline).
    """

    recipe: str
    system_label: str
    parts: Split


def origins(paired: pd.DataFrame) -> Iterator[Origin]:
    """Yield where the spread comes from, for each recipe and system with cells and rounds enough to say so.

    ``paired``: the table of ``servecost.report.pairs``.
    """
    for (recipe, label), own in paired.groupby(["recipe", "system_label"], sort=False):
        cells = own.pivot_table(index=["batch_size", "concurrency", "choice"], columns="round", values="ratio")
        parts = split(np.log(cells.dropna(how="all").dropna(axis="columns").to_numpy()))
        if parts.advice is not None:
            yield Origin(str(recipe), str(label), parts)
