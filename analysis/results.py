"""A results folder as pandas tables: what was planned, what each arm took, and the verdict on each run.

Owns reading, and the verdicts that need nothing but one run's files. A run that is not there, that broke a rule, or
whose files are damaged has a row that says so, and no number.
"""

import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from contract import files, manifest
from contract import results as names
from contract.results import RunName
from contract.verdicts import VALID, Verdict

ROW = ["round", "recipe", "system", "batch_size", "concurrency"]
BASELINE_COLUMNS = ["round", "recipe", "system", "batch_size", "examples", "total_s", "rule", "reason"]
SERVED_COLUMNS = [*ROW, "examples", "requests", "total_s", "rule", "reason", "folder"]
INSTRUMENT_COLUMNS = ["recipe", "batch_size", "concurrency", "request_s"]


class NoResults(ValueError):
    """A folder holds no results, or such as do not belong together; the message is one line that says what to do."""


@dataclass(frozen=True)
class Results:
    """The content of a results folder.

    Attributes:
        folder: where it is.
        plan: a row for each served run that there should be (columns: ``contract.results.PLAN_COLUMNS``).
        baseline: a row for each baseline run that there should be: ``BASELINE_COLUMNS``; total_s is NaN if not valid.
        served: a row for each served run that there should be: ``SERVED_COLUMNS``; likewise.
        instrument: seconds per request of each cell on the null system: ``INSTRUMENT_COLUMNS``.
        wall: where the experiment's time went: ``contract.results.WALL_COLUMNS``.
        idle: what a server used of a core while the direct arm was timed: ``contract.results.IDLE_COLUMNS``.
        manifests: what the runs were made with.
        pooled: the fields in which the runs differ although they are merged.
    """

    folder: Path
    plan: pd.DataFrame
    baseline: pd.DataFrame
    served: pd.DataFrame
    instrument: pd.DataFrame
    wall: pd.DataFrame
    idle: pd.DataFrame
    manifests: list[dict[str, Any]]
    pooled: list[str]


def read(folder: Path, allowed: Sequence[str] = ()) -> Results:
    """Return the content of a results folder.

    Raises NoResults if it is none, or if its runs were made under conditions that differ in more than the ``allowed``
    fields.
    """
    plan = _plan(folder)
    parts = plan.drop_duplicates(["round", "recipe", "system", "batch_size"]).itertuples()
    cells = plan.drop_duplicates(["recipe", "batch_size", "concurrency"]).itertuples()
    manifests = manifest.in_place(folder)
    try:
        pooled = manifest.check_alike([content["conditions"] for content in manifests], allowed)
    except manifest.Unlike as error:
        raise NoResults(
            f"{folder} holds runs that were made under different conditions: {error}; keep them in folders of their "
            "own, or insist with --allow-different FIELD"
        ) from error
    served = pd.DataFrame([_served(folder, row) for row in plan.itertuples()], columns=SERVED_COLUMNS)
    return Results(
        folder=folder,
        plan=plan,
        baseline=pd.DataFrame([_baseline(folder, row) for row in parts], columns=BASELINE_COLUMNS),
        served=served,
        instrument=pd.DataFrame([_instrument(folder, row) for row in cells], columns=INSTRUMENT_COLUMNS),
        wall=whole_rows(folder / names.WALL_CSV),
        idle=pd.concat([whole_rows(path) for path in folder.glob(f"round-*/*/*/{names.IDLE_CSV}")] or [pd.DataFrame()]),
        manifests=manifests,
        pooled=pooled,
    )


def _plan(folder: Path) -> pd.DataFrame:
    path = folder / names.PLAN_CSV
    if not path.is_file():
        raise NoResults(
            f"{folder} is no results folder (it has no {names.PLAN_CSV}); make one with: python -m bench run"
        )
    try:
        plan = pd.read_csv(path)
        if list(plan.columns) != list(names.PLAN_COLUMNS) or plan.isna().any(axis=None):
            raise ValueError("its columns are not those of a plan, or it is cut short")
    except (ValueError, OSError) as error:
        raise NoResults(f"{path} cannot be read: {error}; `python -m bench run` writes it anew") from error
    return plan


