"""By what part the cells of one table differ from those of another."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from servecost.report.change import Change, changes, findings


def change(a: list[float], b: list[float]) -> Change:
    (only,) = changes({0: np.log(a)}, {0: np.log(b)}).values()
    return only


@pytest.mark.parametrize(
    ("a", "b", "said", "found"),
    [
        ([1.0, 1.01, 0.99], [1.5, 1.51, 1.49], r"^\+50\.\d% \[\+4\d\.\d%, \+5\d\.\d%\]$", "worse"),
        ([1.5, 1.51, 1.49], [1.0, 1.01, 0.99], r"^−33\.\d% \[−3\d\.\d%, −3\d\.\d%\]$", "better"),
        ([1.0, 1.2, 0.8], [1.1, 0.9, 1.2], r"^\+\d+\.\d% \[−\d+\.\d%, \+\d+\.\d%\]$", "undecided"),
        ([1.0, 1.001, 0.999], [1.03, 1.031, 1.029], r"^\+3\.0% \[", "no worse"),  # significant, and allowed
        ([1.0, 1.0], [1.0, 1.0], r"^\+0\.0% \[\+0\.0%, \+0\.0%\]$", "no worse"),
        ([1.0, 1.0], [1.5, 1.5], r"^\+50\.0% \[\+50\.0%, \+50\.0%\]$", "worse"),
        ([1.0], [2.0, 2.1], r"^\+104\.9% \(no interval\)$", "undecided"),
        ([1.0], [2.0], r"^\+100\.0% \(no interval\)$", "undecided"),
    ],
)
def test_a_change_has_an_interval_and_a_finding(a, b, said, found):
    """Where 5 % more is allowed."""
    own = change(a, b)
    assert re.search(said, str(own)), str(own)
    assert findings([own], 0.05) == [found]


def test_cells_whose_variances_agree_share_a_spread():
    """That of both tables, by which also a single round has an interval."""
    a = {"x": np.array([0.0, 0.01]), "y": np.array([0.5, 0.52]), "only in a": np.array([0.3, 0.31])}
    found = changes(a, {"x": np.array([0.1]), "y": np.array([0.5, 0.49])})
    assert list(found) == ["x", "y"]
    assert found["x"].spread == found["y"].spread
    assert (found["x"].df, found["x"].spread.is_pooled) == (4, True)
    assert found["x"].error == pytest.approx(found["x"].spread.sd * np.sqrt(1 + 1 / 2))


def test_cells_whose_variances_differ_are_compared_by_welchs_test():
    """As scipy does it."""
    quiet, noisy = np.array([0.0, 0.001, -0.001, 0.002]), np.array([0.2, 0.5, -0.4, 0.1])
    own = changes({0: quiet}, {0: noisy})[0]
    expected = stats.ttest_ind(noisy, quiet, equal_var=False, alternative="greater")
    assert not own.spread.is_pooled
    assert own.p_above(0) == pytest.approx(expected.pvalue)
    assert own.df == pytest.approx(expected.df)


def test_a_wide_interval_passes_where_it_excludes_what_would_be_too_much():
    """A cell that got much faster need not be known to 5 %."""
    own = change([4.0, 5.0, 3.5], [1.0, 1.3, 0.8])
    assert own.would_miss(0.05)
    assert findings([own], 0) == ["better"]
    assert findings([change([1.0, 1.2, 0.8], [1.1, 0.9, 1.2])], 3) == ["no worse"]


def test_an_undecided_cell_says_how_many_rounds_it_would_take():
    """For the smallest increase that has to be seen."""
    assert change([1.0, 1.1, 0.9], [1.0, 1.1, 0.9]).rounds_needed(0.05) == 74
    assert change([1.0], [1.0]).rounds_needed(0.05) is None


def tables(sd: float, rounds: int, slower: float = 0) -> Iterator[list[Change]]:
    """Yield 200 comparisons of two recipes with 21 cells each, the first of which got slower."""
    for a, b in np.random.default_rng(1).normal(0, sd, (200, 2, 2, 21, rounds)):
        b[0, 0] += np.log1p(slower)
        recipes = (changes(dict(enumerate(a[recipe])), dict(enumerate(b[recipe]))) for recipe in range(2))
        yield [own for recipe in recipes for own in recipe.values()]


def test_the_same_system_twice_is_called_worse_in_5_percent_of_tables_at_most():
    """Anywhere among 42 cells, plus the error of 200 simulated tables."""
    false_alarms = np.mean(["worse" in findings(table, 0) for table in tables(0.04, 6)])
    assert false_alarms <= 0.05 + 0.0308


def test_5_percent_more_in_one_of_42_cells_is_found():
    """In nine of ten tables of 8 rounds, at the noise of a sliced pair; what is not found rarely passes."""
    found = [findings(table, 0) for table in tables(0.021, 8, 0.05)]
    assert np.mean([said[0] == "worse" for said in found]) >= 0.9
    assert np.mean([said[0] == "no worse" for said in found]) <= 0.1
