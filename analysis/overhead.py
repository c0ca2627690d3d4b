"""What serving adds: served minus baseline, paired within a round, per 10,000 examples and per request.

Pure functions from tables to tables. Owns the definition of overhead; knows nothing of files or of how numbers are put.
"""

import numpy as np
import pandas as pd

from analysis.results import Results

EXAMPLES = 10_000
CELL = ["recipe", "system", "system_label", "batch_size", "concurrency"]


def pairs(results: Results) -> pd.DataFrame:
    """Return each planned served run with both arms' seconds per 10,000 examples and their difference.

    Columns: those of the plan, ``baseline_s``, ``served_s``, ``overhead_s``, ``overhead_per_request_ms``; NaN where
    a run is missing. Runs of fewer or more examples are scaled in proportion.
    """
    baseline = results.baseline.assign(baseline_s=scaled(results.baseline))
    served = results.served.assign(served_s=scaled(results.served))
    merged = results.plan.merge(
        baseline[["round", "recipe", "batch_size", "baseline_s"]], how="left", on=["round", "recipe", "batch_size"]
    ).merge(
        served[["round", "recipe", "system", "batch_size", "concurrency", "served_s"]],
        how="left",
        on=["round", "recipe", "system", "batch_size", "concurrency"],
    )
    merged["overhead_s"] = merged["served_s"] - merged["baseline_s"]
    requests = np.ceil(EXAMPLES / merged["batch_size"])
    merged["overhead_per_request_ms"] = 1000 * merged["overhead_s"] / requests
    return merged


def scaled(runs: pd.DataFrame) -> "pd.Series[float]":
    """Return the seconds that each run would take for 10,000 examples at its pace."""
    return runs["total_s"].astype(float) * EXAMPLES / runs["examples"].astype(float)


def summary(paired: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each cell, in the plan's order: the means over its rounds.

    Columns: recipe, system, system_label, batch_size, concurrency, ``baseline_s``, ``served_s``, ``overhead_s``,
    ``overhead_per_request_ms``, ``ratio`` (served / baseline), ``rounds`` (with both arms) and ``rounds_planned``. Each
    arm is the mean of the runs that it has; the overhead is the mean over the rounds that have both arms, because it is
    paired within a round.
    """
    complete = paired["overhead_s"].notna()
    baseline_s = paired.groupby(CELL, sort=False)["baseline_s"].mean()
    served_s = paired.groupby(CELL, sort=False)["served_s"].mean()
    both = paired.where(complete)[["overhead_s", "overhead_per_request_ms"]]
    overhead = both.groupby([paired[key] for key in CELL], sort=False).mean()
    counts = complete.groupby([paired[key] for key in CELL], sort=False).agg(["sum", "size"])
    table = overhead.assign(baseline_s=baseline_s, served_s=served_s, ratio=served_s / baseline_s)
    table["rounds"], table["rounds_planned"] = counts["sum"], counts["size"]
    return table.reset_index()[[*CELL, *NUMBERS, "rounds", "rounds_planned"]]


NUMBERS = ["baseline_s", "served_s", "overhead_s", "overhead_per_request_ms", "ratio"]
