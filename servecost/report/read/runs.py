"""A results folder as tables: what the files of its runs say.

Owns reading them, and the verdicts that need nothing but one run's files. A run that is not there, that broke a rule,
or whose files are damaged has a row that says so, and no number.
"""

import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from servecost.core import csv_files, layout, manifest
from servecost.core.layout import RunName
from servecost.core.verdicts import VALID, Verdict
from servecost.report import attribution
from servecost.report.attribution import STAGES
from servecost.report.read.tables import (
    BASELINE_COLUMNS,
    CELL,
    DIRECT_CALLS_COLUMNS,
    INSTRUMENT_COLUMNS,
    NOTED,
    PART,
    ROW,
    RUN_CALLS_COLUMNS,
    SERVED_COLUMNS,
    STAGES_COLUMNS,
    WITHDRAWN_COLUMNS,
    NoResults,
    Results,
    read_csv,
)


def read(folder: Path) -> Results:
    """Return the content of a results folder. Raises NoResults if it is none, or its plan is damaged."""
    plan = _plan(folder)
    parts = plan.drop_duplicates([*PART, "batch_size"]).itertuples()
    cells = plan.drop_duplicates(["recipe", "batch_size", "concurrency"]).itertuples()
    served = pd.DataFrame([_served(folder, row) for row in plan.itertuples()], columns=SERVED_COLUMNS)
    valid = list(served[served["rule"] == ""].itertuples())

    def of_each(read: Callable[[Path], pd.DataFrame], columns: list[str]) -> pd.DataFrame:
        """Return what ``read`` finds in the folders of the valid runs, together."""
        return _together((_keyed(read(cell_folder(folder, row)), ROW, row) for row in valid), columns)

    return Results(
        plan=plan,
        baseline=pd.DataFrame([_baseline(folder, row) for row in parts], columns=BASELINE_COLUMNS),
        served=served,
        calls=of_each(attribution.calls_by_size, RUN_CALLS_COLUMNS),
        direct_calls=_together(
            (_direct_calls(folder, row) for row in plan.drop_duplicates(PART).itertuples()), DIRECT_CALLS_COLUMNS
        ),
        response_times=_quantiles(of_each(attribution.response_times_ms, CELL), ["response_ms"]).drop(columns="stage"),
        stages=_quantiles(of_each(attribution.stages_ms, CELL), list(STAGES)),
        instrument=pd.DataFrame([_instrument(folder, row) for row in cells], columns=INSTRUMENT_COLUMNS),
        wall=_together([whole_rows(folder / layout.WALL_CSV)], layout.WALL_COLUMNS),
        idle=_together(
            (whole_rows(path) for path in folder.glob(f"round-*/*/*/{layout.IDLE_CSV}")), layout.IDLE_COLUMNS
        ),
        withdrawn=pd.DataFrame(columns=WITHDRAWN_COLUMNS),
        manifests=manifest.in_place(folder),
        pooled=[],
    )


def _plan(folder: Path) -> pd.DataFrame:
    path = folder / layout.PLAN_CSV
    if not path.is_file():
        raise NoResults(f"{folder} is no results folder (it has no {layout.PLAN_CSV}); make one with: servecost run")
    try:
        plan = read_csv(path)
        if list(plan.columns) != list(layout.PLAN_COLUMNS) or plan.isna().any(axis=None):
            raise ValueError("its columns are not those of a plan, or it is cut short")
    except (ValueError, OSError) as error:
        raise NoResults(f"{path} cannot be read: {error}; `servecost run` writes it anew") from error
    return plan


