"""One pair, as its own files say: the seconds of both its arms, and the verdict on it.

Owns the verdicts that need nothing but one pair's files. A pair that is missing, that broke a rule, or whose files are
damaged has a verdict that says so, and no number.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from servecost.core import layout, manifest, systems
from servecost.core.layout import RunName
from servecost.core.overhead import requests_of
from servecost.core.verdicts import VALID, Verdict
from servecost.report import attribution
from servecost.report.attribution import NEVER, Busy
from servecost.report.read.tables import whole_rows


@dataclass(frozen=True)
class PairFound:
    """One pair, as its files have it.

    Attributes:
        verdict: whether it counts.
        baseline_s: the seconds of its baseline run; NaN, as all of its numbers, if it does not count.
        served_s: the seconds of its served run.
        busy: for how long the served predictor was, and how many of its calls were in progress then.
        mean_in_flight: how many requests were in flight on average; NaN if that was not noted.
        facts: what the system chose by itself, as numbers by name.
        resources: what was left of the machine and what the arms took of it, as numbers by name.
        host: the machine that made it.
    """

    verdict: Verdict
    baseline_s: float = math.nan
    served_s: float = math.nan
    busy: Busy = NEVER
    mean_in_flight: float = math.nan
    facts: Mapping[str, float] = field(default_factory=dict)
    resources: Mapping[str, float] = field(default_factory=dict)
    host: str = ""


class SameFound(NamedTuple):
    """One pair of the baseline with itself.

    Attributes:
        verdict: whether it counts.
        total_s: the seconds of its first run; NaN if it does not count.
        again_s: those of the second.
    """

    verdict: Verdict
    total_s: float = math.nan
    again_s: float = math.nan


def part_folder(folder: Path, row: Any) -> Path:
    """Return the folder of a planned pair's recipe and system in its round, within a results folder."""
    return folder / layout.round_folder(row.round) / str(row.recipe) / str(row.system)


def pair_folder(folder: Path, row: Any) -> Path:
    """Return the folder of a planned pair within a results folder."""
    return part_folder(folder, row) / layout.cell_folder(row.batch_size, row.concurrency, row.pair)


def pair(folder: Path, row: Any) -> PairFound:
    """Return the pair that a row of the plan asks for."""
    own = pair_folder(folder, row)
    if not own.exists():
        return PairFound(_failure(own))
    try:
        content = manifest.checked(own, layout.REQUIRED_PAIR_FILES)
        served_s = total_of(pd.read_csv(own / layout.LOCUST_STATS_CSV), row)
        (baseline_s,) = _baseline_totals(own, row, 1)
        verdict = Verdict(**content["verdict"])
        facts, resources, host = content.get("server", {}), content.get("resources", {}), content.get("host", "")
        if not verdict.is_valid:
            return PairFound(verdict, facts=facts, resources=resources, host=host)
        in_flight = (
            json.loads((own / layout.LOCUST_RUN_JSON).read_text(encoding="utf-8")).get("mean_in_flight") or math.nan
        )
        return PairFound(verdict, baseline_s, served_s, attribution.busy(own), in_flight, facts, resources, host)
    except (manifest.Damaged, ValueError, KeyError, TypeError) as error:
        return PairFound(Verdict("files", str(error)))


def same(folder: Path, row: Any) -> SameFound:
    """Return the pair of the baseline with itself that a row of the plan asks for."""
    own = pair_folder(folder, row)
    if not own.exists():
        return SameFound(_failure(own))
    try:
        content = manifest.checked(own, layout.REQUIRED_SAME_FILES)
        totals = _baseline_totals(own, row, 2)
        verdict = Verdict(**content["verdict"])
    except (manifest.Damaged, ValueError, KeyError, TypeError) as error:
        return SameFound(Verdict("files", str(error)))
    return SameFound(VALID, *totals) if verdict.is_valid else SameFound(verdict)


def _baseline_totals(own: Path, row: Any, runs: int) -> list[float]:
    """Return the seconds of a pair's baseline runs. Raises ValueError if these are not the planned ones."""
    path = own / layout.BASELINE_CSV
    table = whole_rows(path)
    of_cell = table[(table["batch_size"] == row.batch_size) & (table["examples"] == row.examples)]
    totals = [float(total_s) for total_s in of_cell.sort_values("run")["total_s"]]
    if len(totals) != runs or len(table) != runs or not min(totals) > 0:
        planned = f"{runs} run(s) of {row.examples} examples, batch size {row.batch_size}"
        raise ValueError(f"{path} does not hold what was planned: {planned}")
    return totals


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


def null_request_s(folder: Path, row: Any) -> tuple[float, int]:
    """Return the seconds per request of a cell on the null system, and of how many; NaN and 0 without a whole run."""
    place = folder / layout.INSTRUMENT / str(row.recipe) / systems.folder_of(row.system).name
    own = place / layout.cell_folder(row.batch_size, row.concurrency)
    try:
        manifest.checked(own, layout.LOCUST_RUN_FILES)
        run = json.loads((own / layout.LOCUST_RUN_JSON).read_text(encoding="utf-8"))
        return float(run["total_s"] / run["requests"]), int(run["requests"])
    except (manifest.Damaged, ValueError, KeyError, TypeError):
        return math.nan, 0


def slices(own: Path) -> pd.DataFrame:
    """Return in one row how a pair was sliced: ``SLICES_COLUMNS`` less those that say which pair it is."""
    table = whole_rows(own / layout.SLICES_CSV)
    if table.empty:
        return pd.DataFrame()
    found: dict[str, float] = {}
    for arm in (layout.BASELINE, layout.SERVED):
        ran = table[table["arm"] == arm]
        found |= {f"{arm}_slices": len(ran), f"{arm}_ran_s": (ran["end_ns"] - ran["begin_ns"]).sum() / 1e9}
    ends = table.groupby("arm")["end_ns"].max()
    return pd.DataFrame([{**found, "ends_apart_s": (ends.max() - ends.min()) / 1e9}])


def _failure(own: Path) -> Verdict:
    """Return why a pair is missing: the verdict in its failure's file, if there is one."""
    path = own.with_name(own.name + ".failed") / layout.FAILURE_JSON
    try:
        return Verdict(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Verdict("missing", "it has not been made yet")
