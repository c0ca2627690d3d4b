"""Where the spread of a table's cells comes from."""

import math

import numpy as np
import pytest

from servecost.statistics import variance


def drawn(within_sd: float, rounds_sd: float, cells: int, rounds: int) -> np.ndarray:
    random = np.random.default_rng(1)
    of_cells, of_rounds = random.normal(0, 1, (cells, 1)), random.normal(0, rounds_sd, rounds)
    return of_cells + of_rounds + random.normal(0, within_sd, (cells, rounds))


@pytest.mark.parametrize(("within_sd", "rounds_sd"), [(0.1, 0.05), (0.2, 0.0), (0.02, 0.05)])
def test_both_parts_are_found(within_sd: float, rounds_sd: float):
    """However far the cells themselves lie apart."""
    found = variance.split(drawn(within_sd, rounds_sd, 21, 400))
    assert found.within_sd == pytest.approx(within_sd, rel=0.1)
    assert found.rounds_sd == pytest.approx(rounds_sd, abs=0.02)


@pytest.mark.parametrize(
    ("within_sd", "rounds_sd", "advice"), [(0.2, 0.01, "longer runs"), (0.02, 0.05, "more rounds")]
)
def test_the_larger_part_says_what_narrows_the_interval(within_sd: float, rounds_sd: float, advice: str):
    """Longer runs do nothing against what all pairs of a round have in common."""
    assert variance.split(drawn(within_sd, rounds_sd, 21, 50)).advice == advice


@pytest.mark.parametrize(("rounds", "is_advised"), [(2, False), (3, False), (4, True)])
def test_few_rounds_give_no_advice(rounds: int, is_advised: bool):
    """What two or three have in common is hardly known."""
    assert (variance.split(drawn(0.1, 0.1, 21, rounds)).advice is not None) == is_advised


def test_rounds_that_are_more_alike_than_their_pairs_differ_by_nothing():
    """A variance is not negative."""
    assert variance.split([[0.0, 1.0], [1.0, 0.0]]).rounds_sd == 0


@pytest.mark.parametrize("cells", [[], [[0.1, 0.2]], [[0.1], [0.2]]])
def test_without_a_second_round_or_cell_nothing_is_known(cells):
    """Neither is there advice."""
    found = variance.split(cells)
    assert math.isnan(found.within_sd)
    assert found.advice is None
