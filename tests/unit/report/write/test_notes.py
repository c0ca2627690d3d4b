"""What stands under a table: how many rows are decided, and notes on some of them."""

import pandas as pd
import pytest

from servecost.report import overhead
from servecost.report.read.tables import Asked
from servecost.report.write.notes import counted, under_table
from tests.unit.report.sample import results

SUMMARY = overhead.summary(overhead.pairs(results()))


def test_claims_are_counted():
    """The undecided, too; a row that is not valid is none of them."""
    rows = pd.concat([SUMMARY, SUMMARY.assign(claim="equal"), SUMMARY.assign(claim="", rule="failures")])
    assert counted(rows, Asked(equal_within=0.025)) == (
        "Of 4 valid rows, served against called directly: 1 slower, 0 faster, 2 equal within ±2.5 %, 1 **undecided**."
    )


def test_of_undecided_rows_it_is_said_how_many_rounds_would_decide_them():
    """Those that need the fewest come first."""
    rows = SUMMARY.assign(claim="undecided", rounds_to_decide=[float("inf"), 12.0])
    said = "About so many rounds would decide the undecided rows: 12 (echo, 8 × 4); more than 1,000 (echo, 8 × 1)."
    assert said in under_table(rows, Asked())
    assert "so many pairs would decide" in under_table(rows.assign(rounds_planned=1), Asked())
    assert "would decide" not in under_table(rows.assign(rounds_to_decide=float("nan")), Asked())
    many = pd.concat([rows.assign(rounds_to_decide=[needed, float("nan")]) for needed in range(3, 12)])
    assert "decide the undecided rows: 7 half of them, 11 all; of 9 it is not known." in under_table(many, Asked())


def test_verdicts_come_first():
    """And nothing else where there is nothing to note."""
    first, second, *more = under_table(SUMMARY[:1], Asked()).split("\n\n")
    assert first.startswith("**VALID**")
    assert second.startswith("Of 1 valid rows")
    assert more == []


@pytest.mark.parametrize(("in_flight", "is_noted"), [(3.1, True), (3.3, False), (float("nan"), False)])
def test_a_cell_without_its_concurrency_is_noted(in_flight, is_noted):
    """It has fewer than 80 % of its users in flight on average."""
    said = under_table(SUMMARY.assign(mean_in_flight=in_flight, concurrency=4)[:1], Asked())
    note = "Fewer than 80 % of the users had a request in flight on average in echo, 8 × 4: 3.10."
    assert (note in said) == is_noted


@pytest.mark.parametrize(("parallel", "is_noted"), [(1.5, True), (1.01, False), (float("nan"), False)])
def test_calls_at_a_time_are_noted(parallel, is_noted):
    """The parts are then those of calls that overlap as much."""
    said = under_table(SUMMARY.assign(parallel=parallel)[:1], Asked())
    assert ("parallel: the predictor had several calls in progress at a time" in said) == is_noted


@pytest.mark.parametrize(("reconnections", "is_noted"), [(1.5, True), (0.0, False), (float("nan"), False)])
def test_connections_that_were_opened_anew_are_noted(reconnections, is_noted):
    """What that takes is in the served seconds."""
    said = under_table(SUMMARY.assign(reconnections=reconnections)[:1], Asked())
    assert ("opened anew, within the served seconds, in echo, 8 × 1: 1.50 a run." in said) == is_noted


def test_an_interval_wider_than_asked_is_noted_and_no_less_valid():
    """With how wide it is."""
    said = under_table(SUMMARY, Asked(0.03))
    assert "noise: the interval is wider than the ±3.0 % that the experiment asks for in echo, 8 × 1: ±9.5 %; " in said
    assert "**VALID**: all 2 rows." in said
    assert "noise:" not in under_table(SUMMARY, Asked(2.0))
    assert "noise:" not in under_table(SUMMARY, Asked())


def test_many_rows_are_counted_and_not_named():
    """A note is a line."""
    assert under_table(pd.concat([SUMMARY] * 5), Asked(0.03)).endswith("; and 4 more.")
