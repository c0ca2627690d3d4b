"""Many tests at once."""

import math

import numpy as np
import pytest
from scipy import special

from servecost.statistics import multiple


@pytest.mark.parametrize(
    ("p_values", "rejected"),
    [
        ([], []),
        ([0.04], [True]),
        ([0.04, 0.03], [False, False]),  # 0.03 is above 0.05 / 2
        ([0.04, 0.02], [True, True]),
        ([0.2, 0.01, 0.001], [False, True, True]),
        ([0.001, 0.03, 0.02], [True, True, True]),
        ([0.001, 0.03, 0.026], [True, False, False]),  # it stops at the first that is too large
        ([math.nan, 0.04], [False, True]),  # what was not tested takes nothing from the others
    ],
)
def test_holm_goes_from_the_smallest_to_the_first_that_is_too_large(p_values, rejected):
    """The order of the values stays."""
    assert multiple.holm(p_values) == rejected


def test_power_is_what_a_simulation_finds():
    """With as many rounds as it says, and not with two fewer."""
    sd, effect, alpha = 0.04, math.log(1.05), 0.05 / 42
    needed = multiple.rounds_needed(sd, effect, alpha)

    def found(rounds: int) -> float:
        a, b = np.random.default_rng(1).normal(0, sd, (2, 20_000, rounds))
        error = np.sqrt((a.var(axis=1, ddof=1) + b.var(axis=1, ddof=1)) / rounds)
        limit = special.stdtrit(2 * (rounds - 1), 1 - alpha)
        return float(np.mean((b.mean(axis=1) + effect - a.mean(axis=1)) / error > limit))

    assert needed == 28
    assert found(needed) >= 0.9 > found(needed - 4)


@pytest.mark.parametrize(
    ("sd", "effect", "needed"),
    [
        (0.021, math.log(1.05), 10),
        (0.0, 0.05, 2),
        (math.nan, 0.05, None),
        (0.04, 0.0, None),
        (100.0, 0.01, None),
    ],
)
def test_the_rounds_that_it_takes(sd: float, effect: float, needed: int | None):
    """In a table of 42 tests."""
    assert multiple.rounds_needed(sd, effect, 0.05 / 42) == needed
