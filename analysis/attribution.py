"""Where the seconds go: an identity, from the log of the served predictor's calls and the direct cost of such calls.

One predictor runs at a time, so the seconds of a served run are busy or idle, and

    served − baseline = (direct cost of the same calls − baseline)    call pattern
                      + (busy − direct cost of the same calls)        contention
                      + (served − busy)                               serving path

Pure but for reading one run's files. Owns the three parts, and the response times and stages of a run's requests.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.results import whole_rows
from contract import results as names

PARTS = ["call_pattern_s", "contention_s", "serving_path_s"]
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
UNKNOWN = dict.fromkeys(("busy_s", "direct_s", "calls", "inputs_per_call"), np.nan)
STAGES = {
    "sent → received": ("sent_ns", "received_ns"),
    "received → fetched": ("received_ns", "fetched_ns"),
    "fetched → predicted": ("fetched_ns", "predicted_ns"),
    "predicted → answered": ("predicted_ns", "server_answered_ns"),
    "answered → arrived": ("server_answered_ns", "answered_ns"),
}


def busy_and_direct(folder: Path, direct_calls: pd.DataFrame) -> dict[str, float]:
    """Return of one served run: ``busy_s``, ``direct_s``, ``calls`` and ``inputs_per_call``; NaN without a log.

    ``direct_calls``: the separate direct calls of its part, by ``contract.results.DIRECT_CALLS_COLUMNS``.
    """
    path = folder / names.CALLS_CSV
    if not path.is_file():
        return UNKNOWN
    calls, run = pd.read_csv(path), json.loads((folder / names.LOCUST_RUN_JSON).read_text())
    begin_ns = run["released_ns"]
    window = begin_ns, begin_ns + round(run["total_s"] * 1e9)
    return {
        "busy_s": busy_ns(calls, *window) / 1e9,
        "direct_s": direct_cost_s(calls, direct_calls),
        "calls": len(calls),
        "inputs_per_call": calls["inputs"].mean(),
    }


def busy_ns(calls: pd.DataFrame, begin_ns: int, end_ns: int) -> int:
    """Return for how long, within a window, at least one call was in progress.

    Calls of one predictor do not overlap; those of several processes may, and are then counted once.
    """
    busy, reached = 0, begin_ns
    for called, returned in sorted(zip(calls["start_ns"], calls["end_ns"], strict=True)):
        start, end = max(int(called), reached), min(int(returned), end_ns)
        if end > start:
            busy, reached = busy + end - start, end
    return busy


def direct_cost_s(calls: pd.DataFrame, direct_calls: pd.DataFrame) -> float:
    """Return what the same calls cost directly: each the mean of the separate calls of its size and batch size.

    Between sizes that were timed the cost is interpolated linearly. NaN if nothing was timed at such a batch size.
    """
    total_s = 0.0
    for batch_size, own in calls.groupby("batch_size"):
        timed = direct_calls[direct_calls["batch_size"] == batch_size].groupby("inputs")["call_s"].mean()
        if timed.empty or own["inputs"].min() < timed.index.min() or own["inputs"].max() > timed.index.max():
            return float("nan")
        total_s += float(np.interp(own["inputs"], timed.index, timed.to_numpy()).sum())
    return total_s


def response_times_ms(folder: Path) -> "pd.Series[float]":
    """Return the response times of a run's requests, unrounded, from their first byte sent to their answer complete."""
    requests = pd.read_csv(folder / names.LOCUST_REQUESTS_CSV)
    return (requests["answered_ns"] - requests["sent_ns"]) / 1e6


def quantiles(values: "pd.Series[float]") -> dict[str, float]:
    """Return p50, p90, p95, p99 and max, each a value that was observed: the inverse of the empirical distribution.

    R. J. Hyndman and Y. Fan, Sample Quantiles in Statistical Packages (1996), definition 1.
    """
    if values.empty:
        return dict.fromkeys(QUANTILES, np.nan)
    found = np.quantile(values.to_numpy(), list(QUANTILES.values()), method="inverted_cdf")
    return dict(zip(QUANTILES, found.tolist(), strict=True))


def stages_ms(folder: Path) -> pd.DataFrame:
    """Return how long each request that the server has on record spent in each stage: a column for each of ``STAGES``.

    They sum to the response time. The server's wall clock is put on the client's monotonic clock by what both said at
    the release. Empty if the server keeps no records.
    """
    path = folder / names.SERVER_REQUESTS_CSV
    if not path.is_file():
        return pd.DataFrame(columns=list(STAGES))
    server = pd.read_csv(path).rename(columns={"answered_ns": "server_answered_ns"})
    joined = pd.read_csv(folder / names.LOCUST_REQUESTS_CSV).merge(server, on="request", validate="one_to_one")
    return pd.DataFrame({stage: (joined[end] - joined[begin]) / 1e6 for stage, (begin, end) in STAGES.items()})


def direct_calls_of(part: Path) -> pd.DataFrame:
    """Return a part's separate direct calls; empty if there are none, or their file is no such file."""
    table = whole_rows(part / names.DIRECT_CALLS_CSV)
    if list(table.columns) != list(names.DIRECT_CALLS_COLUMNS):
        return pd.DataFrame(columns=list(names.DIRECT_CALLS_COLUMNS))
    return table
