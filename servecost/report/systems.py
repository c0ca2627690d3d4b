"""Systems side by side: which of them differ significantly in a cell, and what a request costs each by its size.

Owns the groups and the fits. What a row is, is ``overhead``'s.
"""

from collections.abc import Iterator
from math import hypot, isfinite
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize, special

from servecost.report.pairs import CONFIDENCE, per_request_ms

LEAST_POINTS = 4  # two numbers are fitted, and their errors


class Fit(NamedTuple):
    """What requests of one client cost a system: ``fixed_ms`` + ``per_mib_ms`` × size, each with half its interval.

    Attributes:
        recipe: the recipe's name.
        system_label: what the system is called in print.
        fixed_ms: milliseconds of a request, whatever its size.
        fixed_half_width: half the width of the interval of that.
        per_mib_ms: further milliseconds for each MiB of its body.
        per_mib_half_width: half the width of the interval of that.
    """

    recipe: str
    system_label: str
    fixed_ms: float
    fixed_half_width: float
    per_mib_ms: float
    per_mib_half_width: float


def groups(rows: pd.DataFrame, column: str) -> list[pd.DataFrame]:
    """Return the rows of one cell in groups, the one with the smallest numbers first, each by the systems' names.

    A row opens a new group if its number differs significantly from the first one of the group before: by more than
    the root of the sum of the squares of both ``column_half_width``, half the widths of their 95 % intervals. A row
    without an interval differs from none.
    """
    found: list[list[Any]] = []
    half_width = f"{column}_half_width"
    for place, row in rows.sort_values(column).iterrows():
        first = rows.loc[found[-1][0]] if found else None
        apart = first is not None and row[column] - first[column] > hypot(row[half_width], first[half_width])
        if first is None or apart:
            found.append([place])
        else:
            found[-1].append(place)
    return [rows.loc[places].sort_values("system_label") for places in found]


def fits(pairs: pd.DataFrame) -> Iterator[Fit]:
    """Yield the fit of each recipe and system to its valid pairs at the lowest concurrency.

    The time of a request is that in which the predictor stood idle, the serving path. Least squares, with errors in
    proportion to the times; the intervals are Student's. Systems with too few sizes or pairs are left out.
    """
    lowest = pairs[(pairs["concurrency"] == pairs["concurrency"].min()) & (pairs["rule"] == "")]
    for (recipe, label), own in lowest.groupby(["recipe", "system_label"], sort=False):
        size, took = own["request_mib"].to_numpy(float), per_request_ms(own["serving_path_s"], own).to_numpy(float)
        known = np.isfinite(size) & np.isfinite(took) & (took > 0)
        size, took = size[known], took[known]
        if len(size) < LEAST_POINTS or len(set(size)) < 2:
            continue
        (fixed, per_mib), covariance = optimize.curve_fit(_line, size, took, sigma=took, p0=(took.min(), 0.0))
        errors = np.sqrt(np.diag(covariance)) * special.stdtrit(len(size) - 2, (1 + CONFIDENCE) / 2)
        if all(map(isfinite, errors)):
            yield Fit(str(recipe), str(label), fixed, errors[0], per_mib, errors[1])


def _line(size: Any, fixed: float, per_mib: float) -> Any:
    return fixed + per_mib * size
