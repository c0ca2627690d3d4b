"""What the numbers show: every number in a sentence is computed, and nothing is said of cells without one."""

import pandas as pd
import pytest

from servecost.report.write.findings import Findings, find
from tests.unit.report.sample import cells

SUMMARY = cells((1, 1, 20, 5, 5, 60, 1), (10, 1, 10, 1, 1, 7, 10), (100, 1, 9, 0, 0, 3, 100), (1, 8, 20, -15, 1, 4, 8))


def found(summary: pd.DataFrame = SUMMARY) -> Findings:
    findings = find(summary)
    assert findings is not None
    return findings


def test_a_fixed_cost_is_that_of_a_request_whatever_is_in_it():
    """6 ms a request of 1, 7 ms of 10, 30 ms of 100."""
    said = found().fixed_cost
    assert "the predictor stands idle for 6.00 ms of a request of 1, which takes 7.00 ms more than the direct" in said
    assert "Up to batches of 10 that is 6.00 to 7.00 ms a request" in said
    assert "in requests of 1 pay it 10,000 times, in requests of 10 only 1,000 times" in said


def test_a_cost_that_grows_at_once_is_no_fixed_cost():
    """Nor is anything said of batch sizes where there is only one."""
    grown = found(SUMMARY[SUMMARY["batch_size"] != 10])
    assert grown.fixed_cost.endswith("call of as many. At batches of 100 that has grown already.")
    assert found(SUMMARY[SUMMARY["batch_size"] == 1]).fixed_cost.endswith("the direct call of as many.")


def test_growth_is_that_of_each_example():
    """From the smallest to the largest request."""
    assert (
        "from 6.00 ms for a request of 1 to 30.0 ms for one of 100, that is 0.242 ms for each example" in found().growth
    )


@pytest.mark.parametrize(
    ("recipe", "said"),
    [("deepsegment_en", "(173 bytes an example)"), ("efficientnet_b2", "(112,531 bytes an example)")],
)
def test_the_size_of_an_example_is_that_on_the_systems_wire(recipe: str, said: str):
    """JSON or FILE input, as the system's own wire encodes it."""
    assert f"`{recipe}` {said}: from" in found(SUMMARY.assign(recipe=recipe, label=recipe)).growth


@pytest.mark.parametrize("unknown", [{"recipe": "of-somebody-else"}, {"system": "of-somebody-else"}])
def test_nothing_is_said_of_the_size_on_an_unknown_wire(unknown: dict[str, str]):
    """Results may come from a clone that has other recipes or systems."""
    assert "bytes" not in found(SUMMARY.assign(**unknown)).growth


def test_a_negative_overhead_is_explained_by_its_parts():
    """The cell, how many inputs were merged, what that saved and what serving took again."""
    said = found().negative
    assert "negative in 1 of 4 decided cells (batch size × concurrency: `echo` 1 × 8). `echo`, most of all in" in said
    assert "8.00 inputs a call; call pattern −15.0 s, contention +1.00 s and serving path +4.00 s leave −10.0 s" in said
    assert "nowhere here" in found(SUMMARY[SUMMARY["claim"] == "slower"]).negative


def test_the_advice_is_about_batch_size_and_concurrency():
    """And says from which batch size on serving is cheap, if at any."""
    findings = found()
    assert findings.cheap.endswith("at most 10% of the baseline: `echo` at no batch size here for sure (least at 100).")
    assert "In batches of 1 it takes 90.0 s at 1, 10.0 s at 8 concurrent: have several requests" in findings.concurrency
    alike = found(cells((8, 1, 10, 0, 0, 5, 8), (8, 4, 10, 0, 0, 4.9, 8)))
    assert "15.0 s at 1, 14.9 s at 4 concurrent: more of them at a time gain nothing" in alike.concurrency
    assert findings.concurrency.startswith("- *Concurrency*, `echo`.")
    assert found(cells((8, 1, 10, 0, 0, 0.5, 8))).cheap.endswith("`echo` at batch size 8.")


def test_the_losses_are_those_of_the_median_cell_at_the_highest_concurrency():
    """By the part of its served seconds."""
    assert found().losses == (
        "With 8 requests in flight the median cell loses 40% of its seconds to the serving path and 10% to contention "
        "for the cores."
    )


@pytest.mark.parametrize("lacking", [{"claim": ""}, {"claim": "undecided"}, {"call_pattern_s": float("nan")}])
def test_a_cell_that_is_not_decided_is_in_no_finding(lacking):
    """Nor is one that is not valid, or whose seconds are not accounted for."""
    assert find(SUMMARY.assign(**lacking)) is None
    one = SUMMARY.assign(claim=["slower", "slower", "undecided", "undecided"])
    assert "nowhere here" in found(one).negative
    assert "for one of 10," in found(one).growth


def test_a_system_that_chose_otherwise_is_another_one():
    """Its cells are spoken of by what it chose; what is sent is the same."""
    other = SUMMARY.assign(recipe="deepsegment_en", label="deepsegment_en, size 2")
    said = found(pd.concat([SUMMARY, other]))
    assert "`deepsegment_en, size 2` (173 bytes an example): from" in said.growth
    assert said.concurrency.count("*Concurrency*") == 2
