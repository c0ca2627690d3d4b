"""A results folder as tables: what the files of its runs say, for every run that was planned.

Owns the way from files to tables. What one run's files say of it is read by ``arms``.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from servecost.core import layout, manifest
from servecost.core.overhead import requests_of
from servecost.report import attribution
from servecost.report.read import arms
from servecost.report.read import requests as own_requests
from servecost.report.read.made_with import MadeWith
from servecost.report.read.tables import (
    BASELINE_COLUMNS,
    CELL,
    DIRECT_CALLS_COLUMNS,
    INSTRUMENT_COLUMNS,
    PART,
    QUANTILES,
    RESOURCES,
    ROW,
    RUN_CALLS_COLUMNS,
    SERVED_COLUMNS,
    VERDICT,
    WITHDRAWN_COLUMNS,
    NoResults,
    Results,
    read_csv,
    whole_rows,
)


def read(folder: Path) -> Results:
    """Return the content of a results folder. Raises NoResults if it is none, or its plan is damaged."""
    plan = _plan(folder)
    baselines = plan.drop_duplicates([*PART, "batch_size"]).itertuples()
    cells = plan.drop_duplicates(["recipe", "batch_size", "concurrency"]).itertuples()
    served = served_table([_served(folder, row) for row in plan.itertuples()])
    valid = list(served[served["rule"] == ""].itertuples())

    def of_valid_runs(read_one: Callable[[Path], pd.DataFrame], columns: list[str]) -> pd.DataFrame:
        """Return what ``read_one`` finds in the folders of the valid served runs, together."""
        return _together((_keyed(read_one(arms.cell_folder(folder, row)), ROW, row) for row in valid), columns)

    return Results(
        plan=plan,
        baseline=pd.DataFrame([_baseline(folder, row) for row in baselines], columns=BASELINE_COLUMNS),
        served=served,
        calls=of_valid_runs(attribution.calls_by_size, RUN_CALLS_COLUMNS),
        direct_calls=_together(
            (_direct_calls(folder, row) for row in plan.drop_duplicates(PART).itertuples()), DIRECT_CALLS_COLUMNS
        ),
        response_times=quantiles_by(CELL, of_valid_runs(own_requests.response_times_ms, [*CELL, "ms"])),
        stages=quantiles_by([*CELL, "stage"], of_valid_runs(own_requests.stages_ms, [*CELL, "stage", "ms"])),
        instrument=pd.DataFrame(
            [(row.recipe, row.batch_size, row.concurrency, arms.null_request_s(folder, row)) for row in cells],
            columns=INSTRUMENT_COLUMNS,
        ),
        wall=_together([whole_rows(folder / layout.WALL_CSV)], layout.WALL_COLUMNS),
        idle=_together(
            (whole_rows(path) for path in folder.glob(f"round-*/*/*/{layout.IDLE_CSV}")), layout.IDLE_COLUMNS
        ),
        withdrawn=pd.DataFrame(columns=WITHDRAWN_COLUMNS),
        made_with=[MadeWith.of(content) for content in manifest.complete(folder)],
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
        raise NoResults(f"{path} cannot be read: {error}; `servecost run` writes it again") from error
    return plan


def _baseline(folder: Path, row: Any) -> tuple[Any, ...]:
    found = arms.baseline(folder, row)
    key = row.round, row.recipe, row.system, row.batch_size, row.baseline_examples
    return (*key, found.total_s, found.verdict.rule, found.verdict.reason)


def _served(folder: Path, row: Any) -> dict[str, Any]:
    found = arms.served(folder, row)
    return {
        **found.facts,
        **{name: getattr(row, name) for name in (*ROW, "examples")},
        "requests": requests_of(row.examples, row.batch_size),
        "total_s": found.total_s,
        "busy_s": found.busy_s,
        **{name: found.resources.get(name, float("nan")) for name in RESOURCES},
        "rule": found.verdict.rule,
        "reason": found.verdict.reason,
    }


def served_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return the served table of its rows: ``SERVED_COLUMNS``, with a column for each fact before the resources."""
    facts = dict.fromkeys(name for row in rows for name in row if name not in SERVED_COLUMNS)
    last = [*RESOURCES, *VERDICT]
    return pd.DataFrame(rows, columns=[*(name for name in SERVED_COLUMNS if name not in last), *facts, *last])


def _direct_calls(folder: Path, row: Any) -> pd.DataFrame:
    """Return the mean seconds of a part's separate direct calls; no rows if their file has other columns."""
    table = whole_rows(arms.part_folder(folder, row) / layout.DIRECT_CALLS_CSV)
    if list(table.columns) != list(layout.DIRECT_CALLS_COLUMNS):
        return pd.DataFrame()
    sizes = table.groupby(["batch_size", "inputs"], as_index=False).agg(
        call_s=("call_s", "mean"), calls=("call_s", "size")
    )
    return _keyed(sizes, PART, row)[DIRECT_CALLS_COLUMNS]


def quantiles_by(key: list[str], requests: pd.DataFrame) -> pd.DataFrame:
    """Return the quantiles of ``ms``, and the number of requests, of each group of requests, in their order."""
    rows = [
        (*group, *own_requests.quantiles(own["ms"]).values(), len(own))
        for group, own in requests.groupby(key, sort=False)
    ]
    return pd.DataFrame(rows, columns=[*key, *QUANTILES, "requests"])


def _together(tables: Iterable[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of all tables; without any, a table with these columns."""
    found = [table for table in tables if len(table)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(columns))


def _keyed(table: pd.DataFrame, key: list[str], row: Any) -> pd.DataFrame:
    """Return a table with the columns that say which part or run its rows are of."""
    return table.assign(**{name: getattr(row, name) for name in key})
