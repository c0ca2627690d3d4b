"""Many tests at once: which of them count, and how many rounds it takes until one can.

Owns the control of false alarms over a table, and the power of a comparison of two results.
"""

from collections.abc import Sequence
from math import inf, isfinite, sqrt

import numpy as np
from scipy import special

ALPHA = 0.05
POWER = 0.9
MOST_ROUNDS = 10_000


def holm(p_values: Sequence[float], alpha: float = ALPHA) -> list[bool]:
    """Return which of some hypotheses are rejected, a true one among them with a chance of ``alpha`` at most.

    S. Holm, Scand. J. Statist. 6, 1979: the smallest p-value against alpha / m, the next against alpha / (m − 1), and
    so on, up to the first that is larger. A p-value of NaN is that of no test.
    """
    order = [int(place) for place in np.argsort(p_values) if not np.isnan(p_values[place])]
    rejected = [False] * len(p_values)
    for done, place in enumerate(order):
        if p_values[place] > alpha / (len(order) - done):
            break
        rejected[place] = True
    return rejected


def detectable(standard_error: float, df: float, alpha: float, power: float = POWER) -> float:
    """Return the smallest effect that a one-sided t-test finds with a chance of ``power``, in the error's own unit."""
    return float(special.stdtrit(df, 1 - alpha) + special.stdtrit(df, power)) * standard_error


def rounds_needed(sd: float, effect: float, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """Return how many rounds each of two results needs for an effect to be found with a chance of ``power``.

    An even number. ``sd`` is that between rounds, and ``effect`` is in the same unit: a difference of logarithms. None
    if that is not known, or if it is more rounds than anybody would make.
    """
    if not (isfinite(sd) and 0 < effect < inf):
        return None
    wanted = range(2, MOST_ROUNDS, 2)
    return next((n for n in wanted if detectable(sd * sqrt(2 / n), 2 * (n - 1), alpha, power) <= effect), None)
