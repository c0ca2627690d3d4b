"""A results folder as pandas tables: what was planned, what the baseline took, what Locust's CSV files say.

Owns reading. A run that is not there, or that Locust counts a failure in, is simply not in the tables: what was planned
and is absent is shown as missing by whoever merges them.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from contract import results as names
from contract.results import RunName


class NoResults(ValueError):
    """A folder holds no results; the message is one line that says what a results folder is."""


@dataclass(frozen=True)
class Results:
    """The content of a results folder.

    Attributes:
        plan: a row for each served run that there should be (columns: ``contract.results.PLAN_COLUMNS``).
        baseline: a row for each baseline run: round, recipe, batch_size, examples, total_s.
        served: a row for each valid served run: ``SERVED_COLUMNS``.
        manifests: what the runs were made with.
    """

    plan: pd.DataFrame
    baseline: pd.DataFrame
    served: pd.DataFrame
    manifests: list[dict[str, Any]]


def read(folder: Path) -> Results:
    """Return the content of a results folder. Raises NoResults if it is none."""
    if not (folder / names.PLAN_CSV).is_file():
        raise NoResults(
            f"{folder} is no results folder (it has no {names.PLAN_CSV}); make one with: python -m bench run"
        )
    plan = pd.read_csv(folder / names.PLAN_CSV)
    parts = plan[["round", "recipe"]].drop_duplicates().to_dict("records")
    baselines = [_baseline(folder, part["round"], part["recipe"]) for part in parts]
    served = [_served(folder, row) for row in plan.itertuples()]
    return Results(
        plan=plan,
        baseline=pd.concat(baselines, ignore_index=True),
        served=pd.DataFrame([row for row in served if row], columns=SERVED_COLUMNS),
        manifests=[json.loads(path.read_text()) for path in sorted(folder.rglob(names.MANIFEST_JSON))],
    )


SERVED_COLUMNS = ["round", "recipe", "system", "batch_size", "concurrency", "examples", "requests", "total_s"]
BASELINE_COLUMNS = ["round", "recipe", "batch_size", "examples", "total_s"]


def _baseline(folder: Path, number: int, recipe: str) -> pd.DataFrame:
    path = folder / names.round_folder(number) / recipe / names.BASELINE_CSV
    if not path.is_file():
        return pd.DataFrame(columns=BASELINE_COLUMNS)
    table = pd.read_csv(path).assign(round=number)
    return table.drop_duplicates("batch_size", keep="last")[BASELINE_COLUMNS]


def _served(folder: Path, planned: Any) -> dict[str, Any] | None:
    """Return a planned served run as its Locust CSV has it; None unless it is there, whole and without failures."""
    cell = names.cell_folder(planned.batch_size, planned.concurrency)
    path = folder / names.round_folder(planned.round) / planned.recipe / planned.system / cell / names.LOCUST_STATS_CSV
    return valid_run(pd.read_csv(path), planned) if path.is_file() else None


def valid_run(stats: pd.DataFrame, planned: Any) -> dict[str, Any] | None:
    """Return the run that Locust's statistics hold if it is the planned one and its counts add up, else None."""
    run = stats[stats["Type"] == names.RUN_TYPE]
    requests = stats[stats["Type"] == "POST"]
    expected = RunName(planned.recipe, planned.batch_size, planned.concurrency, planned.examples)
    request_count = math.ceil(planned.examples / planned.batch_size)
    is_valid = (
        list(run["Name"]) == [str(expected)]
        and requests["Request Count"].sum() == request_count
        and stats["Failure Count"].sum() == 0
    )
    if not is_valid:
        return None
    return {
        "round": planned.round,
        "recipe": planned.recipe,
        "system": planned.system,
        "batch_size": planned.batch_size,
        "concurrency": planned.concurrency,
        "examples": planned.examples,
        "requests": request_count,
        "total_s": float(run["Average Response Time"].iloc[0]) / 1000,
    }
