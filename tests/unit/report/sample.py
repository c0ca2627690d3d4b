"""Small results to report on: two rounds of one recipe at one batch size and two concurrencies."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from servecost.core import csv_files, layout, manifest
from servecost.core.layout import PLAN_COLUMNS, RunName
from servecost.report.read import published, tables
from servecost.report.read.made_with import MadeWith
from servecost.report.read.tables import Asked, Results

SYSTEM, LABEL = "fastdeploy", "fastDeploy"
PLAN = [
    (1, "echo", SYSTEM, LABEL, 8, 1, 1, 1000, 1),
    (1, "echo", SYSTEM, LABEL, 8, 4, 1, 1000, 2),
    (2, "echo", SYSTEM, LABEL, 8, 1, 1, 1000, 3),
    (2, "echo", SYSTEM, LABEL, 8, 4, 1, 1000, 4),
]
SERVED = [(1, 8, 1, 3.0), (1, 8, 4, 1.5), (2, 8, 1, 5.9), (2, 8, 4, 2.5)]
BASELINE = [(1, 8, 1.0), (2, 8, 2.0)]
SAME = [(1, 1.0, 1.02), (2, 1.0, 0.99)]
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


def results(served: Any = SERVED, baseline: Any = BASELINE, rule: str = "missing", choices: Any = (64, 64)) -> Results:
    """Return results in which a pair that lacks a run has broken a rule; ``choices``: the system's in each round."""
    plan = pd.DataFrame(PLAN, columns=list(PLAN_COLUMNS))
    both = plan[[*KEY, "recipe", "system", "pair", "examples"]].merge(
        pd.DataFrame(served, columns=[*KEY, "total_s"]).astype({"total_s": float}), how="left", on=KEY
    )
    direct = pd.DataFrame(baseline, columns=["round", "batch_size", "baseline_s"]).astype({"baseline_s": float})
    both = both.merge(direct, how="left", on=["round", "batch_size"])
    is_whole = both["total_s"].notna() & both["baseline_s"].notna()
    both = both.assign(rule=["" if whole else rule for whole in is_whole], reason="why")
    none = dict.fromkeys(tables.RESOURCES, math.nan)
    return Results(
        plan=plan,
        baseline=both.assign(total_s=both["baseline_s"].where(is_whole))[tables.BASELINE_COLUMNS],
        served=both.drop(columns="baseline_s").assign(
            total_s=both["total_s"].where(is_whole),
            requests=125,
            busy_s=math.nan,
            parallel=math.nan,
            mean_in_flight=both["concurrency"] * 0.9,
            optimal_batch_size=[choices[number - 1] for number in both["round"]],
            time_per_example_s=both["round"] * 0.001,
            host="",
            **none,
        ),
        calls=pd.DataFrame(columns=tables.RUN_CALLS_COLUMNS),
        direct_calls=pd.DataFrame(columns=tables.DIRECT_CALLS_COLUMNS),
        response_times=pd.DataFrame(columns=tables.RESPONSE_TIMES_COLUMNS),
        stages=pd.DataFrame(columns=tables.STAGES_COLUMNS),
        instrument=pd.DataFrame(
            {"recipe": "echo", "batch_size": 8, "concurrency": [1, 4], "request_s": [0.001, 0.0005], "requests": 125}
        ).assign(system=SYSTEM),
        same=same(*SAME),
        cold=pd.DataFrame(
            [(1, arm, 8, 0.5, 0.1, 3) for arm in ("baseline", "served")], columns=["round", *layout.COLD_COLUMNS]
        ).assign(recipe="echo", system=SYSTEM),
        slices=both[tables.ROW].assign(
            baseline_slices=2, baseline_ran_s=1.0, served_slices=2, served_ran_s=3.0, ends_apart_s=0.2
        ),
        absent=pd.DataFrame(columns=list(layout.ABSENT_COLUMNS)),
        wall=pd.DataFrame({"step": ["a", "b"], "wall_s": [20.0, 5.0], "timed_s": [20.0, 0.0]}),
        idle=pd.DataFrame(
            [("baseline", 4.0, 0.0, 1024.0), ("served", 10.0, 0.02, math.nan)], columns=list(layout.IDLE_COLUMNS)
        ),
        withdrawn=pd.DataFrame(columns=tables.WITHDRAWN_COLUMNS),
        asked=Asked(),
        made_with=[MADE_WITH],
        pooled=[],
    )


def written(found: Results, folder: Path) -> Path:
    """Publish results into a folder, which is returned."""
    experiment = folder.with_suffix(".json")
    own = {each.recipe: {"system": {each.system: {each.name: each.value}}} for each in found.asked.settings}
    experiment.write_text(json.dumps({"recipe": own}))
    published.write(found, experiment, folder)
    return folder


def same(*rows: tuple[int, float, float]) -> pd.DataFrame:
    """Return pairs of the baseline with itself: round, and the seconds of both runs."""
    found = [(number, "echo", 8, 1, 1000, first, again, "", "") for number, first, again in rows]
    return pd.DataFrame(found, columns=tables.SAME_COLUMNS)