def part_folder(folder: Path, row: Any) -> Path:
    """Return the folder of a recipe and system in one round."""
    return folder / names.round_folder(row.round) / str(row.recipe) / str(row.system)


def _baseline(folder: Path, row: Any) -> tuple[Any, ...]:
    part = part_folder(folder, row)
    key = row.round, row.recipe, row.system, row.batch_size, row.baseline_examples
    verdict, total_s = _failure(part / names.BASELINE_FAILURE_JSON.format(row.batch_size)), math.nan
    try:
        table = whole_rows(part / names.BASELINE_CSV)
        own = table[table["batch_size"] == row.batch_size] if len(table) else table
        if len(own):
            total_s, verdict = float(own["total_s"].iloc[-1]), VALID
            if not total_s > 0 or int(own["examples"].iloc[-1]) != row.baseline_examples:
                raise ValueError("a row is cut short")
    except (ValueError, KeyError) as error:
        verdict = Verdict("files", f"{part / names.BASELINE_CSV} cannot be read: {error}")
    return (*key, total_s if verdict.is_valid else math.nan, verdict.rule, verdict.reason)


def whole_rows(path: Path) -> pd.DataFrame:
    """Return the whole rows of a CSV file; none without a file."""
    whole = files.whole_lines(path)
    return pd.read_csv(io.StringIO(whole)) if whole else pd.DataFrame()


def _served(folder: Path, row: Any) -> tuple[Any, ...]:
    cell = part_folder(folder, row) / names.cell_folder(row.batch_size, row.concurrency)
    requests = math.ceil(row.examples / row.batch_size)
    key = row.round, row.recipe, row.system, row.batch_size, row.concurrency, row.examples, requests
    if not cell.exists():
        verdict = _failure(cell.with_name(cell.name + ".failed") / names.FAILURE_JSON)
        return (*key, math.nan, verdict.rule, verdict.reason, str(cell))
    verdict, total_s = served_run(cell, row)
    return (*key, total_s if verdict.is_valid else math.nan, verdict.rule, verdict.reason, str(cell))


def served_run(cell: Path, row: Any) -> tuple[Verdict, float]:
    """Return the verdict on a planned served run, and its seconds as Locust's CSV has them; NaN if that is damaged."""
    try:
        content = manifest.checked(cell, names.REQUIRED_RUN_FILES)
        total_s = total_of(pd.read_csv(cell / names.LOCUST_STATS_CSV), row)
        return Verdict(**content["verdict"]), total_s
    except (manifest.Damaged, ValueError, KeyError) as error:
        return Verdict("files", str(error)), math.nan


def total_of(stats: pd.DataFrame, row: Any) -> float:
    """Return the seconds of the planned run that Locust's statistics hold. Raises ValueError if they hold another."""
    run = stats[stats["Type"] == names.RUN_TYPE]
    requests = stats[stats["Type"] == "POST"]
    expected = str(RunName(row.recipe, row.batch_size, row.concurrency, row.examples))
    if list(run["Name"]) != [expected]:
        raise ValueError(f"the statistics are of {', '.join(map(str, run['Name'])) or 'no run'}, not of {expected}")
    if requests["Request Count"].sum() != math.ceil(row.examples / row.batch_size) or requests["Failure Count"].sum():
        raise ValueError("the statistics count other requests than were planned, or failures")
    return float(run["Average Response Time"].iloc[0]) / 1000


def _failure(path: Path) -> Verdict:
    """Return the verdict on a run that is not there: why, if that is known."""
    try:
        return Verdict(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return Verdict("missing", "it has not been made yet")


def _instrument(folder: Path, row: Any) -> tuple[Any, ...]:
    cell = folder / names.INSTRUMENT / str(row.recipe) / names.cell_folder(row.batch_size, row.concurrency)
    try:
        manifest.checked(cell, names.REQUIRED_RUN_FILES)
        run = json.loads((cell / names.LOCUST_RUN_JSON).read_text())
        request_s = run["total_s"] / run["requests"]
    except (manifest.Damaged, ValueError, KeyError, TypeError):
        request_s = math.nan
    return row.recipe, row.batch_size, row.concurrency, request_s
