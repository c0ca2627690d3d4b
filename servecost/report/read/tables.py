"""The tables of results: what was planned, what each arm took, and the verdict on each run.

Owns the tables' columns. They are read from a folder of runs (``runs``) or of published results (``published``).
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pandas as pd

from servecost.core import csv_files
from servecost.report.read.made_with import MadeWith

PART = ["round", "recipe", "system"]
ROW = [*PART, "batch_size", "concurrency"]
CELL = ["recipe", "system", "batch_size", "concurrency"]
VERDICT = ["rule", "reason"]
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}

BASELINE_COLUMNS = [*PART, "batch_size", "examples", "total_s", *VERDICT]
# What was left of the machine during a served run, and the swap that was used: from the run's manifest.
RESOURCES = ["memory_free_least_gib", "swapped_out_mib", "disk_free_least_gib"]
SERVED_COLUMNS = [*ROW, "examples", "requests", "total_s", "busy_s", *RESOURCES, *VERDICT]
CALLS_COLUMNS = ["call_batch_size", "inputs", "calls"]
RUN_CALLS_COLUMNS = [*ROW, *CALLS_COLUMNS]
DIRECT_CALLS_COLUMNS = [*PART, "batch_size", "inputs", "call_s", "calls"]
RESPONSE_TIMES_COLUMNS = [*CELL, *QUANTILES, "requests"]
STAGES_COLUMNS = [*CELL, "stage", *QUANTILES, "requests"]
INSTRUMENT_COLUMNS = ["recipe", "batch_size", "concurrency", "request_s"]
WITHDRAWN_KEY = ["recipe", "batch_size"]
WITHDRAWN_COLUMNS = [*WITHDRAWN_KEY, "reason"]


class NoResults(ValueError):
    """A folder holds no results, or results that do not belong together; the message is one line with a remedy."""


@dataclass(frozen=True)
class Results:
    """The content of a results folder.

    Attributes:
        plan: a row for each planned served run (columns: ``servecost.core.layout.PLAN_COLUMNS``).
        baseline: a row for each planned baseline run: ``BASELINE_COLUMNS``; ``total_s`` is NaN if the run is not valid.
        served: a row for each planned served run: ``SERVED_COLUMNS``, and between ``busy_s`` and the resources a column
            for each fact (``fact_names``); ``total_s``, and ``busy_s``, the seconds in which the predictor was busy,
            are NaN if the run is not valid.
        calls: the number of the predictor's calls of each size in each served run: ``RUN_CALLS_COLUMNS``.
        direct_calls: the number and mean seconds of separate direct calls in each part: ``DIRECT_CALLS_COLUMNS``.
        response_times: quantiles in ms over all valid runs of a cell: ``RESPONSE_TIMES_COLUMNS``.
        stages: quantiles in ms of each stage of the requests that the server has on record: ``STAGES_COLUMNS``.
        instrument: seconds per request of each cell on the null system: ``INSTRUMENT_COLUMNS``.
        wall: where the experiment's time went: ``servecost.core.layout.WALL_COLUMNS``.
        idle: the CPU time that a server used while the direct arm was timed: ``servecost.core.layout.IDLE_COLUMNS``.
        withdrawn: published rows whose numbers are known to be wrong, and why: ``WITHDRAWN_COLUMNS``; of all systems
            and concurrencies. Results that have just been measured have none.
        made_with: what the runs were made with.
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
    made_with: list[MadeWith]
    pooled: list[str]


def fact_names(served: pd.DataFrame) -> list[str]:
    """Return the columns of the served table that hold what the systems chose by themselves, as they name it."""
    return [name for name in served.columns if name not in SERVED_COLUMNS]


def read_csv(source: Path | IO[str]) -> pd.DataFrame:
    """Return a CSV file of this project. Only an empty cell is NaN, or an empty word: ``null`` names a system."""
    table = pd.read_csv(source, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(VERDICT, "str"))
    return table.fillna({name: "" for name in VERDICT if name in table})


def whole_rows(path: Path) -> pd.DataFrame:
    """Return the whole rows of a CSV file; none without a file."""
    whole = csv_files.whole_lines(path)
    return read_csv(io.StringIO(whole)) if whole else pd.DataFrame()
