"""One estimator for everything: the ratio of two means over rounds, its interval, and what that allows one to say.

Owns the estimator, the interval and the claim. Values are one number a round for each arm; where they come from is not
known here.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

Values = Sequence[float] | NDArray[np.float64]
Claim = Literal["slower", "faster", "equal", "undecided"]
CONFIDENCE = 0.95
MOST_NEEDED = 1000  # so many pairs nobody makes


class Ratio(NamedTuple):
    """A ratio of two means, with an interval.

    Attributes:
        value: the mean of the numerators over that of the denominators; NaN if there are none.
        half_width: half the width of its interval; NaN for fewer than two pairs.
        sd: the standard deviation of the residuals over the mean denominator; NaN likewise.
        pairs: how many there are.
    """

    value: float
    half_width: float
    sd: float
    pairs: int

    @property
    def low(self) -> float:
        """The lower end."""
        return self.value - self.half_width

    @property
    def high(self) -> float:
        """The upper end."""
        return self.value + self.half_width

    @property
    def larger(self) -> float:
        """The larger of the two means, as a multiple of the mean denominator: relative widths are of that."""
        return max(1.0, self.value)


def ratio(numerators: Values, denominators: Values, confidence: float = CONFIDENCE) -> Ratio:
    """Return the ratio of the means of paired values, with its interval.

    What moves both values of a pair alike cancels: the interval is made of the residuals e = numerator − R ×
    denominator, by Student's t with n − 1 degrees of freedom, half-width t × sd(e) / (√n × mean denominator)
    (W. G. Cochran, Sampling Techniques, 3rd ed., 1977, section 6.4).
    """
    above, below = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)
    if not (pairs := len(above)):
        return Ratio(float("nan"), float("nan"), float("nan"), 0)
    value = float(above.mean() / below.mean())
    if pairs < 2:
        return Ratio(value, float("nan"), float("nan"), pairs)
    sd = float((above - value * below).std(ddof=1) / below.mean())
    return Ratio(value, float(margin(sd, pairs, confidence)), sd, pairs)


def half_width(values: Values, confidence: float = CONFIDENCE) -> float:
    """Return half the width of the interval of a mean, by Student's t; NaN for fewer than two values."""
    own = np.asarray(values, dtype=float)
    return float(margin(float(own.std(ddof=1)), len(own), confidence)) if len(own) > 1 else float("nan")


def claim(found: Ratio, delta: float) -> Claim:
    """Return what the interval of served / baseline allows one to say.

    ``slower`` or ``faster`` if all of it is on one side of 1, however near; else ``equal`` if all of it is within
    ±``delta`` of the larger arm; else, and without an interval, ``undecided``.
    """
    if found.low > 1:
        return "slower"
    if found.high < 1:
        return "faster"
    if max(1 - found.low, found.high - 1) <= delta * found.larger:
        return "equal"
    return "undecided"


def needed(found: Ratio, delta: float) -> float:
    """Return how many pairs would allow a claim, if they spread as these do and their ratio is this one.

    NaN if their spread is not known; infinity if MOST_NEEDED would not be enough.
    """
    if np.isnan(found.sd):
        return float("nan")
    counts = np.arange(2, MOST_NEEDED + 1)
    half_widths = margin(found.sd, counts)
    by = abs(found.value - 1)
    are_enough = (half_widths < by) | (by + half_widths <= delta * found.larger)
    return float(counts[are_enough.argmax()]) if are_enough.any() else float("inf")


def margin(sd: float, values: Any, confidence: float = CONFIDENCE) -> Any:
    """Return half the width of the interval of a mean of so many values, two at least, with this standard deviation.

    By Student's t; of one number of values, or of an array of them.
    """
    return special.stdtrit(values - 1, (1 + confidence) / 2) * sd / np.sqrt(values)
