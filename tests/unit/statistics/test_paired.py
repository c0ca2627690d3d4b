"""The ratio of two means over rounds, its interval, and what may be said."""

import math

import numpy as np
import pytest

from servecost.statistics import paired
from servecost.statistics.paired import Ratio


def test_a_ratio_is_that_of_the_means():
    """With the interval of its residuals, worked out by hand."""
    found = paired.ratio([11.0, 13.0], [10.0, 10.0])
    assert found.value == pytest.approx(1.2)
    assert found.half_width == pytest.approx(12.706205 * math.sqrt(2) / (math.sqrt(2) * 10))


def test_what_moves_both_values_of_a_pair_alike_is_not_in_the_interval():
    """A machine that becomes half as fast says nothing of the ratio."""
    found = paired.ratio([3.0, 6.0, 4.5], [2.0, 4.0, 3.0])
    assert found.value == pytest.approx(1.5)
    assert found.half_width == pytest.approx(0, abs=1e-12)


def test_a_single_pair_has_no_interval():
    """Nothing is known of the spread."""
    found = paired.ratio([3.0], [2.0])
    assert found.value == 1.5
    assert math.isnan(found.half_width)


@pytest.mark.parametrize("pairs", [4, 12])
def test_the_interval_of_a_ratio_holds_the_truth_in_95_percent(pairs):
    """With the noise of sliced pairs, 4.3 %, on a machine that drifts by up to 40 %."""
    dice = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        drift = 1 + 0.4 * dice.random(pairs)
        found = paired.ratio(1.3 * drift * dice.normal(1, 0.043, pairs), drift)
        held += abs(found.value - 1.3) <= found.half_width
    assert 0.94 <= held / 2000 <= 0.96


def test_no_pair_has_no_ratio():
    """It is NaN."""
    assert math.isnan(paired.ratio([], []).value)


@pytest.mark.parametrize(("pairs", "percent"), [(4, 6.0), (6, 4.2), (12, 2.7)])
def test_how_wide_an_interval_is_at_the_noise_of_sliced_pairs(pairs, percent):
    """On average, of the served seconds."""
    dice = np.random.default_rng(1)
    widths = [paired.ratio(1.3 * dice.normal(1, 0.043, pairs), np.ones(pairs)).half_width / 1.3 for _ in range(2000)]
    assert 100 * np.mean(widths) == pytest.approx(percent, rel=0.06)


def test_an_interval_of_a_mean_is_students():
    """Of two degrees of freedom: 4.303 standard errors. One value has none."""
    assert paired.half_width([1.0, 2.0, 3.0]) == pytest.approx(2.484, abs=1e-3)
    assert math.isnan(paired.half_width([1.0]))


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.05, 1.1, "slower"),
        (0.9, 0.95, "faster"),
        (1.001, 1.01, "slower"),  # within delta, yet its sign is known
        (0.99, 1.015, "equal"),
        (0.979, 1.0, "undecided"),
        (0.99, 1.03, "undecided"),
        (0.5, 1.5, "undecided"),
        (math.nan, math.nan, "undecided"),
    ],
)
def test_a_claim_is_what_the_interval_allows(low: float, high: float, said: str):
    """Within ±2 %."""
    assert paired.claim(Ratio((low + high) / 2, (high - low) / 2, 0.1, 6), 0.02) == said


def test_relative_widths_are_of_the_larger_arm():
    """An arm that takes twice as long is known to a half of what it is known to as a part of the other."""
    assert (Ratio(2.0, 0.1, 0.1, 4).larger, Ratio(0.5, 0.1, 0.1, 4).larger) == (2.0, 1.0)


@pytest.mark.parametrize(
    ("value", "sd", "needed"),
    [
        (1.2, 0.05, 3),  # 4.303 × 0.05 / √3 = 0.12
        (1.0, 0.05, 7),  # 2.447 × 0.05 / √7 = 0.046: equal within ±5 %
        (1.02, 0.05, 13),  # equal within ±5 % of the larger arm: 2.179 × 0.05 / √13 = 0.030
        (1.06, 0.1, 14),  # slower
        (1.0499, 9.0, math.inf),
        (1.2, math.nan, math.nan),
    ],
)
def test_how_many_pairs_would_allow_a_claim(value: float, sd: float, needed: float):
    """The fewest of which the half-width, by hand from a table of Student's t, would do."""
    assert paired.needed(Ratio(value, math.nan, sd, 4), 0.05) == pytest.approx(needed, nan_ok=True)
