"""Where the seconds go: the predictor's busy time, and what its calls cost directly."""

import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servecost.core import call_log
from servecost.report import attribution
from servecost.report.read.tables import CALLS_COLUMNS

COSTS = pd.DataFrame(
    [(1, 64, 0.011), (8, 64, 0.040), (64, 64, 0.200), (4, 4, 9.0)], columns=["inputs", "call_batch_size", "cost_s"]
)
DIRECT = COSTS.rename(columns={"cost_s": "call_s"}).assign(reference_inputs=math.nan, reference_s=math.nan)


def log_of(*rows: tuple[int, int, int]) -> pd.DataFrame:
    """Return a log of calls of start, end and inputs, at batch size 64."""
    return pd.DataFrame([(*row, 64) for row in rows], columns=list(call_log.COLUMNS))


def sizes(*counts: tuple[int, int]) -> pd.DataFrame:
    """Return so many calls of so many inputs, at batch size 64."""
    return pd.DataFrame([(64, *count) for count in counts], columns=CALLS_COLUMNS)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(10, 30, 1), (40, 50, 1)], 30),
        ([(0, 30, 1)], 20),  # began before the window
        ([(90, 130, 1)], 10),  # ended after it
        ([(10, 50, 1), (20, 30, 1), (40, 60, 1)], 50),  # of several processes: counted once
        ([], 0),
    ],
)
def test_busy_is_the_time_in_which_a_call_was_in_progress(rows, expected):
    """Only the time within the run counts."""
    assert attribution.busy_ns(log_of(*rows), 10, 100) == expected


@pytest.mark.parametrize(
    ("rows", "busy_ns", "parallel"),
    [
        ([(10, 30, 1), (40, 50, 1)], 30, 1),
        ([(10, 50, 1), (20, 60, 1), (0, 20, 1)], 50, 1.8),  # what was before the release does not count
        ([(90, 130, 1), (90, 130, 1)], 10, 2),
        ([], 0, math.nan),
    ],
)
def test_calls_that_overlap_are_parallel(tmp_path: Path, rows, busy_ns, parallel):
    """By their seconds in all over those in which there was any, within the run."""
    log_of(*rows).to_csv(tmp_path / "calls.csv", index=False)
    (tmp_path / "locust_run.json").write_text('{"released_ns": 10, "total_s": 9e-8}')
    assert attribution.busy(tmp_path) == pytest.approx((busy_ns / 1e9, parallel), nan_ok=True)


def test_the_direct_cost_is_that_of_calls_of_the_same_size():
    """It is the mean of those timed at the same batch size, and between two sizes on the line between them."""
    one, eight, between = 0.011, 0.040, 0.011 + (0.040 - 0.011) * 3 / 7
    assert attribution.direct_cost_s(sizes((1, 1), (8, 2)), COSTS) == pytest.approx(one + 2 * eight)
    assert attribution.direct_cost_s(sizes((4, 1)), COSTS) == pytest.approx(between)
    costs = attribution.call_costs(sizes((1, 3), (8, 1)), DIRECT, 0.01)
    assert costs.direct_s == pytest.approx(3 * one + eight)
    assert (costs.calls, costs.inputs_per_call) == (4, (3 + 8) / 4)


def test_the_cost_of_a_call_is_known_relative_to_the_baselines_own_work():
    """A call took half as long as the reference call of 8 inputs, and the baseline 10 ms an example: 40 ms."""
    beside = DIRECT.assign(call_s=1.5, reference_inputs=8, reference_s=3.0)
    assert list(attribution.costs_by_size(beside, 0.01)["cost_s"]) == pytest.approx([0.04] * 4)
    assert list(attribution.costs_by_size(DIRECT, 0.01)["cost_s"]) == list(DIRECT["call_s"])


def test_a_call_unlike_any_that_was_timed_has_no_known_cost():
    """The cost is not guessed."""
    assert math.isnan(attribution.direct_cost_s(sizes((65, 1)), COSTS))
    assert math.isnan(attribution.direct_cost_s(sizes((1, 1)), COSTS[COSTS["call_batch_size"] == 4]))


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**8), st.integers(1, 64)), max_size=30))
def test_busy_is_never_more_than_the_window_nor_than_all_calls(rows):
    """Whatever the log looks like."""
    log = log_of(*((start, start + length, size) for start, length, size in rows))
    busy = attribution.busy_ns(log, 10**8, 8 * 10**8)
    assert 0 <= busy <= min(7 * 10**8, sum(length for _, length, _ in rows))


def test_a_system_that_logs_nothing_has_no_attribution(tmp_path: Path):
    """All of it is NaN."""
    assert attribution.busy(tmp_path) == pytest.approx(attribution.Busy(), nan_ok=True)
    calls = attribution.calls_by_size(tmp_path)
    assert all(math.isnan(value) for value in attribution.call_costs(calls, DIRECT, 0.01))
