"""The mean over rounds with its interval, and what that interval allows one to say.

Owns the spread between rounds, the interval and the claim. Values are one number a round, usually the logarithm of
served / baseline of a pair; where they come from is not known here.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

Values = Sequence[float] | NDArray[np.float64]
Claim = Literal["slower", "faster", "equal", "undecided"]
K = TypeVar("K", bound=Hashable)
CONFIDENCE = 0.95
# Variances that differ more than chance does in one of twenty tables are not pooled.
AGREEMENT_ALPHA = 0.05


class Spread(NamedTuple):
    """How far the rounds of a cell lie apart.

    Attributes:
        sd: the standard deviation between rounds; NaN if that is not known.
        df: its degrees of freedom.
        is_pooled: whether it is that of several cells together.
    """

    sd: float
    df: int
    is_pooled: bool


UNKNOWN = Spread(float("nan"), 0, False)


class Interval(NamedTuple):
    """A mean over rounds, with an interval.

    Attributes:
        mean: of the rounds; NaN if there are none.
        half_width: half the width of the interval; NaN if the spread is not known.
        spread: what it was computed with.
    """

    mean: float
    half_width: float
    spread: Spread

    @property
    def low(self) -> float:
        """The lower end."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """The upper end."""
        return self.mean + self.half_width


class Difference(NamedTuple):
    """A difference in seconds.

    Attributes:
        by_s: served less baseline.
        half_width_s: half the width of its interval, which is not quite symmetric.
    """

    by_s: float
    half_width_s: float


class Ratio(NamedTuple):
    """A ratio of two means, with an interval.

    Attributes:
        value: the mean of the numerators over that of the denominators.
        half_width: half the width of its interval; NaN for fewer than two pairs.
    """

    value: float
    half_width: float


def ratio(numerators: Values, denominators: Values, confidence: float = CONFIDENCE) -> Ratio:
    """Return the ratio of the means of paired values, with its interval.

    What moves both values of a pair alike cancels: the interval is made of the residuals e = numerator − R ×
    denominator, by Student's t with n − 1 degrees of freedom, half-width t × sd(e) / (√n × mean denominator)
    (W. G. Cochran, Sampling Techniques, 3rd ed., 1977, section 6.4).
    """
    above, below = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    value = float(above.mean() / below.mean())
    if (pairs := len(above)) < 2:
        return Ratio(value, float("nan"))
    sd = float((above - value * below).std(ddof=1))
    t = float(special.stdtrit(pairs - 1, (1 + confidence) / 2))
    return Ratio(value, t * sd / (pairs**0.5 * float(below.mean())))


def spreads(groups: Mapping[K, Values]) -> dict[K, Spread]:
    """Return the spread of each group of rounds: one for all where their variances agree, else each its own.

    Whether they agree is tested by Bartlett's test (``agree``). A group of one round has the shared spread, if there is
    one, and otherwise none. With few rounds the test sees gross differences only: simulated with 21 cells of 6 rounds,
    whose variances are equal or not, intervals of 95 % with these spreads hold the truth in 94 % of all cells; but in
    83 % only for a single cell that is three times as noisy as the others.
    """
    values = {key: np.asarray(own, dtype=float) for key, own in groups.items()}
    degrees = {key: max(len(own) - 1, 0) for key, own in values.items()}
    several = [key for key, df in degrees.items() if df]
    df = np.array([degrees[key] for key in several])
    variances = np.array([values[key].var(ddof=1) for key in several])
    if agree(variances, df):
        shared = Spread(float(np.sqrt(df @ variances / df.sum())), int(df.sum()), True)
        return dict.fromkeys(values, shared)
    own = {key: Spread(float(np.sqrt(v)), degrees[key], False) for key, v in zip(several, variances, strict=True)}
    return {key: own.get(key, UNKNOWN) for key in values}


def agree(variances: NDArray[np.float64], df: NDArray[np.int64]) -> bool:
    """Return whether two or more sample variances could be of one variance.

    Bartlett's test (M. S. Bartlett, Proc. R. Soc. A 160, 1937) at 5 %. It works from two values a group on, and with
    groups of unequal size. Tests on deviations from the median (Levene, Brown-Forsythe) are of no use there, because
    two values lie equally far from theirs. It takes heavy tails for unequal variances: then each group keeps its own
    spread, which is the careful choice.
    """
    if len(variances) < 2 or not np.all(variances > 0):
        return False
    groups, total = len(variances), df.sum()
    statistic = total * np.log(df @ variances / total) - df @ np.log(variances)
    correction = 1 + ((1 / df).sum() - 1 / total) / (3 * (groups - 1))
    return float(special.chdtrc(groups - 1, statistic / correction)) >= AGREEMENT_ALPHA


def interval(values: Values, spread: Spread, confidence: float = CONFIDENCE) -> Interval:
    """Return the mean of some rounds with its interval: Student's t with the spread's degrees of freedom."""
    if not len(values):
        return Interval(float("nan"), float("nan"), spread)
    return Interval(float(np.mean(values)), half_width(len(values), spread, confidence), spread)


def half_width(rounds: int, spread: Spread, confidence: float = CONFIDENCE) -> float:
    """Return half the width of the interval of a mean of so many rounds; NaN if the spread is not known."""
    if not spread.df:
        return float("nan")
    return float(special.stdtrit(spread.df, (1 + confidence) / 2) * spread.sd / np.sqrt(rounds))


def claim(log_ratio: Interval, delta: float) -> Claim:
    """Return what the interval of log(served / baseline) allows one to say.

    ``slower`` or ``faster`` if all of it is on one side of 0, however near; else ``equal`` if all of it is within
    ±log(1 + delta); else, and without an interval, ``undecided``.
    """
    if log_ratio.low > 0:
        return "slower"
    if log_ratio.high < 0:
        return "faster"
    if max(-log_ratio.low, log_ratio.high) <= np.log1p(delta):
        return "equal"
    return "undecided"


def seconds(baseline_s: float, log_ratio: Interval) -> Difference:
    """Return the difference that a ratio is of a baseline: baseline × (ratio − 1), its interval by the same mapping."""
    low, by, high = (baseline_s * float(np.expm1(each)) for each in (log_ratio.low, log_ratio.mean, log_ratio.high))
    return Difference(by, (high - low) / 2)
