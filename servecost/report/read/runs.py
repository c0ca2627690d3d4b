"""A results folder as tables: what the files of its pairs say, for every pair that was planned.

Owns the way from files to tables. What one pair's files say of it is read by ``pair_files``.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from servecost.core import layout, manifest
from servecost.core.overhead import requests_of
from servecost.report import attribution
from servecost.report.read import asked, pair_files
from servecost.report.read import requests as own_requests
from servecost.report.read.made_with import MadeWith
from servecost.report.read.pair_files import PairFound
from servecost.report.read.tables import (
    BASELINE_COLUMNS,
    CELL,
    COLD_COLUMNS,
    DIRECT_CALLS_COLUMNS,
    INSTRUMENT_COLUMNS,
    PART,
    RESOURCES,
    ROW,
    RUN_CALLS_COLUMNS,
    SAME_COLUMNS,
    SERVED_COLUMNS,
    SLICES_COLUMNS,
    TIMES,
    VERDICT,
    WITHDRAWN_COLUMNS,
    NoResults,
    Results,
    read_csv,
    whole_rows,
)


def read(folder: Path, elsewhere: Collection[tuple[Any, ...]] = ()) -> Results:
    """Return the content of a results folder. Raises NoResults if it is none, or its plan is damaged.

    ``elsewhere``: the pairs, by ``ROW``, whose numbers are not to be read here.
    """
    everything = _plan(folder)
    is_same = everything["system"] == layout.SAME
    plan, same = everything[~is_same].reset_index(drop=True), everything[is_same]
    here = [row for row in plan.itertuples() if tuple(getattr(row, name) for name in ROW) not in elsewhere]
    found = [(row, pair_files.pair(folder, row)) for row in here]
    valid = [row for row, pair in found if pair.verdict.is_valid]

    def of_valid_pairs(read_one: Callable[[Path], pd.DataFrame], columns: list[str]) -> pd.DataFrame:
        """Return what ``read_one`` finds in the folders of the valid pairs, together."""
        return _together((_keyed(read_one(pair_files.pair_folder(folder, row)), ROW, row) for row in valid), columns)

    return Results(
        plan=plan,
        baseline=pd.DataFrame([_baseline(row, pair) for row, pair in found], columns=BASELINE_COLUMNS),
        served=served_table([_served(row, pair) for row, pair in found]),
        calls=of_valid_pairs(attribution.calls_by_size, RUN_CALLS_COLUMNS),
        direct_calls=of_valid_pairs(direct_calls, DIRECT_CALLS_COLUMNS),
        response_times=quantiles_by(CELL, of_valid_pairs(own_requests.response_times_ms, [*CELL, "ms"])),
        stages=quantiles_by([*CELL, "stage"], of_valid_pairs(own_requests.stages_ms, [*CELL, "stage", "ms"])),
        instrument=_instrument(folder, plan),
        same=pd.DataFrame([_same(folder, row) for row in same.itertuples()], columns=SAME_COLUMNS),
        cold=_together((_cold(folder, row) for row in plan.drop_duplicates(PART).itertuples()), COLD_COLUMNS),
        slices=of_valid_pairs(pair_files.slices, SLICES_COLUMNS),
        absent=_together([whole_rows(folder / layout.ABSENT_CSV)], layout.ABSENT_COLUMNS),
        wall=_together([whole_rows(folder / layout.WALL_CSV)], layout.WALL_COLUMNS),
        idle=of_valid_pairs(lambda own: whole_rows(own / layout.IDLE_CSV), list(layout.IDLE_COLUMNS)),
        withdrawn=pd.DataFrame(columns=WITHDRAWN_COLUMNS),
        asked=asked.read(folder / layout.EXPERIMENT_JSON),
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


def _baseline(row: Any, found: PairFound) -> tuple[Any, ...]:
    key = (getattr(row, name) for name in (*ROW, "examples"))
    return (*key, found.baseline_s, found.verdict.rule, found.verdict.reason)


def _served(row: Any, found: PairFound) -> dict[str, Any]:
    return {
        **found.facts,
        **{name: getattr(row, name) for name in (*ROW, "examples")},
        "requests": requests_of(row.examples, row.batch_size),
        "total_s": found.served_s,
        **found.busy._asdict(),
        "mean_in_flight": found.mean_in_flight,
        **{name: found.resources.get(name, float("nan")) for name in RESOURCES},
        "host": found.host,
        "rule": found.verdict.rule,
        "reason": found.verdict.reason,
    }


def served_table(rows: Sequence[Mapping[Any, Any]]) -> pd.DataFrame:
    """Return the served table of its rows: ``SERVED_COLUMNS``, with a column for each fact before the resources."""
    facts = dict.fromkeys(name for row in rows for name in row if name not in SERVED_COLUMNS)
    last = [*RESOURCES, "host", *VERDICT]
    return pd.DataFrame(rows, columns=[*(name for name in SERVED_COLUMNS if name not in last), *facts, *last])


def _same(folder: Path, row: Any) -> tuple[Any, ...]:
    verdict, total_s, again_s = pair_files.same(folder, row)
    key = row.round, row.recipe, row.batch_size, row.pair, row.examples
    return (*key, total_s, again_s, verdict.rule, verdict.reason)


def direct_calls(own: Path) -> pd.DataFrame:
    """Return the means of a pair's separate direct calls by size; no rows if their file has other columns."""
    table = whole_rows(own / layout.DIRECT_CALLS_CSV)
    if list(table.columns) != list(layout.DIRECT_CALLS_COLUMNS):
        return pd.DataFrame()
    sizes = table.groupby(["batch_size", "inputs", "reference_inputs"], as_index=False, dropna=False).agg(
        call_s=("call_s", "mean"), reference_s=("reference_s", "mean"), calls=("call_s", "size")
    )
    return sizes.rename(columns={"batch_size": "call_batch_size"})


def _instrument(folder: Path, plan: pd.DataFrame) -> pd.DataFrame:
    cells = plan.drop_duplicates(CELL)
    found = [pair_files.null_request_s(folder, row) for row in cells.itertuples()]
    rows = [(*key, *own) for key, own in zip(cells[CELL].itertuples(index=False), found, strict=True)]
    return pd.DataFrame(rows, columns=INSTRUMENT_COLUMNS)


def _cold(folder: Path, row: Any) -> pd.DataFrame:
    return _keyed(whole_rows(pair_files.part_folder(folder, row) / layout.COLD_CSV), PART, row)


def quantiles_by(key: list[str], requests: pd.DataFrame) -> pd.DataFrame:
    """Return the quantiles of ``ms``, the number of requests and their histogram, of each group, in their order."""
    rows = [
        (*group, *own_requests.quantiles(own["ms"]).values(), len(own), own_requests.histogram(own["ms"]))
        for group, own in requests.groupby(key, sort=False)
    ]
    return pd.DataFrame(rows, columns=[*key, *TIMES])


def _together(tables: Iterable[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """Return these columns of all tables; without any row, a table of them."""
    found = [table for table in tables if len(table)]
    return pd.concat(found, ignore_index=True)[list(columns)] if found else pd.DataFrame(columns=list(columns))


def _keyed(table: pd.DataFrame, key: list[str], row: Any) -> pd.DataFrame:
    """Return a table with the columns that say which part or pair its rows are of."""
    return table.assign(**{name: getattr(row, name) for name in key})