def cells(*rows: tuple[int, int, float, float, float, float, float]) -> pd.DataFrame:
    """Return a summary of cells: batch size, concurrency, baseline, the three parts, inputs per call."""
    names = ["batch_size", "concurrency", "baseline_s", "call_pattern_s", "contention_s", "serving_path_s"]
    table = pd.DataFrame(rows, columns=[*names, "inputs_per_call"])
    table["overhead_s"] = table[["call_pattern_s", "contention_s", "serving_path_s"]].sum(axis=1)
    table["served_s"] = table["baseline_s"] + table["overhead_s"]
    table["ratio"] = table["served_s"] / table["baseline_s"]
    table = table.assign(examples=1000, requests=1000 / table["batch_size"])
    table["overhead_per_request_ms"] = 1000 * table["overhead_s"] * table["examples"] / 10_000 / table["requests"]
    table["claim"] = ["slower" if overhead_s > 0 else "faster" for overhead_s in table["overhead_s"]]
    table = table.assign(ratio_low=table["ratio"] * 0.99, ratio_high=table["ratio"] * 1.01)
    own: dict[str, Any] = {
        "recipe": "echo",
        "system": SYSTEM,
        "system_label": LABEL,
        "label": "echo",
        "rule": "",
        "instrument_s": 0.5,
    }
    return table.assign(**own, overhead_s_half_width=0.1, served_s_half_width=0.1)


def write_plan(folder: Path, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Write the plan of a results folder and return it."""
    plan = pd.DataFrame(rows, columns=list(PLAN_COLUMNS))
    plan.to_csv(folder / layout.PLAN_CSV, index=False)
    return plan


def write_pair(folder: Path, row: Any, total_s: float, facts: Mapping[str, float], stages: str = "") -> None:
    """Write the files of a planned pair, whose served run has requests of 4 ms and of 11 ms, into its folder.

    The baseline takes half as long.
    """
    folder.mkdir(parents=True)
    name = RunName(row.recipe, row.batch_size, row.concurrency, row.examples)
    requests = math.ceil(row.examples / row.batch_size)
    columns = "Type", "Name", "Request Count", "Failure Count", "Average Response Time"
    stats = [("POST", row.recipe, requests, 0, 9.5), (layout.RUN_TYPE, name, 1, 0, 1000 * total_s)]
    csv_files.write_table(folder / layout.LOCUST_STATS_CSV, columns, stats)
    times = [(1000000, 5000000), (9000000, 20000000)] * (requests // 2)
    lines = [f"{number},0,0,1,{sent},{answered}," for number, (sent, answered) in enumerate(times)]
    header = "request,worker,user,examples,sent_ns,answered_ns,failure"
    (folder / layout.LOCUST_REQUESTS_CSV).write_text("\n".join([header, *lines, ""]))
    run = {"released_ns": 0, "total_s": total_s, "mean_in_flight": 0.9}
    (folder / layout.LOCUST_RUN_JSON).write_text(json.dumps(run))
    (folder / layout.LOCUST_LEDGER_CSV).write_text("worker\ntotal\n")
    if stages:
        (folder / layout.SERVER_STAGES_CSV).write_text(stages)
    write_baseline(folder, row, total_s / 2)
    content = {
        "written_at": "2026-01-02T03:04:05+00:00",
        "commit": None,
        "conditions": conditions({(row.recipe, row.system): STACK}),
        "verdict": {"rule": "", "reason": ""},
        "server": dict(facts),
        "resources": {"memory_free_least_gib": 2.5, "server_cpu_s": 0.3},
    }
    manifest.write(folder, content, layout.PAIR_FILES)


def write_same(folder: Path, row: Any, *totals: float) -> None:
    """Write the files of a planned pair of the baseline with itself into its folder."""
    folder.mkdir(parents=True)
    write_baseline(folder, row, *totals)
    content = {
        "written_at": "2026-01-02T03:04:05+00:00",
        "commit": None,
        "conditions": conditions({}),
        "verdict": {"rule": "", "reason": ""},
    }
    manifest.write(folder, content, layout.REQUIRED_SAME_FILES)


def write_baseline(folder: Path, row: Any, *totals: float) -> None:
    """Write a pair's baseline runs, its slices, and what its arms used at rest."""
    lines = [
        f"{row.recipe},{row.batch_size},{number},{row.examples},{total_s}" for number, total_s in enumerate(totals, 1)
    ]
    (folder / layout.BASELINE_CSV).write_text("\n".join(["recipe,batch_size,run,examples,total_s", *lines, ""]))
    (folder / layout.SLICES_CSV).write_text(
        "arm,begin_ns,end_ns\nbaseline,0,1000000000\nserved,1000000000,3000000000\nbaseline,3000000000,4000000000\n"
    )
    (folder / layout.IDLE_CSV).write_text("arm,rested_s,cpu_s,memory_mib\nbaseline,2.0,0.01,512\nserved,2.0,0.0,256\n")
