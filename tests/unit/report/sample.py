"""Small results to report on: two rounds of one recipe at one batch size and two concurrencies."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from servecost.core import layout, manifest
from servecost.core.layout import PLAN_COLUMNS, RunName
from servecost.report.read import tables
from servecost.report.read.made_with import MadeWith
from servecost.report.read.tables import Results

SYSTEM, LABEL = "fastdeploy", "fastDeploy"
PLAN = [
    (1, "echo", SYSTEM, LABEL, 8, 1, 1000, 1000, 2, 1),
    (1, "echo", SYSTEM, LABEL, 8, 4, 1000, 1000, 3, 1),
    (2, "echo", SYSTEM, LABEL, 8, 1, 1000, 1000, 4, 6),
    (2, "echo", SYSTEM, LABEL, 8, 4, 1000, 1000, 5, 6),
]
SERVED = [(1, 8, 1, 3.0), (1, 8, 4, 1.5), (2, 8, 1, 5.0), (2, 8, 4, 2.5)]
BASELINE = [(1, 8, 1.0), (2, 8, 2.0)]
KEY = ["round", "batch_size", "concurrency"]
MACHINE = {"host": "h", "processor": "P", "cores": 2, "usable_cores": 2, "memory_gib": 4, "system": "Linux 6"}
STACK = {"python": "3.7.16", "fastdeploy": "3.1.1", "numpy": "1.19.5", "tensorflow": "1.14.0"}


def conditions(stacks: Mapping[tuple[str, str], Mapping[str, str]]) -> dict[str, Any]:
    """Return conditions with these stacks, each by recipe and system."""
    nested: dict[str, dict[str, Any]] = {}
    for (recipe, system), versions in stacks.items():
        nested.setdefault(recipe, {})[system] = {"versions": dict(versions)}
    return {
        "recipes": {recipe: {"fingerprint": "f", "settings": {}} for recipe in nested},
        "stacks": nested,
        "load": {"versions": {"python": "3.11.7", "locust": "2.47.0"}},
        "environment": {"OMP_NUM_THREADS": "2"},
        "shell": {},
        "machine": MACHINE,
        "code": {"servecost": "c", "systems": {system: "s" for _, system in stacks}},
    }


def made_with(stacks: Mapping[tuple[str, str], Mapping[str, str]], written_at: str = "2026-01-02T03:04:05") -> MadeWith:
    """Return what runs with these stacks were made with."""
    return MadeWith(f"{written_at}+00:00", layout.SCHEMA_VERSION, "abc", conditions(stacks))


MADE_WITH = made_with({("echo", SYSTEM): STACK})


def results(served: Any = SERVED, baseline: Any = BASELINE, rule: str = "missing") -> Results:
    """Return results in which every run that is not given has broken a rule."""
    plan = pd.DataFrame(PLAN, columns=list(PLAN_COLUMNS))
    given = pd.DataFrame(served, columns=[*KEY, "total_s"])
    runs = plan[[*KEY, "recipe", "system", "examples"]].merge(given, how="left", on=KEY)
    direct = pd.DataFrame(baseline, columns=["round", "batch_size", "total_s"])
    direct = pd.DataFrame({"round": [1, 2], "batch_size": 8}).merge(direct, how="left", on=["round", "batch_size"])
    return Results(
        plan=plan,
        baseline=with_verdicts(direct, rule).assign(recipe="echo", system=SYSTEM, examples=1000),
        served=with_verdicts(runs, rule).assign(
            requests=125, busy_s=math.nan, **dict.fromkeys(tables.RESOURCES, math.nan)
        ),
        calls=pd.DataFrame(columns=tables.RUN_CALLS_COLUMNS),
        direct_calls=pd.DataFrame(columns=tables.DIRECT_CALLS_COLUMNS),
        response_times=pd.DataFrame(columns=tables.RESPONSE_TIMES_COLUMNS),
        stages=pd.DataFrame(columns=tables.STAGES_COLUMNS),
        instrument=pd.DataFrame(
            {"recipe": "echo", "batch_size": 8, "concurrency": [1, 4], "request_s": [0.001, 0.0005]}
        ),
        wall=pd.DataFrame({"step": ["a", "b"], "wall_s": [20.0, 5.0], "timed_s": [20.0, 0.0]}),
        idle=pd.DataFrame({"batch_size": [8], "elapsed_s": [10.0], "server_cpu_s": [0.02]}),
        withdrawn=pd.DataFrame(columns=tables.WITHDRAWN_COLUMNS),
        made_with=[MADE_WITH],
        pooled=[],
    )


def with_verdicts(runs: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Return runs of which those without a number have broken the rule."""
    return runs.assign(rule=["" if total_s > 0 else rule for total_s in runs["total_s"]], reason="why")


def cells(*rows: tuple[int, int, float, float, float, float, float]) -> pd.DataFrame:
    """Return a summary of cells: batch size, concurrency, baseline, the three parts, inputs per call."""
    names = ["batch_size", "concurrency", "baseline_s", "call_pattern_s", "contention_s", "serving_path_s"]
    table = pd.DataFrame(rows, columns=[*names, "inputs_per_call"])
    table["overhead_s"] = table[["call_pattern_s", "contention_s", "serving_path_s"]].sum(axis=1)
    table["served_s"] = table["baseline_s"] + table["overhead_s"]
    table["ratio"] = table["served_s"] / table["baseline_s"]
    table["overhead_per_request_ms"] = 1000 * table["overhead_s"] / (10_000 / table["batch_size"])
    return table.assign(
        recipe="echo", system=SYSTEM, system_label=LABEL, rule="", overhead_s_half_width=0.1, instrument_s=0.5
    )


def write_plan(folder: Path, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Write the plan of a results folder and return it."""
    plan = pd.DataFrame(rows, columns=list(PLAN_COLUMNS))
    plan.to_csv(folder / layout.PLAN_CSV, index=False)
    return plan


def write_served_run(folder: Path, row: Any, total_s: float, facts: Mapping[str, float], stages: str = "") -> None:
    """Write the files of a planned served run of two requests, 4 ms and 11 ms long, into its folder."""
    folder.mkdir(parents=True)
    name = RunName(row.recipe, row.batch_size, row.concurrency, row.examples)
    (folder / layout.LOCUST_STATS_CSV).write_text(
        "Type,Name,Request Count,Failure Count,Average Response Time\n"
        f"POST,{row.recipe},{math.ceil(row.examples / row.batch_size)},0,9.5\n"
        f"RUN,{name},1,0,{1000 * total_s}\n"
    )
    (folder / layout.LOCUST_REQUESTS_CSV).write_text(
        "request,worker,user,examples,sent_ns,answered_ns,failure\n0,0,0,1,1000000,5000000,\n1,0,0,1,9000000,20000000,\n"
    )
    (folder / layout.LOCUST_RUN_JSON).write_text(json.dumps({"released_ns": 0, "total_s": total_s}))
    (folder / layout.LOCUST_LEDGER_CSV).write_text("worker\ntotal\n")
    if stages:
        (folder / layout.SERVER_STAGES_CSV).write_text(stages)
    content = {
        "written_at": "2026-01-02T03:04:05+00:00",
        "commit": None,
        "conditions": conditions({(row.recipe, row.system): STACK}),
        "verdict": {"rule": "", "reason": ""},
        "server": dict(facts),
        "resources": {"memory_free_least_gib": 2.5},
    }
    manifest.write(folder, content, layout.RUN_FILES)
