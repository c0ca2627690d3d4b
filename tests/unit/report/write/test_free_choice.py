"""What a system's own choice costs, told of the rounds of an experiment that left it free."""

import pandas as pd

from servecost.report.computed import Computed
from servecost.report.write import free_choice
from tests.unit.report.sample import results


def test_what_a_system_chose_is_listed_by_recipe():
    """Each value once, with how many rounds had it, whatever the fact is called."""
    rows = [(1, "a", 64, 1.5), (1, "a", 64, 1.5), (2, "a", 64, 1.5), (3, "a", 32, 1.5), (1, "b", 2, float("nan"))]
    served = pd.DataFrame(rows, columns=["round", "recipe", "size", "time_s"]).assign(rule="", system="x")
    assert free_choice.in_words(served) == {
        "size": "`a`: 32 (in 1 of 3 rounds) or 64 (in 2 of 3 rounds); `b`: 2",
        "time_s": "`a`: 1.5",
    }


def test_the_section_says_how_often_each_choice_came_and_how_far_they_lie_apart():
    """Two rounds under two choices: one round each, which have no interval."""
    text = free_choice.section(Computed(results(choices=(64, 32))))
    assert text.startswith(free_choice.TITLE)
    assert "- `optimal_batch_size`: `echo`: 32 (in 1 of 2 rounds) or 64 (in 1 of 2 rounds)." in text
    assert "time_per_example_s" not in text
    assert "| echo, optimal_batch_size 32" in text
    assert "- echo, 8 × 1: no choice is told from another." in text


def test_choices_whose_intervals_lie_apart_are_told_from_each_other():
    """As many times as served takes under the one, against the baseline, as under the other."""
    own = {"recipe": "a", "system": "s", "system_label": "S", "batch_size": 1, "concurrency": 8}
    rows = [
        {**own, "choice": "n 2", "ratio": 1.0, "ratio_low": 0.9, "ratio_high": 1.1},
        {**own, "choice": "n 4", "ratio": 1.5, "ratio_low": 1.4, "ratio_high": 1.6},
    ]
    assert list(free_choice._differences(pd.DataFrame(rows))) == [
        "- a, 1 × 8: served, n 4 takes 1.50 × as long as n 2."
    ]
