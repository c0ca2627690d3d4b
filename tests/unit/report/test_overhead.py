"""Served minus baseline, paired within a round, per 10,000 examples."""

import math

import pandas as pd
import pytest

from servecost.core.recipe import ROOT
from servecost.report import overhead
from servecost.report.attribution import PARTS
from servecost.report.read import results as read
from tests.unit.report.sample import SERVED, results


def row(summary: pd.DataFrame, concurrency: int) -> pd.Series:
    return summary[summary["concurrency"] == concurrency].iloc[0]


def test_overhead_is_scaled_and_paired_within_the_round():
    """1,000 examples stand for a tenth of 10,000; each round's served run has its own round's baseline."""
    pairs = overhead.pairs(results())
    assert list(pairs["overhead_s"]) == [20.0, 5.0, 30.0, 5.0]
    assert list(pairs["overhead_per_request_ms"]) == [16.0, 4.0, 24.0, 4.0]


def test_a_summary_is_the_mean_over_rounds():
    """Of both arms, and of their difference."""
    one = row(overhead.summary(overhead.pairs(results())), 1)
    assert (one.baseline_s, one.served_s, one.overhead_s) == (15.0, 40.0, 25.0)
    assert one.ratio == pytest.approx((30 / 10 + 50 / 20) / 2)
    assert one.instrument_s == pytest.approx(1.25)
    assert (one.rounds, one.rounds_planned) == (2, 2)


@pytest.mark.parametrize(("slow", "rule"), [(5.0, ""), (6.5, "spread")])
def test_rounds_that_differ_too_much_make_a_row_invalid(slow, rule):
    """The machine was not the same throughout if one round takes more than twice as long as another."""
    summary = overhead.summary(overhead.pairs(results(served=[(1, 8, 1, 3.0), (2, 8, 1, slow), *SERVED[1::2]])))
    assert list(summary["rule"]) == [rule, ""]


def test_the_interval_is_students():
    """One round has none."""
    assert overhead.half_width(pd.Series([1.0, 2.0, 3.0])) == pytest.approx(2.484, abs=1e-3)  # t(0.975, 2) / sqrt(3)
    assert math.isnan(overhead.half_width(pd.Series([1.0])))
    assert math.isnan(overhead.half_width(pd.Series([1.0, math.nan])))


def test_the_parts_of_a_published_overhead_sum_to_it():
    """Up to the rounding of floating-point numbers, in every round of every valid row."""
    paired = overhead.pairs(read.read(ROOT / "docs" / "results" / "page"))
    valid = paired[paired["rule"] == ""]
    assert len(valid) == 90
    assert (valid["overhead_s"] - valid[PARTS].sum(axis=1)).abs().max() < 1e-9
