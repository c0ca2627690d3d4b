"""By what part the cells of one table differ from those of another."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from servecost.report.change import Change, Estimate, findings


def change(a: list[float], b: list[float]) -> Change:
    return Change.between(Estimate.of_mean(a), Estimate.of_mean(b))


@pytest.mark.parametrize(
    ("a", "b", "said", "found"),
    [
        ([1.0, 1.01, 0.99], [1.5, 1.51, 1.49], r"^\+50\.\d% \[\+4\d\.\d%, \+5\d\.\d%\]$", "worse"),
        ([1.5, 1.51, 1.49], [1.0, 1.01, 0.99], r"^−33\.\d% \[−3\d\.\d%, −3\d\.\d%\]$", "better"),
        ([1.0, 1.2, 0.8], [1.1, 0.9, 1.2], r"^\+\d+\.\d% \[−\d+\.\d%, \+\d+\.\d%\]$", "undecided"),
        ([1.0, 1.001, 0.999], [1.03, 1.031, 1.029], r"^\+3\.0% \[", "no worse"),  # significant, and allowed
        ([1.0, 1.0], [1.0, 1.0], r"^\+0\.0% \[\+0\.0%, \+0\.0%\]$", "no worse"),
        ([1.0, 1.0], [1.5, 1.5], r"^\+50\.0% \[\+50\.0%, \+50\.0%\]$", "worse"),
        ([1.0], [2.0, 2.1], r"^\+105\.0% \(no interval\)$", "undecided"),
        ([1.0], [2.0], r"^\+100\.0% \(no interval\)$", "undecided"),
    ],
)
def test_a_change_has_an_interval_and_a_finding(a, b, said, found):
    """Where 5 % more is allowed."""
    own = change(a, b)
    assert re.search(said, str(own)), str(own)
    assert findings([own], 0.05) == [found]


def test_a_change_is_tested_by_welchs_test():
    """Nearly as scipy does it with the logarithms of the rounds, where these differ little."""
    quiet, noisy = np.array([1.0, 1.001, 0.999, 1.002]), np.array([1.02, 1.05, 0.96, 1.01])
    own = change(list(quiet), list(noisy))
    expected = stats.ttest_ind(np.log(noisy), np.log(quiet), equal_var=False, alternative="greater")
    assert own.p_above(0) == pytest.approx(expected.pvalue, rel=0.05)
    assert own.df == pytest.approx(expected.df, rel=0.01)


def test_a_ratio_changes_by_what_is_not_in_both_arms():
    """Rounds in which the machine was half as fast say nothing."""
    a, b = Estimate.of_ratio([3.0, 6.0], [2.0, 4.0]), Estimate.of_ratio([1.65, 3.3], [1.0, 2.0])
    own = Change.between(a, b)
    assert own.by == pytest.approx(0.1)
    assert own.error == pytest.approx(0, abs=1e-12)


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
    """Yield 200 comparisons of 42 cells, the first of which got slower."""
    for a, b in np.random.default_rng(1).normal(1, sd, (200, 2, 42, rounds)):
        b[0] *= 1 + slower
        yield [Change.between(Estimate.of_mean(own), Estimate.of_mean(other)) for own, other in zip(a, b, strict=True)]


def test_the_same_system_twice_is_called_worse_in_5_percent_of_tables_at_most():
    """Anywhere among 42 cells, plus the error of 200 simulated tables."""
    false_alarms = np.mean(["worse" in findings(table, 0) for table in tables(0.043, 6)])
    assert false_alarms <= 0.05 + 0.0308


@pytest.mark.parametrize(("rounds", "slower"), [(6, 0.2), (36, 0.05)])
def test_a_cell_that_got_slower_is_found_among_42(rounds: int, slower: float):
    """In nine of ten tables, at the noise of a sliced pair; what is not found rarely passes."""
    found = [findings(table, 0) for table in tables(0.043, rounds, slower)]
    assert np.mean([said[0] == "worse" for said in found]) >= 0.9
    assert np.mean([said[0] == "no worse" for said in found]) <= 0.1
