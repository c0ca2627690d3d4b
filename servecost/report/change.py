"""By what part the cells of one table differ from those of another, and what that allows one to say.

Owns the change of a cell with its interval, and the findings over a whole table. Two results' rounds are independent
samples, so nothing is paired between them. Values are logarithms, one a round: a difference of their means is a ratio.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

from servecost.statistics import multiple, paired
from servecost.statistics.paired import CONFIDENCE, Spread

Values = NDArray[np.float64]
Finding = Literal["worse", "better", "no worse", "undecided"]
K = TypeVar("K", bound=Hashable)
# An increase of this part beyond what is allowed is found, or the comparison does not pass.
SEEN = 0.05


@dataclass(frozen=True)
class Change:
    """By what part B differs from A.

    Attributes:
        log: the difference of the mean logarithms.
        error: its standard error; NaN if the spread between rounds is not known.
        df: the degrees of freedom of that.
        spread: of the rounds of either.
        cells: how many cells share the spread.
    """

    log: float
    error: float
    df: float
    spread: Spread
    cells: int = 1

    @classmethod
    def between(cls, a: Values, b: Values, of_a: Spread, of_b: Spread) -> "Change":
        """Return the change from ``a`` to ``b``, whose rounds have these spreads.

        Student's t with the shared spread, or else Welch's (B. L. Welch, Biometrika 34, 1947).
        """
        log, counts = float(b.mean() - a.mean()), np.array([len(a), len(b)])
        if of_a.is_pooled and of_b.is_pooled:
            cells = max(1, round(of_a.df / max(1, counts.sum() - 2)))
            return cls(log, of_a.sd * float(np.sqrt((1 / counts).sum())), of_a.df, of_a, cells)
        if not (of_a.df and of_b.df):
            return cls(log, np.nan, 0, paired.UNKNOWN)
        variances = np.array([of_a.sd, of_b.sd]) ** 2
        parts, degrees = variances / counts, np.array([of_a.df, of_b.df])
        total = float(parts.sum())
        df = total**2 / float((parts**2 / degrees).sum()) if total else float(degrees.sum())
        own = Spread(float(np.sqrt(variances.mean())), int(df), False)
        return cls(log, float(np.sqrt(total)), df, own)

    @property
    def by(self) -> float:
        """The part by which the geometric mean of B is more: 0.1 for a tenth."""
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
        return multiple.rounds_needed(self.spread.sd, float(np.log1p(SEEN)), alpha, cells=self.cells)

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


def changes(a: Mapping[K, Values], b: Mapping[K, Values]) -> dict[K, Change]:
    """Return the change of each cell that both tables have; their cells share a spread where their variances agree."""
    spreads = paired.spreads(
        {**{("a", key): own for key, own in a.items()}, **{("b", key): own for key, own in b.items()}}
    )
    both = [key for key in a if key in b and len(a[key]) and len(b[key])]
    return {key: Change.between(a[key], b[key], spreads["a", key], spreads["b", key]) for key in both}


def findings(table: Sequence[Change], allowed: float, alpha: float = multiple.ALPHA) -> list[Finding]:
    """Return what can be said of each cell of a table, from all of its changes.

    ``worse``: more than ``allowed``, by one-sided tests; the chance that any of them is wrong is ``alpha`` at most
    (Holm). ``better``: less than before, by as many tests in the same way. ``undecided``: neither, and an increase of
    SEEN beyond what is allowed is not excluded by the cell's own interval, nor would the strictest test of this table
    find it in nine of ten. ``no worse``: the rest. For cells that share a spread with a deviation of 2.1 % (42 cells of
    two recipes), it takes 8 rounds in each result until the tests find an increase of 5 % in nine of ten.
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
