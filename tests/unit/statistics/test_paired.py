"""The mean over rounds, its interval, and what may be said."""

import math

import numpy as np
import pytest

from servecost.statistics import paired
from servecost.statistics.paired import UNKNOWN, Interval, Spread

OWN = Spread(0.04, 5, False)


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, (high - low) / 2, OWN)


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


def test_groups_whose_variances_agree_share_one_spread():
    """Pooled by degrees of freedom; a group of one round has it too."""
    found = paired.spreads({"a": [0.0, 0.02], "b": [0.1, 0.13, 0.16], "c": [0.5]})
    assert set(found) == {"a", "b", "c"}
    (shared,) = set(found.values())
    assert shared.sd == pytest.approx(math.sqrt((0.0002 + 2 * 0.0009) / 3))
    assert (shared.df, shared.is_pooled) == (3, True)


def test_groups_whose_variances_differ_keep_their_own():
    """And a group of one round has none."""
    quiet, noisy = [0.0, 0.001, 0.002, 0.001, 0.0], [0.0, 0.3, -0.3, 0.2, -0.1]
    found = paired.spreads({"quiet": quiet, "noisy": noisy, "single": [0.1]})
    for key, values in (("quiet", quiet), ("noisy", noisy)):
        assert found[key].sd == pytest.approx(np.std(values, ddof=1))
        assert (found[key].df, found[key].is_pooled) == (4, False)
    assert math.isnan(found["single"].sd)
    assert not found["single"].df


@pytest.mark.parametrize("groups", [{}, {"a": []}, {"a": [0.1]}, {"a": [0.1], "b": [0.2]}])
def test_without_a_second_round_nothing_is_known_of_the_spread(groups):
    """Neither is there an interval."""
    found = paired.spreads(groups)
    assert found.keys() == groups.keys()
    for key, spread in found.items():
        assert not spread.df
        assert math.isnan(paired.interval(groups[key], spread).half_width)


def test_rounds_that_are_all_the_same_agree_with_no_others():
    """A spread of 0 is not that of others."""
    found = paired.spreads({"same": [0.1, 0.1], "a": [0.1, 0.12]})
    assert found["same"] == (0, 1, False)
    assert not found["a"].is_pooled


@pytest.mark.parametrize("rounds", [2, 3, 6, 30])
@pytest.mark.parametrize("cells", [2, 21, 42])
def test_equal_variances_are_pooled_in_nearly_all_tables(rounds: int, cells: int):
    """Bartlett's test keeps its 5 %, from two rounds on."""
    draws = np.random.default_rng(1).standard_normal((2000, cells, rounds))
    df = np.full(cells, rounds - 1)
    pooled = np.mean([paired.agree(own, df) for own in draws.var(axis=2, ddof=1)])
    assert 0.935 <= pooled <= 0.99


def test_unequal_variances_are_told_apart_also_with_unequal_numbers_of_rounds():
    """Half of the cells twice as noisy as the others, 6 to 30 rounds."""
    random = np.random.default_rng(1)
    df = np.tile([5, 11, 29], 7)
    sd = np.where(np.arange(21) < 10, 0.02, 0.04)
    variances = random.chisquare(df, (500, 21)) / df * sd**2
    assert np.mean([paired.agree(own, df) for own in variances]) < 0.01


@pytest.mark.parametrize("noise", [[1, 1], [1, 1.5], [1, 2], [1, 1, 1, 1, 1, 1, 1, 1, 3]])
def test_intervals_hold_the_truth_whether_or_not_the_spread_is_shared(noise):
    """In 94 % of a table's cells and more, with 18 cells of 6 rounds."""
    sd = np.resize(noise, 18)[:, None]
    held: list[bool] = []
    for table in np.random.default_rng(1).standard_normal((400, 18, 6)) * sd:
        spreads = paired.spreads(dict(enumerate(table)))
        found = [paired.interval(own, spreads[cell]) for cell, own in enumerate(table)]
        held += [own.low <= 0 <= own.high for own in found]
    assert np.mean(held) >= 0.935


def test_an_interval_is_students():
    """Five degrees of freedom: 2.571 standard errors."""
    found = paired.interval([0.1, 0.2, 0.3], OWN)
    assert found.mean == pytest.approx(0.2)
    assert found.half_width == pytest.approx(2.5706 * 0.04 / math.sqrt(3), rel=1e-4)
    assert (found.low, found.high) == pytest.approx((0.2 - found.half_width, 0.2 + found.half_width))
    assert paired.interval([0.1, 0.2, 0.3], OWN, 0.99).half_width == pytest.approx(
        4.0321 * 0.04 / math.sqrt(3), rel=1e-4
    )


def test_no_round_has_no_mean():
    """It is NaN."""
    assert math.isnan(paired.interval([], UNKNOWN).mean)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.05, 0.1, "slower"),
        (-0.1, -0.05, "faster"),
        (0.001, 0.01, "slower"),  # within delta, yet its sign is known
        (-0.01, 0.015, "equal"),
        (-0.02, 0.0, "undecided"),  # log 0.98 is below −log 1.02
        (-0.01, 0.03, "undecided"),
        (-0.5, 0.5, "undecided"),
        (math.nan, math.nan, "undecided"),
    ],
)
def test_a_claim_is_what_the_interval_allows(low: float, high: float, said: str):
    """Within ±2 %."""
    assert paired.claim(interval(low, high), 0.02) == said


def test_difference_and_ratio_are_of_one_estimate():
    """Their signs never contradict each other."""
    slower = interval(math.log(1.1), math.log(1.3))
    difference = paired.seconds(50.0, slower)
    assert difference.by_s == pytest.approx(50 * (math.sqrt(1.1 * 1.3) - 1))
    assert difference.half_width_s == pytest.approx(50 * (1.3 - 1.1) / 2)
    assert paired.seconds(50.0, interval(-0.02, 0.01)).by_s < 0
    assert math.isnan(paired.seconds(50.0, Interval(0.1, math.nan, UNKNOWN)).half_width_s)
