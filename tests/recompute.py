"""Reckons a results folder's table anew, from the raw files alone, without any of the project's code.

``python -m tests.recompute results/quick`` prints by how much ``table.csv`` differs. Every pair has to be valid.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats


def active_s(slices: pd.DataFrame, begin_ns: int, end_ns: int) -> float:
    """Return how long an arm ran from one instant to another."""
    return (
        float((slices["end_ns"].clip(upper=end_ns) - slices["begin_ns"].clip(lower=begin_ns)).clip(lower=0).sum()) / 1e9
    )


def pair(folder: Path, examples: int) -> list[float]:
    """Return a pair's seconds per 10,000 examples: baseline, served, and the three parts of their difference."""
    slices, runs = pd.read_csv(folder / "slices.csv"), pd.read_csv(folder / "runs.csv").set_index("arm")
    baseline, served = (active_s(slices[slices["arm"] == arm], *runs.loc[arm]) for arm in ("baseline", "served"))
    calls = pd.read_csv(folder / "calls.csv").sort_values("start_ns")  # on the server's clock, which a stop stops
    begin = first = pd.read_json(folder / "locust_run.json", typ="series")["released_ns"]
    busy = direct = total = 0.0
    for start, end in zip(calls["start_ns"], calls["end_ns"].clip(upper=first + round(served * 1e9)), strict=True):
        total, busy = total + max(0, end - max(start, first)) / 1e9, busy + max(0, end - max(start, begin)) / 1e9
        begin = max(begin, end)
    timed = pd.read_csv(folder / "direct_calls.csv").groupby(["batch_size", "inputs"]).mean(numeric_only=True)
    cost = timed["call_s"] / timed["reference_s"] * timed["reference_inputs"] * baseline / examples
    for size, own in calls.groupby("batch_size"):
        direct += np.interp(own["inputs"], cost[size].index, cost[size]).sum() * busy / total
    return [10_000 / examples * s for s in (baseline, served, direct - baseline, busy - direct, served - busy)]


def row(folder: Path, planned: pd.DataFrame) -> dict[str, Any]:
    """Return a cell's row: the means of its rounds, or of one round's pairs, and half of each interval."""
    places = [
        folder / f"round-{p.round}/{p.recipe}/{p.system}/b{p.batch_size}-c{p.concurrency}" for p in planned.itertuples()
    ]
    places = [p if n == 1 else p.with_name(f"{p.name}-p{n}") for p, n in zip(places, planned["pair"], strict=True)]
    each = pd.DataFrame([pair(*own) for own in zip(places, planned["examples"], strict=True)])
    each = each.groupby(planned["round"].to_numpy()).mean() if planned["round"].nunique() > 1 else each
    (b, s, *parts), n = each.mean(), len(each)
    widths = [stats.t.ppf(0.975, n - 1) * (each[c] - each[c].mean() / b * each[0]).std() / n**0.5 for c in range(1, 5)]
    names = ["overhead_s", "call_pattern_s", "contention_s", "serving_path_s"]
    found = {"baseline_s": b, "served_s": s, "ratio": s / b, **dict(zip(names, [s - b, *parts], strict=True))}
    found |= {"ratio_low": (s - widths[0]) / b, "relative_half_width": widths[0] / max(s, b)}
    return found | {f"{name}_half_width": width for name, width in zip(names, widths, strict=True)}


def difference(folder: Path) -> float:
    """Return the largest difference between the table and what was reckoned, seconds as a part of the served ones."""
    cell = ["recipe", "system", "batch_size", "concurrency"]
    plan = pd.read_csv(folder / "plan.csv")
    cells = {key: row(folder, own) for key, own in plan[plan["system"] != "_same"].groupby(cell)}
    anew = pd.DataFrame.from_dict(cells, orient="index").rename_axis(cell)
    table = pd.read_csv(folder / "table.csv").set_index(cell).loc[anew.index, anew.columns]
    seconds = [name for name in map(str, anew) if "_s" in name]
    anew[seconds], table[seconds] = (each[seconds].div(anew["served_s"], axis=0) for each in (anew, table))
    return float((table - anew).abs().to_numpy().max())


if __name__ == "__main__":
    print(difference(Path(sys.argv[1])))
