"""One run of either arm, as its own files say: its seconds, and the verdict on it.

Owns the verdicts that need nothing but one run's files. A run that is missing, that broke a rule, or whose files are
damaged has a verdict that says so, and no number.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from servecost.core import layout, manifest
from servecost.core.layout import RunName
from servecost.core.overhead import requests_of
from servecost.core.verdicts import VALID, Verdict
from servecost.report import attribution
from servecost.report.read.tables import whole_rows


@dataclass(frozen=True)
class RunFound:
    """One run of either arm, as its files have it.

    Attributes:
        verdict: whether it counts.
        total_s: its seconds; NaN if it does not count.
        busy_s: for how long its predictor was busy; NaN of the baseline, of a run that does not count, and without a
            log of the predictor's calls.
        facts: what the system chose by itself, as numbers by name.
        resources: what was left of the machine, as numbers by name.
    """

    verdict: Verdict
    total_s: float = math.nan
    busy_s: float = math.nan
    facts: Mapping[str, float] = field(default_factory=dict)
    resources: Mapping[str, float] = field(default_factory=dict)


def part_folder(folder: Path, row: Any) -> Path:
    """Return the folder of a planned run's recipe and system in its round, within a results folder."""
    return folder / layout.round_folder(row.round) / str(row.recipe) / str(row.system)


def cell_folder(folder: Path, row: Any) -> Path:
    """Return the folder of a planned served run within a results folder."""
    return part_folder(folder, row) / layout.cell_folder(row.batch_size, row.concurrency)


def baseline(folder: Path, row: Any) -> RunFound:
    """Return the baseline run that a row of the plan asks for."""
    part = part_folder(folder, row)
    path = part / layout.BASELINE_CSV
    try:
        table = whole_rows(path)
        own = table[table["batch_size"] == row.batch_size] if len(table) else table
        if own.empty:
            return RunFound(_failure(part / layout.BASELINE_FAILURE_JSON.format(row.batch_size)))
        total_s = float(own["total_s"].iloc[-1])
        if not total_s > 0 or int(own["examples"].iloc[-1]) != row.baseline_examples:
            raise ValueError("a row is cut short")
    except (ValueError, KeyError) as error:
        return RunFound(Verdict("files", f"{path} cannot be read: {error}"))
    return RunFound(VALID, total_s)


def served(folder: Path, row: Any) -> RunFound:
    """Return the served run that a row of the plan asks for."""
    cell = cell_folder(folder, row)
    if not cell.exists():
        return RunFound(_failure(cell.with_name(cell.name + ".failed") / layout.FAILURE_JSON))
    try:
        content = manifest.checked(cell, layout.REQUIRED_RUN_FILES)
        total_s = total_of(pd.read_csv(cell / layout.LOCUST_STATS_CSV), row)
        verdict = Verdict(**content["verdict"])
    except (manifest.Damaged, ValueError, KeyError) as error:
        return RunFound(Verdict("files", str(error)))
    seconds = (total_s, attribution.busy_s(cell)) if verdict.is_valid else (math.nan, math.nan)
    return RunFound(verdict, *seconds, content.get("server", {}), content.get("resources", {}))


def total_of(stats: pd.DataFrame, row: Any) -> float:
    """Return the seconds of the planned run that Locust's statistics hold. Raises ValueError if they hold another."""
    run = stats[stats["Type"] == layout.RUN_TYPE]
    requests = stats[stats["Type"] == "POST"]
    expected = str(RunName(row.recipe, row.batch_size, row.concurrency, row.examples))
    if list(run["Name"]) != [expected]:
        raise ValueError(f"the statistics are of {', '.join(map(str, run['Name'])) or 'no run'}, not of {expected}")
    planned = requests_of(row.examples, row.batch_size)
    if requests["Request Count"].sum() != planned or requests["Failure Count"].sum():
        raise ValueError("the statistics count other requests than were planned, or failures")
    return float(run["Average Response Time"].iloc[0]) / 1000


def null_request_s(folder: Path, row: Any) -> float:
    """Return the seconds per request of a cell on the null system; NaN if its run is missing or damaged."""
    cell = folder / layout.INSTRUMENT / str(row.recipe) / layout.cell_folder(row.batch_size, row.concurrency)
    try:
        manifest.checked(cell, layout.REQUIRED_RUN_FILES)
        run = json.loads((cell / layout.LOCUST_RUN_JSON).read_text())
        return float(run["total_s"] / run["requests"])
    except (manifest.Damaged, ValueError, KeyError, TypeError):
        return math.nan


def _failure(path: Path) -> Verdict:
    """Return why a run is missing: the verdict in its failure's file, if there is one."""
    try:
        return Verdict(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return Verdict("missing", "it has not been made yet")
