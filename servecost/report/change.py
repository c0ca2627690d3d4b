"""By what part the cells of one table differ from those of another, and what that allows one to say.

Owns the change of a cell with its interval, and the findings over a whole table. Two results' rounds are independent
samples, so nothing is paired between them. Changes are logarithms: a difference of two is a ratio.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from scipy import special

from servecost.statistics import multiple, paired
from servecost.statistics.paired import CONFIDENCE, Values

Finding = Literal["worse", "better", "no worse", "undecided"]
# An increase of this part beyond what is allowed is found, or the comparison does not pass.
SEEN = 0.05


class Estimate(NamedTuple):
    """What one result says of a cell.

    Attributes:
        value: seconds, or a ratio.
        sd: the standard deviation between rounds as a part of that; NaN for one round.
        rounds: how many there are.
    """

    value: float
    sd: float
    rounds: int

    @classmethod
    def of_mean(cls, values: Values) -> "Estimate":
        """Return the mean of some rounds."""
        own = np.asarray(values, dtype=float)
        sd = float(own.std(ddof=1) / own.mean()) if len(own) > 1 else float("nan")
        return cls(float(own.mean()), sd, len(own))

    @classmethod
    def of_ratio(cls, numerators: Values, denominators: Values) -> "Estimate":
        """Return the ratio of the means of paired values."""
        found = paired.ratio(numerators, denominators)
        return cls(found.value, found.sd / found.value, found.pairs)

    @property
    def half_width(self) -> float:
        """Half the width of its own interval; NaN for one round."""
        if self.rounds < 2:
            return float("nan")
        return float(paired.margin(self.sd * self.value, self.rounds))


@dataclass(frozen=True)
class Change:
    """By what part B differs from A.

    Attributes:
        log: the difference of the logarithms.
        error: its standard error; NaN if the spread between rounds is not known.
        df: the degrees of freedom of that.
        sd: of the rounds of either, on average; NaN likewise.
    """

    log: float
    error: float
    df: float
    sd: float

    @classmethod
    def between(cls, a: Estimate, b: Estimate) -> "Change":
        """Return the change from ``a`` to ``b``: Welch's test (B. L. Welch, Biometrika 34, 1947)."""
        log = float(np.log(b.value / a.value))
        if min(a.rounds, b.rounds) < 2:
            return cls(log, float("nan"), 0, float("nan"))
        parts = np.array([a.sd**2 / a.rounds, b.sd**2 / b.rounds])
        degrees, total = np.array([a.rounds - 1, b.rounds - 1]), float(parts.sum())
        df = total**2 / float((parts**2 / degrees).sum()) if total else float(degrees.sum())
        return cls(log, total**0.5, df, float(np.hypot(a.sd, b.sd) / 2**0.5))

    @property
    def by(self) -> float:
        """The part by which B is more: 0.1 for a tenth."""
        return float(np.expm1(self.log))

    @property
    def ends(self) -> tuple[float, float]:
        """The lower and the upper end of its interval; NaN if it has none."""
        half_width = self._quantile((1 + CONFIDENCE) / 2) * self.error
        return float(np.expm1(self.log - half_width)), float(np.expm1(self.log + half_width))

    def p_above(self, allowed: float) -> float:
        """Return the p-value of the test that the true change is no more than ``allowed``; NaN for no test."""
        away = self.log - float(np.log1p(allowed))
        return self._upper_tail(away)

    def p_below(self) -> float:
        """Return the p-value of the test that the true change is no decrease; NaN for no test."""
        return self._upper_tail(-self.log)

    def excludes(self, increase: float) -> bool:
        """Return whether so large an increase is above the one-sided interval of this cell."""
        return bool(self.log + self._quantile(CONFIDENCE) * self.error < np.log1p(increase))

    def rounds_needed(self, alpha: float) -> int | None:
        """Return how many rounds of each would let a one-sided test at ``alpha`` find SEEN; None if not known."""
        return multiple.rounds_needed(self.sd, float(np.log1p(SEEN)), alpha)

    def would_miss(self, alpha: float) -> bool:
        """Return whether a one-sided test at ``alpha`` may miss a true increase of SEEN beyond what it allows."""
        return not multiple.detectable(self.error, self.df, alpha) <= np.log1p(SEEN)

    def _upper_tail(self, away: float) -> float:
        if self.error == 0:
            return float(away <= 0)
        return float(special.stdtr(self.df, -away / self.error)) if self.df else np.nan

    def _quantile(self, part: float) -> float:
        return float(special.stdtrit(self.df, part)) if self.df else np.nan

    def __str__(self) -> str:
        least, most = self.ends
        return f"{_percent(self.by)} " + (
            "(no interval)" if np.isnan(least) else f"[{_percent(least)}, {_percent(most)}]"
        )


def findings(table: Sequence[Change], allowed: float, alpha: float = multiple.ALPHA) -> list[Finding]:
    """Return what can be said of each cell of a table, from all of its changes.

    ``worse``: more than ``allowed``, by one-sided tests; the chance that any of them is wrong is ``alpha`` at most
    (Holm). ``better``: less than before, by as many tests in the same way. ``undecided``: neither, and an increase of
    SEEN beyond what is allowed is not excluded by the cell's own interval, nor would the strictest test of this table
    find it in nine of ten. ``no worse``: the rest. In a table of 42 cells whose pairs have a deviation of 4.3 %, an
    increase of 20 % in one of them is found in nine of ten with 6 rounds in each result, one of 5 % with 36.
    """
    worse = multiple.holm([change.p_above(allowed) for change in table], alpha)
    better = multiple.holm([change.p_below() for change in table], alpha)
    strictest = alpha / max(1, len(table))
    return [
        _finding(change, is_worse, is_better, (1 + allowed) * (1 + SEEN) - 1, strictest)
        for change, is_worse, is_better in zip(table, worse, better, strict=True)
    ]


def _finding(change: Change, is_worse: bool, is_better: bool, increase: float, alpha: float) -> Finding:
    if is_worse:
        return "worse"
    if is_better:
        return "better"
    return "undecided" if change.would_miss(alpha) and not change.excludes(increase) else "no worse"


def _percent(part: float) -> str:
    return f"{part:+.1%}".replace("-", "−")
