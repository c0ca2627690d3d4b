"""Where the seconds go: an identity, from the log of the served predictor's calls and the direct cost of such calls.

The seconds of a served run are busy, with at least one of the predictor's calls in progress, or idle, and

    served − baseline = (direct cost of the same calls − baseline)    call pattern
                      + (busy − direct cost of the same calls)        contention
                      + (served − busy)                               serving path

Where calls overlap, in several processes or threads, the run is parallel: by so much as their seconds are more than the
busy ones. What the same calls would cost directly is then divided by that, as if they had overlapped as much: what
working at a time gains is in the call pattern, and contention is what it would be without.

The direct cost of a call is known relative to a reference call, the baseline's own work in small, which was made in
turn with it in one process: the machine's drift cancels. It is then put in seconds of the pair's own baseline.

Owns the three parts. Pure, apart from reading one run's log of calls.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from servecost.core import layout
from servecost.report.read.tables import CALLS_COLUMNS

PART_NAMES = {"call_pattern_s": "call pattern", "contention_s": "contention", "serving_path_s": "serving path"}
PARTS = list(PART_NAMES)


class CallCosts(NamedTuple):
    """The predictor's calls in one served run, and what they cost directly; NaN without a log of them."""

    direct_s: float = np.nan
    calls: float = np.nan
    inputs_per_call: float = np.nan


UNKNOWN = CallCosts()


class Busy(NamedTuple):
    """For how many seconds the predictor was busy in a served run, and how many of its calls were in progress then.

    ``parallel`` is a mean, from 1 up. Both are NaN without a log of its calls.
    """

    busy_s: float = np.nan
    parallel: float = np.nan


NEVER = Busy()


def busy(folder: Path) -> Busy:
    """Return when the predictor was busy in the served run of a pair's folder."""
    path = folder / layout.CALLS_CSV
    if not path.is_file():
        return NEVER
    run = json.loads((folder / layout.LOCUST_RUN_JSON).read_text(encoding="utf-8"))
    begin_ns, calls = run["released_ns"], pd.read_csv(path)
    end_ns = begin_ns + round(run["total_s"] * 1e9)
    union_ns = busy_ns(calls, begin_ns, end_ns)
    in_all_ns = (calls["end_ns"].clip(upper=end_ns) - calls["start_ns"].clip(lower=begin_ns)).clip(lower=0).sum()
    return Busy(union_ns / 1e9, float(in_all_ns) / union_ns if union_ns else np.nan)


def calls_by_size(folder: Path) -> pd.DataFrame:
    """Return the number of the predictor's calls of each size in a served run: ``CALLS_COLUMNS``."""
    path = folder / layout.CALLS_CSV
    if not path.is_file():
        return pd.DataFrame(columns=CALLS_COLUMNS)
    sizes = pd.read_csv(path).groupby(["batch_size", "inputs"], as_index=False).size()
    return sizes.set_axis(CALLS_COLUMNS, axis="columns")


def busy_ns(calls: pd.DataFrame, begin_ns: int, end_ns: int) -> int:
    """Return the time within a window in which at least one call was in progress.

    Calls of one predictor do not overlap; those of several processes may, and are then counted once.
    """
    busy, reached = 0, begin_ns
    for called, returned in sorted(zip(calls["start_ns"], calls["end_ns"], strict=True)):
        start, end = max(int(called), reached), min(int(returned), end_ns)
        if end > start:
            busy, reached = busy + end - start, end
    return busy


def call_costs(calls: pd.DataFrame, direct_calls: pd.DataFrame, example_s: float) -> CallCosts:
    """Return what one run's calls, by ``CALLS_COLUMNS``, cost directly.

    ``direct_calls``: the means of the separate calls beside the run, by ``DIRECT_CALLS_COLUMNS``; ``example_s``: the
    seconds that its pair's baseline took for an example.
    """
    count = calls["calls"].sum()
    if not count:
        return UNKNOWN
    return CallCosts(
        direct_s=direct_cost_s(calls, costs_by_size(direct_calls, example_s)),
        calls=count,
        inputs_per_call=(calls["inputs"] * calls["calls"]).sum() / count,
    )


def costs_by_size(direct_calls: pd.DataFrame, example_s: float) -> pd.DataFrame:
    """Return ``cost_s`` of a call by ``call_batch_size`` and ``inputs``.

    ``call_s`` / ``reference_s`` × ``reference_inputs`` × ``example_s``; ``call_s`` itself where there is no reference.
    """
    relative = direct_calls["call_s"] / direct_calls["reference_s"] * direct_calls["reference_inputs"]
    return direct_calls.assign(cost_s=(relative * example_s).fillna(direct_calls["call_s"]))


def direct_cost_s(calls: pd.DataFrame, costs: pd.DataFrame) -> float:
    """Return what the same calls cost directly: each the mean of the separate calls of its size and batch size.

    Between sizes that were timed the cost is interpolated linearly. NaN if nothing was timed at such a batch size, or
    no size as small or as large.
    """
    total_s = 0.0
    for batch_size, own in calls.groupby("call_batch_size"):
        timed = costs[costs["call_batch_size"] == batch_size].sort_values("inputs")
        if timed.empty or own["inputs"].min() < timed["inputs"].min() or own["inputs"].max() > timed["inputs"].max():
            return float("nan")
        total_s += float((own["calls"] * np.interp(own["inputs"], timed["inputs"], timed["cost_s"])).sum())
    return total_s
