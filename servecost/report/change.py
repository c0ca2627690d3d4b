"""By what part one sample of rounds differs from another, with an interval.

Owns the interval. Two results' rounds are independent samples, so nothing is paired between them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from servecost.report.overhead import CONFIDENCE

INSIGNIFICANT = "~"
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """By what part B differs from A.

    Attributes:
        by: 0.1 if B is a tenth more.
        least: the lower end of its interval; NaN if either has fewer than two rounds.
        most: the upper end.
    """

    by: float
    least: float
    most: float

    @classmethod
    def between(cls, a: Values, b: Values) -> "Change":
        """Return the change of the geometric mean from ``a`` to ``b``, each the values of some rounds.

        Welch's t-test on the logarithms (B. L. Welch, Biometrika 34, 1947): their difference is a ratio.
        """
        logs = np.log(a.astype(float)), np.log(b.astype(float))
        by = float(np.expm1(logs[1].mean() - logs[0].mean()))
        if min(len(a), len(b)) < 2:
            return cls(by, np.nan, np.nan)
        interval = stats.ttest_ind(logs[1], logs[0], equal_var=False).confidence_interval(CONFIDENCE)
        return cls(by, float(np.expm1(interval.low)), float(np.expm1(interval.high)))

    @property
    def is_significant(self) -> bool:
        """Whether its interval excludes zero."""
        return self.least > 0 or self.most < 0

    def is_worse_than(self, allowed: float) -> bool:
        """Return whether all of its interval is above the allowed increase."""
        return self.least > allowed

    def __str__(self) -> str:
        if np.isnan(self.least):
            return f"{INSIGNIFICANT} ({_percent(self.by)}; one round has no interval)"
        interval = f"[{_percent(self.least)}, {_percent(self.most)}]"
        return f"{_percent(self.by)} {interval}" if self.is_significant else f"{INSIGNIFICANT} {interval}"


def _percent(part: float) -> str:
    return f"{part:+.1%}".replace("-", "−")
