"""What stands under a table: how many rows are decided, and notes on some of them."""

import pandas as pd
import pytest

from servecost.report import overhead
from servecost.report.write.notes import claims, under_table
from tests.unit.report.sample import results

SUMMARY = overhead.summary(overhead.pairs(results()))


def test_claims_are_counted():
    """The undecided, too; a row that is not valid is none of them."""
    counted = pd.concat([SUMMARY, SUMMARY.assign(claim="equal"), SUMMARY.assign(claim="", rule="spread")])
    assert claims(counted) == (
        "Of 4 valid rows, served against called directly: 1 slower, 0 faster, 2 equal within ±5 %, 1 **undecided**."
    )


def test_verdicts_come_first():
    """And nothing else where there is nothing to note."""
    first, second, *more = under_table(SUMMARY[:1]).split("\n\n")
    assert first.startswith("**VALID**")
    assert second.startswith("Of 1 valid rows")
    assert more == []


@pytest.mark.parametrize(("in_flight", "is_noted"), [(3.1, True), (3.3, False), (float("nan"), False)])
def test_a_cell_without_its_concurrency_is_noted(in_flight, is_noted):
    """It has fewer than 80 % of its users in flight on average."""
    said = under_table(SUMMARY.assign(mean_in_flight=in_flight, concurrency=4)[:1])
    note = "Fewer than 80 % of the users had a request in flight on average in echo, 8 × 4: 3.10."
    assert (note in said) == is_noted


@pytest.mark.parametrize(("reconnections", "is_noted"), [(1.5, True), (0.0, False), (float("nan"), False)])
def test_connections_that_were_opened_anew_are_noted(reconnections, is_noted):
    """What that takes is in the served seconds."""
    said = under_table(SUMMARY.assign(reconnections=reconnections)[:1])
    assert ("opened anew, within the served seconds, in echo, 8 × 1: 1.50 a run." in said) == is_noted


def test_an_interval_wider_than_asked_is_noted_and_no_less_valid():
    """With how wide it is."""
    said = under_table(SUMMARY, 0.03)
    assert "noise: the interval is wider than the ±3.0 % that the experiment asks for in echo, 8 × 1: ±9.5 %; " in said
    assert "**VALID**: all 2 rows." in said
    assert "noise:" not in under_table(SUMMARY, 2.0)
    assert "noise:" not in under_table(SUMMARY)


def test_many_rows_are_counted_and_not_named():
    """A note is a line."""
    assert under_table(pd.concat([SUMMARY] * 5), 0.03).endswith("; and 4 more.")
