"""When a cell may stop, and at which level."""

import math

import numpy as np
import pytest

from servecost.statistics import looks, paired
from servecost.statistics.paired import Spread


@pytest.mark.parametrize(
    ("least", "most", "planned"),
    [(6, 30, (6, 8, 14, 20, 30)), (2, 6, (2, 4, 6)), (4, 8, (4, 6, 8)), (6, 6, (6,)), (1, 1, (1,)), (1, 2, (1, 2))],
)
def test_looks_are_few_and_even_from_the_least_to_the_most(least: int, most: int, planned: tuple[int, ...]):
    """Each about the same multiple of the one before."""
    assert looks.looks(least, most) == planned


@pytest.mark.parametrize("most", range(6, 60, 2))
def test_there_are_at_most_five_looks(most: int):
    """However many rounds there are."""
    planned = looks.looks(6, most)
    assert len(planned) <= 5
    assert list(planned) == sorted(set(planned))
    assert not any(rounds % 2 for rounds in planned)


def test_a_single_look_costs_nothing():
    """Its interval is that of a plan that never stops early."""
    assert looks.confidence((6,), 6) == 0.95


def test_several_looks_raise_the_level_at_each():
    """By less than a sum of separate errors would: 5 % over five looks is 99 % at each."""
    levels = {looks.confidence((6, 8, 14, 20, 30), rounds) for rounds in (6, 14, 30)}
    assert len(levels) == 1
    assert 0.96 < levels.pop() < 0.98


def test_a_look_that_was_not_planned_has_no_level():
    """It would be a look in between."""
    with pytest.raises(ValueError, match=r"no look is planned after 7 rounds, but after 6, 30"):
        looks.confidence((6, 30), 7)


@pytest.mark.parametrize(("half_width", "stops"), [(0.03, True), (0.031, False), (math.nan, False)])
def test_a_cell_stops_where_its_interval_is_narrow_enough(half_width: float, stops: bool):
    """One that has none does not."""
    assert looks.stops(half_width, 0.03) is stops


@pytest.mark.parametrize("sd", [0.01, 0.02, 0.03, 0.04, 0.06])
def test_the_interval_at_which_a_cell_stops_holds_the_truth(sd: float):
    """In 94.5 % at least (95 % less the error of 20,000 draws), with 6 to 30 rounds and a precision of 3 %."""
    planned = looks.looks(6, 30)
    rounds = np.random.default_rng(1).normal(0, sd, (20_000, planned[-1]))
    means, widths = [], []
    for look in planned:
        level = looks.confidence(planned, look)
        one = paired.half_width(look, Spread(1.0, look - 1, False), level)
        means.append(rounds[:, :look].mean(axis=1))
        widths.append(one * rounds[:, :look].std(axis=1, ddof=1))
    stopped = np.array([looks.stops(width, 0.03) for width in np.transpose(widths).ravel()]).reshape(-1, len(planned))
    stopped[:, -1] = True
    place = stopped.argmax(axis=1)
    held = np.abs(means) <= widths
    assert held[place, np.arange(len(rounds))].mean() >= 0.945
