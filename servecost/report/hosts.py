"""Whether rounds that were made on several hosts agree: host by host, in each cell.

Owns that test. What a cell's rounds have in common with those of other hosts is their ratio, served / baseline.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from servecost.report.pairs import ARMS
from servecost.statistics import multiple, paired

CELL = ["recipe", "system", "batch_size", "concurrency", "choice"]


class Agreement(NamedTuple):
    """How the hosts of a table's pairs agree.

    Attributes:
        pairs: how many valid pairs each host has made, by its name.
        tested: how many cells have pairs of several hosts, and enough of them to tell.
        differing: the cells among those, by their first row, in which the hosts differ.
    """

    pairs: "pd.Series[int]"
    tested: int
    differing: pd.DataFrame


def agreement(table: pd.DataFrame) -> Agreement:
    """Return how the hosts agree that have made a table's pairs, as ``servecost.report.pairs`` has them.

    In each cell the residuals of the ratio are compared between hosts by an analysis of variance (R. A. Fisher, 1925);
    the chance that any cell is named wrongly is 5 % at most (Holm).
    """
    valid = table[(table["rule"] == "") & (table["host"].fillna("") != "")]
    cells = [own for _, own in valid.groupby(CELL, sort=False)]
    p_values = [p_value(own) for own in cells]
    is_different = multiple.holm(p_values)
    firsts = [own.iloc[0] for own, is_so in zip(cells, is_different, strict=True) if is_so]
    return Agreement(
        valid["host"].value_counts(), int(np.isfinite(p_values).sum()), pd.DataFrame(firsts, columns=table.columns)
    )


def p_value(own: pd.DataFrame) -> float:
    """Return the chance that a cell's pairs of hosts that agree differ so much; NaN without pairs enough."""
    baseline_s, served_s = (own[arm].to_numpy(float) for arm in ARMS)
    residuals = served_s - paired.ratio(served_s, baseline_s).value * baseline_s
    groups = [residuals[(own["host"] == host).to_numpy()] for host in own["host"].unique()]
    between, within = len(groups) - 1, len(own) - len(groups)
    if between < 1 or within < 1:
        return float("nan")
    rest = sum(float(((each - each.mean()) ** 2).sum()) for each in groups)
    spread = sum(len(each) * float(each.mean() - residuals.mean()) ** 2 for each in groups)
    if not rest:
        return float(not spread)
    return float(special.fdtrc(between, within, (spread / between) / (rest / within)))
