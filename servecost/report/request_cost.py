"""What a request costs at all, and what each MiB of it adds: a line through the serving paths of all batch sizes.

At concurrency 1, where no request waits for another. Owns the line and its intervals: one is fitted to each round, by
least squares with weights (a row's noise is in proportion to its seconds), the same in all rounds, and the unit is the
round, as it is everywhere.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.polynomial import polynomial

from servecost.report.pairs import per_request_ms
from servecost.statistics import paired

LEAST_SIZES = 3  # a line goes through any two
KEY = ["recipe", "system", "system_label", "choice"]


class RequestCost(NamedTuple):
    """The serving path of one request, in ms, as a line over the MiB of its payload.

    Attributes:
        recipe, system, system_label, choice: what was served by what.
        fixed_ms: the line's value at a payload of nothing.
        fixed_ms_half_width: half the width of its 95 % interval over rounds, or over the pairs of the only one; NaN
            for one pair.
        mib_ms, mib_ms_half_width: what each MiB adds, likewise.
        least_mib, most_mib: the smallest and the largest payload.
        missed_by: how far the line is from a row's serving path, at most, as a part of the row's served seconds.
    """

    recipe: str
    system: str
    system_label: str
    choice: str
    fixed_ms: float
    fixed_ms_half_width: float
    mib_ms: float
    mib_ms_half_width: float
    least_mib: float
    most_mib: float
    missed_by: float


def table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each recipe, system and choice of ``servecost.report.pairs`` that has pairs enough.

    Columns: those of RequestCost. It takes rounds in which LEAST_SIZES batch sizes have a serving path.
    """
    alone = pairs[(pairs["concurrency"] == 1) & (pairs["rule"] == "")].dropna(subset=["serving_path_s", "request_mib"])
    return pd.DataFrame(_lines(alone), columns=RequestCost._fields)


def _lines(alone: pd.DataFrame) -> Iterator[RequestCost]:
    for (recipe, system, label, choice), own in alone.groupby(KEY, sort=False):
        rounds = own["round" if own["round"].nunique() > 1 else "pair"]
        path_ms = per_request_ms(own["serving_path_s"], own).groupby([rounds, own["batch_size"]]).mean()
        path_ms = path_ms.unstack().dropna()
        sizes = own.groupby("batch_size")["request_mib"].mean()
        if len(sizes) < LEAST_SIZES or path_ms.empty:
            continue
        served_ms = per_request_ms(own["served_s"], own).groupby(own["batch_size"]).mean()
        fixed_ms, mib_ms = polynomial.polyfit(sizes, path_ms.T, 1, w=1 / served_ms)
        missed_ms = fixed_ms.mean() + mib_ms.mean() * sizes - path_ms.mean()
        yield RequestCost(
            str(recipe),
            str(system),
            str(label),
            str(choice),
            fixed_ms.mean(),
            paired.half_width(fixed_ms),
            mib_ms.mean(),
            paired.half_width(mib_ms),
            sizes.min(),
            sizes.max(),
            float(np.abs(missed_ms / served_ms).max()),
        )
