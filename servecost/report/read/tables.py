"""The tables of results: what was planned, what each arm took, and the verdict on each run.

Owns the tables' columns. They are read from a folder of runs (``runs``) or of published results (``published``).
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import pandas as pd

from servecost.core import csv_files, layout
from servecost.core.overhead import EQUAL_WITHIN
from servecost.report.read.made_with import MadeWith

PART = ["round", "recipe", "system"]
ROW = [*PART, "batch_size", "concurrency", "pair"]
CELL = ["recipe", "system", "batch_size", "concurrency"]
VERDICT = ["rule", "reason"]
NAMES = ["recipe", "system", "system_label", "arm", "stage", "step", "host", "histogram"]
QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}

BASELINE_COLUMNS = [*ROW, "examples", "total_s", *VERDICT]
# What was left of the machine during a pair, and the swap that was used; what each arm took of it: from its manifest.
LEFT = ["memory_free_least_gib", "swapped_out_mib", "disk_free_least_gib"]
USED = [
    *("baseline_cpu_s", "server_cpu_s"),
    *("baseline_memory_mib", "server_memory_mib"),
    *("baseline_start_s", "server_start_s"),
    *("server_processes", "server_workers", "server_idle_cpu", "request_mib", "reconnections"),
]
RESOURCES = [*LEFT, *USED]
SERVED_COLUMNS = [*ROW, "examples", "requests", "total_s", "busy_s", "parallel", "mean_in_flight"]
SERVED_COLUMNS += [*RESOURCES, "host", *VERDICT]
CALLS_COLUMNS = ["call_batch_size", "inputs", "calls"]
RUN_CALLS_COLUMNS = [*ROW, *CALLS_COLUMNS]
DIRECT_CALLS_COLUMNS = [*ROW, "call_batch_size", "inputs", "call_s", "reference_inputs", "reference_s", "calls"]
TIMES = [*QUANTILES, "requests", "histogram"]
RESPONSE_TIMES_COLUMNS = [*CELL, *TIMES]
STAGES_COLUMNS = [*CELL, "stage", *TIMES]
INSTRUMENT_COLUMNS = [*CELL, "request_s", "requests"]
SAME_COLUMNS = ["round", "recipe", "batch_size", "pair", "examples", "total_s", "again_s", *VERDICT]
COLD_COLUMNS = [*PART, *layout.COLD_COLUMNS]
SLICES_COLUMNS = [*ROW, "baseline_slices", "baseline_ran_s", "served_slices", "served_ran_s", "ends_apart_s"]
WITHDRAWN_KEY = ["recipe", "batch_size"]
WITHDRAWN_COLUMNS = [*WITHDRAWN_KEY, "reason"]


class NoResults(ValueError):
    """A folder holds no results, or results that do not belong together; the message is one line with a remedy."""


class Setting(NamedTuple):
    """A system's setting that an experiment fixed.

    Attributes:
        system: the system's name.
        recipe: the recipe with which it was fixed; with all if that is empty.
        name: the setting's.
        value: what it was.
    """

    system: str
    recipe: str
    name: str
    value: str


@dataclass(frozen=True)
class Asked:
    """What an experiment asks of its rows.

    Attributes:
        precision: half the width of the interval that is asked for, as a part of the larger arm's seconds, or None.
        equal_within: the part of the larger arm's seconds within which a row is equal to the baseline.
        holds_choices: whether what a system chose at its first start held for all others.
        settings: of systems, as the experiment fixed them.
    """

    precision: float | None = None
    equal_within: float = EQUAL_WITHIN
    holds_choices: bool = False
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True)
class Results:
    """The content of a results folder.

    Attributes:
        plan: a row for each planned pair (columns: ``servecost.core.layout.PLAN_COLUMNS``) but those of the baseline
            with itself.
        baseline: the baseline run of each planned pair: ``BASELINE_COLUMNS``; ``total_s`` is NaN if it is not valid.
        served: the served run of each planned pair: ``SERVED_COLUMNS``, and between ``mean_in_flight`` and the
            resources a column for each fact (``fact_names``); ``total_s``; ``busy_s``, the seconds in which the
            predictor was busy, and ``parallel``, how many of its calls were in progress then; all are NaN if the pair
            is not valid. ``host`` is the machine that made the pair. The verdict is that on the pair.
        calls: the number of the predictor's calls of each size in each served run: ``RUN_CALLS_COLUMNS``.
        direct_calls: the number and mean seconds of separate direct calls beside each pair, and of the reference calls
            that were made in turn with them: ``DIRECT_CALLS_COLUMNS``.
        response_times: quantiles in ms over all valid runs of a cell: ``RESPONSE_TIMES_COLUMNS``; NaN where there were
            too few requests to tell. ``histogram``: how many requests took how long, from which those of several
            folders together can be found; empty if it is not known.
        stages: quantiles in ms of each stage of the requests that the server has on record: ``STAGES_COLUMNS``.
        instrument: seconds per request of each cell on the null system, in the wire of the cell's own system, and of
            how many: ``INSTRUMENT_COLUMNS``.
        same: each pair of a baseline with itself: ``SAME_COLUMNS``; ``again_s`` is the second run's.
        cold: what each process paid at its first work of a size: ``COLD_COLUMNS``.
        slices: how each pair was sliced, and how far apart its arms came to their end: ``SLICES_COLUMNS``.
        absent: recipes and systems that cannot be had together, and why: ``servecost.core.layout.ABSENT_COLUMNS``.
        wall: where the experiment's time went: ``servecost.core.layout.WALL_COLUMNS``.
        idle: what each arm of a pair used while it was stopped: ``servecost.core.layout.IDLE_COLUMNS``.
        withdrawn: published rows whose numbers are known to be wrong, and why: ``WITHDRAWN_COLUMNS``; of all systems
            and concurrencies. Results that have just been measured have none.
        asked: what the experiment asks of its rows.
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
    same: pd.DataFrame
    cold: pd.DataFrame
    slices: pd.DataFrame
    absent: pd.DataFrame
    wall: pd.DataFrame
    idle: pd.DataFrame
    withdrawn: pd.DataFrame
    asked: Asked
    made_with: list[MadeWith]
    pooled: list[str]


def fact_names(served: pd.DataFrame) -> list[str]:
    """Return the columns of the served table that hold what the systems chose by themselves, as they name it."""
    return [name for name in served.columns if name not in SERVED_COLUMNS]


def read_csv(source: Path | IO[str]) -> pd.DataFrame:
    """Return a CSV file of this project. Only an empty cell is NaN, or an empty word: ``null`` names a system.

    A name is a word, though it may look like a number: ``007`` names a recipe.
    """
    words = dict.fromkeys([*VERDICT, *NAMES], "str")
    table = pd.read_csv(source, keep_default_na=False, na_values=[""], dtype=words)
    return table.fillna({name: "" for name in (*VERDICT, "host") if name in table})


def whole_rows(path: Path) -> pd.DataFrame:
    """Return the whole rows of a CSV file; none without a file."""
    whole = csv_files.whole_lines(path)
    return read_csv(io.StringIO(whole)) if whole else pd.DataFrame()
