"""When a cell that is repeated until its interval is narrow may stop, and what that costs in confidence.

Owns the planned looks and the level of the intervals at them. What is looked at is not known here.

Who stops at the first look at which the interval is narrow enough stops more often where the rounds happen to lie
close together, and an interval of 95 % then holds the truth in less than 95 %. So the interval is taken at a higher
level, the same at each look (S. J. Pocock, Biometrika 64, 1977), such that the errors at all looks together are 5 % at
most, as in error spending (K. K. G. Lan and D. L. DeMets, Biometrika 70, 1983). Here stopping depends on the spread
alone, which says nothing of the mean (C. Stein, Ann. Math. Stat. 16, 1945). So the errors are added up exactly, look by
look, and not bounded by a sum of separate levels, which would widen the intervals by a fifth or more.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
MOST_LOOKS = 5
# Standard deviations between rounds, as parts of the precision, among which that with the largest error is found.
SPREADS = np.geomspace(0.2, 10, 60)
DRAWS_LOG2 = 12
STEP = 0.0005


def looks(least: int, most: int) -> tuple[int, ...]:
    """Return the numbers of rounds after which to look: ``least`` and ``most``, and a few even ones between.

    Each is about the same multiple of the one before, as a width goes with the root of the rounds.
    """
    between = np.geomspace(least, most, MOST_LOOKS)[1:-1]
    even = {2 * round(float(rounds) / 2) for rounds in between}
    return tuple(sorted({least, most} | {rounds for rounds in even if least < rounds < most}))


def stops(half_width: float, precision: float) -> bool:
    """Say whether an interval is narrow enough; one that is not known (NaN) is not."""
    return half_width <= precision


def confidence(planned: tuple[int, ...], rounds: int, confidence: float = 0.95) -> float:
    """Return the level of the interval at a planned look, so that it holds the truth in ``confidence`` of all cells.

    It is the same at each look, and does not depend on the precision that is asked for. Raises ValueError if no look is
    planned after so many rounds.
    """
    if rounds not in planned:
        raise ValueError(f"no look is planned after {rounds} rounds, but after {', '.join(map(str, planned))}")
    return _level(planned, confidence)


@lru_cache
def _level(planned: tuple[int, ...], confidence: float) -> float:
    if len(planned) < 2:
        return confidence
    squares = _squares(planned)
    levels = (round(float(level), 4) for level in np.arange(confidence, 1, STEP))
    return next(level for level in levels if _least_coverage(planned, squares, level) >= confidence)


def _squares(planned: tuple[int, ...]) -> Floats:
    """Return draws (a row each) of the sum of squares at each look, for a standard deviation of 1.

    Between looks it grows by independent chi-squares. The draws are of a Sobol sequence: the same ones each time.
    """
    from scipy.stats import qmc  # noqa: PLC0415  # it takes seconds to import, and few experiments have looks

    degrees = np.diff([1, *planned])
    uniform = qmc.Sobol(len(planned), seed=0).random_base2(DRAWS_LOG2)
    return np.asarray(2 * special.gammaincinv(degrees / 2, uniform)).cumsum(axis=1)


def _least_coverage(planned: tuple[int, ...], squares: Floats, level: float) -> float:
    """Return how often the interval at which a cell stops holds the truth, for the least favourable of SPREADS."""
    rounds = np.array(planned)
    sd = np.sqrt(squares / (rounds - 1))
    widths = special.stdtrit(rounds - 1, (1 + level) / 2) * sd / np.sqrt(rounds)
    covered = 2 * special.ndtr(widths * np.sqrt(rounds)) - 1
    draws = np.arange(len(squares))
    found = []
    for spread in SPREADS:
        stopped = widths * spread <= 1
        stopped[:, -1] = True
        found.append(covered[draws, stopped.argmax(axis=1)].mean())
    return float(min(found))