def _together(tables: Iterable[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of all tables; without any, a table with these columns."""
    found = [table for table in tables if len(table)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(columns))


def _keyed(table: pd.DataFrame, key: list[str], row: Any) -> pd.DataFrame:
    """Return a table with the part or the run that it is of."""
    return table.assign(**{name: getattr(row, name) for name in key})


def _quantiles(requests: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return quantiles of each of these columns over all requests of a cell: ``STAGES_COLUMNS``."""
    rows = [
        (*cell, column, *attribution.quantiles(own[column]).values(), len(own))
        for cell, own in requests.groupby(CELL, sort=False)
        for column in columns
    ]
    return pd.DataFrame(rows, columns=STAGES_COLUMNS)


def _direct_calls(folder: Path, row: Any) -> pd.DataFrame:
    """Return the mean seconds of a part's separate direct calls; no rows if their file is no such file."""
    table = whole_rows(part_folder(folder, row) / layout.DIRECT_CALLS_CSV)
    if list(table.columns) != list(layout.DIRECT_CALLS_COLUMNS):
        return pd.DataFrame()
    sizes = table.groupby(["batch_size", "inputs"], as_index=False).agg(
        call_s=("call_s", "mean"), calls=("call_s", "size")
    )
    return _keyed(sizes, PART, row)[DIRECT_CALLS_COLUMNS]


def part_folder(folder: Path, row: Any) -> Path:
    """Return the folder of a recipe and system in one round."""
    return folder / layout.round_folder(row.round) / str(row.recipe) / str(row.system)


def cell_folder(folder: Path, row: Any) -> Path:
    """Return the folder of a served run."""
    return part_folder(folder, row) / layout.cell_folder(row.batch_size, row.concurrency)


def _baseline(folder: Path, row: Any) -> tuple[Any, ...]:
    part = part_folder(folder, row)
    key = row.round, row.recipe, row.system, row.batch_size, row.baseline_examples
    verdict, total_s = _failure(part / layout.BASELINE_FAILURE_JSON.format(row.batch_size)), math.nan
    try:
        table = whole_rows(part / layout.BASELINE_CSV)
        own = table[table["batch_size"] == row.batch_size] if len(table) else table
        if len(own):
            total_s, verdict = float(own["total_s"].iloc[-1]), VALID
            if not total_s > 0 or int(own["examples"].iloc[-1]) != row.baseline_examples:
                raise ValueError("a row is cut short")
    except (ValueError, KeyError) as error:
        verdict = Verdict("files", f"{part / layout.BASELINE_CSV} cannot be read: {error}")
    return (*key, total_s if verdict.is_valid else math.nan, verdict.rule, verdict.reason)


def whole_rows(path: Path) -> pd.DataFrame:
    """Return the whole rows of a CSV file; none without a file."""
    whole = csv_files.whole_lines(path)
    return read_csv(io.StringIO(whole)) if whole else pd.DataFrame()


def _served(folder: Path, row: Any) -> tuple[Any, ...]:
    cell = cell_folder(folder, row)
    requests = math.ceil(row.examples / row.batch_size)
    key = row.round, row.recipe, row.system, row.batch_size, row.concurrency, row.examples, requests
    if not cell.exists():
        verdict = _failure(cell.with_name(cell.name + ".failed") / layout.FAILURE_JSON)
        return (*key, math.nan, math.nan, *noted({}), verdict.rule, verdict.reason)
    verdict, total_s, about = served_run(cell, row)
    seconds = (total_s, attribution.busy_s(cell)) if verdict.is_valid else (math.nan, math.nan)
    return (*key, *seconds, *noted(about), verdict.rule, verdict.reason)


def noted(about: Mapping[str, Any]) -> list[float]:
    """Return the numbers of NOTED from a run's manifest."""
    found = {**about.get("server", {}), **about.get("resources", {})}
    return [found.get(name, math.nan) for name in NOTED]


def served_run(cell: Path, row: Any) -> tuple[Verdict, float, dict[str, Any]]:
    """Return the verdict on a planned served run, its seconds as Locust's CSV has them, and its manifest.

    NaN and an empty manifest if a file is damaged.
    """
    try:
        content = manifest.checked(cell, layout.REQUIRED_RUN_FILES)
        total_s = total_of(pd.read_csv(cell / layout.LOCUST_STATS_CSV), row)
        return Verdict(**content["verdict"]), total_s, content
    except (manifest.Damaged, ValueError, KeyError) as error:
        return Verdict("files", str(error)), math.nan, {}


def total_of(stats: pd.DataFrame, row: Any) -> float:
    """Return the seconds of the planned run that Locust's statistics hold. Raises ValueError if they hold another."""
    run = stats[stats["Type"] == layout.RUN_TYPE]
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
    cell = folder / layout.INSTRUMENT / str(row.recipe) / layout.cell_folder(row.batch_size, row.concurrency)
    try:
        manifest.checked(cell, layout.REQUIRED_RUN_FILES)
        run = json.loads((cell / layout.LOCUST_RUN_JSON).read_text())
        request_s = run["total_s"] / run["requests"]
    except (manifest.Damaged, ValueError, KeyError, TypeError):
        request_s = math.nan
    return row.recipe, row.batch_size, row.concurrency, request_s
