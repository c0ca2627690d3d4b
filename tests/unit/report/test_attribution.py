"""Where the seconds go: the parts sum to the overhead, whatever the server did."""

import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servecost.core import call_log, layout
from servecost.report import attribution

DIRECT = pd.DataFrame(
    [(1, 64, 0.011), (8, 64, 0.040), (64, 64, 0.200), (4, 4, 9.0)], columns=["inputs", "batch_size", "call_s"]
)


def log_of(*rows: tuple[int, int, int]) -> pd.DataFrame:
    """Return a log of calls of start, end and inputs, at batch size 64."""
    return pd.DataFrame([(*row, 64) for row in rows], columns=list(call_log.COLUMNS))


def sizes(*counts: tuple[int, int]) -> pd.DataFrame:
    """Return so many calls of so many inputs, at batch size 64."""
    return pd.DataFrame([(64, *count) for count in counts], columns=attribution.CALLS_COLUMNS)


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
    """Within the run."""
    assert attribution.busy_ns(log_of(*rows), 10, 100) == expected


def test_the_direct_cost_is_that_of_calls_of_the_same_size():
    """The mean of those that were timed at the same batch size, and between sizes on the line between."""
    one, eight, between = 0.011, 0.040, 0.011 + (0.040 - 0.011) * 3 / 7
    assert attribution.direct_cost_s(sizes((1, 1), (8, 2)), DIRECT) == pytest.approx(one + 2 * eight)
    assert attribution.direct_cost_s(sizes((4, 1)), DIRECT) == pytest.approx(between)
    assert attribution.of_calls(sizes((1, 3), (8, 1)), DIRECT)["inputs_per_call"] == (3 + 8) / 4


def test_a_call_that_nothing_like_was_timed_of_has_no_known_cost():
    """It is not guessed."""
    assert math.isnan(attribution.direct_cost_s(sizes((65, 1)), DIRECT))
    assert math.isnan(attribution.direct_cost_s(sizes((1, 1)), DIRECT[DIRECT["batch_size"] == 4]))


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**8), st.integers(1, 64)), max_size=30))
def test_busy_is_never_more_than_the_window_nor_than_all_calls(rows):
    """Whatever the log looks like."""
    log = log_of(*((start, start + length, size) for start, length, size in rows))
    busy = attribution.busy_ns(log, 10**8, 8 * 10**8)
    assert 0 <= busy <= min(7 * 10**8, sum(length for _, length, _ in rows))


def test_percentiles_are_values_that_were_observed():
    """The smallest that so many do not exceed."""
    found = attribution.quantiles(pd.Series(range(1, 101), dtype=float))
    assert found == {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "max": 100}
    assert attribution.quantiles(pd.Series([3.0])) == dict.fromkeys(found, 3.0)


def test_the_stages_of_a_request_sum_to_its_response_time(tmp_path: Path):
    """Joined by the request's number; a request that the server has forgotten is left out."""
    (tmp_path / layout.LOCUST_REQUESTS_CSV).write_text(
        "request,worker,user,examples,sent_ns,answered_ns,failure\n"
        "0,0,0,1,1000000,9000000,\n1,0,0,1,9000000,20000000,\n2,0,0,1,20000000,21000000,\n"
    )
    (tmp_path / layout.SERVER_REQUESTS_CSV).write_text(
        "request,received_ns,fetched_ns,predicted_ns,answered_ns,predicted_in_batch_of\n"
        "1,9500000,12000000,15000000,19000000,1\n0,1500000,3000000,7000000,8000000,1\n"
    )
    found = attribution.stages_ms(tmp_path)
    assert found.to_numpy().tolist() == [[0.5, 1.5, 4.0, 1.0, 1.0], [0.5, 2.5, 3.0, 4.0, 1.0]]
    assert found.sum(axis=1).tolist() == attribution.response_times_ms(tmp_path)["response_ms"].tolist()[:2]


def test_a_system_that_logs_nothing_has_no_attribution(tmp_path: Path):
    """And says so by what is not a number."""
    assert math.isnan(attribution.busy_s(tmp_path))
    calls = attribution.calls_by_size(tmp_path)
    assert all(math.isnan(value) for value in attribution.of_calls(calls, DIRECT).values())
    assert attribution.stages_ms(tmp_path).empty
