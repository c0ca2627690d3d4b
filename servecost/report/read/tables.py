"""What results are, as pandas tables: what was planned, what each arm took, and the verdict on each run.

Owns the tables' columns. They are read from a folder of runs (``runs``) or of published results (``published``).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd

from servecost.report.attribution import CALLS_COLUMNS, QUANTILES

PART = ["round", "recipe", "system"]
ROW = [*PART, "batch_size", "concurrency"]
CELL = ["recipe", "system", "batch_size", "concurrency"]
BASELINE_COLUMNS = [*PART, "batch_size", "examples", "total_s", "rule", "reason"]
# Of a served run, what its manifest says that the server chose and that was left of the machine.
NOTED = ["optimal_batch_size", "memory_free_least_gib", "swapped_out_mib", "disk_free_least_gib"]
SERVED_COLUMNS = [*ROW, "examples", "requests", "total_s", "busy_s", *NOTED, "rule", "reason"]
INSTRUMENT_COLUMNS = ["recipe", "batch_size", "concurrency", "request_s"]
WORDS = ("rule", "reason")
DIRECT_CALLS_COLUMNS = [*PART, "batch_size", "inputs", "call_s", "calls"]
RUN_CALLS_COLUMNS = [*ROW, *CALLS_COLUMNS]
STAGES_COLUMNS = [*CELL, "stage", *QUANTILES, "requests"]
WITHDRAWN_COLUMNS = ["recipe", "batch_size", "reason"]
RESPONSE_TIMES_COLUMNS = [name for name in STAGES_COLUMNS if name != "stage"]


class NoResults(ValueError):
    """A folder holds no results, or such as do not belong together; the message is one line that says what to do."""


@dataclass(frozen=True)
class Results:
    """The content of a results folder.

    Attributes:
        plan: a row for each served run that there should be (columns: ``servecost.core.layout.PLAN_COLUMNS``).
        baseline: a row for each baseline run that there should be: ``BASELINE_COLUMNS``; total_s is NaN if not valid.
        served: a row for each served run that there should be: ``SERVED_COLUMNS``; likewise. ``busy_s``: for how long
            the predictor was.
        calls: how many calls of which size were made of the predictor in each served run: ``RUN_CALLS_COLUMNS``.
        direct_calls: the mean seconds of separate direct calls in each part, and how many: ``DIRECT_CALLS_COLUMNS``.
        response_times: quantiles in ms over all valid runs of a cell: ``RESPONSE_TIMES_COLUMNS``.
        stages: likewise of each stage of the requests that the server had on record: ``STAGES_COLUMNS``.
        instrument: seconds per request of each cell on the null system: ``INSTRUMENT_COLUMNS``.
        wall: where the experiment's time went: ``servecost.core.layout.WALL_COLUMNS``.
        idle: what a server used of a core while the direct arm was timed: ``servecost.core.layout.IDLE_COLUMNS``.
        withdrawn: published cells whose numbers are known to be wrong, and why: ``WITHDRAWN_COLUMNS``; of all systems
            and concurrencies. Results that have just been measured have none.
        manifests: what the runs were made with.
        pooled: the fields in which the runs differ although they are merged.
    """

    plan: pd.DataFrame
    baseline: pd.DataFrame
    served: pd.DataFrame
    calls: pd.DataFrame
    direct_calls: pd.DataFrame
    response_times: pd.DataFrame
    stages: pd.DataFrame
    instrument: pd.DataFrame
    wall: pd.DataFrame
    idle: pd.DataFrame
    withdrawn: pd.DataFrame
    manifests: list[dict[str, Any]]
    pooled: list[str]


def read_csv(source: Path | IO[str]) -> pd.DataFrame:
    """Return a CSV file of ours. An empty cell is NaN, or no word; no other is: ``null`` is the name of a system."""
    table = pd.read_csv(source, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(WORDS, "str"))
    return table.fillna({name: "" for name in WORDS if name in table})
