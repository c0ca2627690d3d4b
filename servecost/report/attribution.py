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

from servecost.core import layout

PARTS = ["call_pattern_s", "contention_s", "serving_path_s"]
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
UNKNOWN = dict.fromkeys(("direct_s", "calls", "inputs_per_call"), np.nan)
CALLS_COLUMNS = ["call_batch_size", "inputs", "calls"]
STAGES = {
    "sent → received": ("sent_ns", "received_ns"),
    "received → fetched": ("received_ns", "fetched_ns"),
    "fetched → predicted": ("fetched_ns", "predicted_ns"),
    "predicted → answered": ("predicted_ns", "server_answered_ns"),
    "answered → arrived": ("server_answered_ns", "answered_ns"),
}


def busy_s(folder: Path) -> float:
    """Return for how long the predictor was busy in a served run; NaN without a log of its calls."""
    path = folder / layout.CALLS_CSV
    if not path.is_file():
        return float("nan")
    run = json.loads((folder / layout.LOCUST_RUN_JSON).read_text())
    begin_ns = run["released_ns"]
    return busy_ns(pd.read_csv(path), begin_ns, begin_ns + round(run["total_s"] * 1e9)) / 1e9


def calls_by_size(folder: Path) -> pd.DataFrame:
    """Return how many calls of which size a served run's predictor was called with: ``CALLS_COLUMNS``."""
    path = folder / layout.CALLS_CSV
    if not path.is_file():
        return pd.DataFrame(columns=CALLS_COLUMNS)
    sizes = pd.read_csv(path).groupby(["batch_size", "inputs"], as_index=False).size()
    return sizes.set_axis(CALLS_COLUMNS, axis="columns")


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


def of_calls(calls: pd.DataFrame, direct_calls: pd.DataFrame) -> dict[str, float]:
    """Return of one run's calls, by ``CALLS_COLUMNS``: ``direct_s``, ``calls`` and ``inputs_per_call``; NaN of none.

    ``direct_calls``: the mean seconds ``call_s`` of separate direct calls, by ``batch_size`` and ``inputs``.
    """
    count = calls["calls"].sum()
    if not count:
        return UNKNOWN
    inputs_per_call = (calls["inputs"] * calls["calls"]).sum() / count
    return {"direct_s": direct_cost_s(calls, direct_calls), "calls": count, "inputs_per_call": inputs_per_call}


def direct_cost_s(calls: pd.DataFrame, direct_calls: pd.DataFrame) -> float:
    """Return what the same calls cost directly: each the mean of the separate calls of its size and batch size.

    Between sizes that were timed the cost is interpolated linearly. NaN if nothing was timed at such a batch size.
    """
    total_s = 0.0
    for batch_size, own in calls.groupby("call_batch_size"):
        timed = direct_calls[direct_calls["batch_size"] == batch_size].sort_values("inputs")
        if timed.empty or own["inputs"].min() < timed["inputs"].min() or own["inputs"].max() > timed["inputs"].max():
            return float("nan")
        total_s += float((own["calls"] * np.interp(own["inputs"], timed["inputs"], timed["call_s"])).sum())
    return total_s


def response_times_ms(folder: Path) -> pd.DataFrame:
    """Return ``response_ms`` of a run's requests, unrounded, from the first byte sent to the answer complete."""
    requests = pd.read_csv(folder / layout.LOCUST_REQUESTS_CSV)
    return pd.DataFrame({"response_ms": (requests["answered_ns"] - requests["sent_ns"]) / 1e6})


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
    path = folder / layout.SERVER_REQUESTS_CSV
    if not path.is_file():
        return pd.DataFrame(columns=list(STAGES))
    server = pd.read_csv(path).rename(columns={"answered_ns": "server_answered_ns"})
    joined = pd.read_csv(folder / layout.LOCUST_REQUESTS_CSV).merge(server, on="request", validate="one_to_one")
    return pd.DataFrame({stage: (joined[end] - joined[begin]) / 1e6 for stage, (begin, end) in STAGES.items()})
