"""What serving adds, row by row: the rounds of a cell as one estimate with an interval, its parts, and a claim.

One estimate, the mean m of log(served / baseline) over rounds, is behind everything that is shown:

    ratio = exp(m)          overhead = baseline × (exp(m) − 1)          served = baseline × exp(m)

where each arm is the geometric mean of its rounds, so the three never contradict each other. The parts of a round sum
to its overhead, and are shared out on the same logarithmic scale (logarithmic mean Divisia index: B. W. Ang, Energy
Policy 33, 2005), which loses nothing:

    λ(r) = (r − 1) / log r          l = part / baseline / λ(served / baseline)          Σ l = log(served / baseline)
    part shown = baseline × λ(exp(m)) × mean of l                                       Σ parts = overhead

Functions from tables to tables. Owns the rows and their verdicts. Spreads, intervals and claims are
``servecost.statistics``'s.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from servecost.core.verdicts import SPREAD_MAX, VALID, Verdict
from servecost.report.attribution import PARTS
from servecost.report.pairs import ARMS, CONFIDENCE, MEANS, WITHDRAWN, pairs, per_request_ms
from servecost.report.read.tables import VERDICT
from servecost.statistics import paired as paired_statistics
from servecost.statistics.paired import Interval, Spread

__all__ = [
    "CELL",
    "CONFIDENCE",
    "KEY",
    "MISSING",
    "NUMBERS",
    "WITHDRAWN",
    "half_width",
    "pairs",
    "per_request_ms",
    "summary",
]

# A difference between rounds below this part of the served seconds moves no number: a baseline may be microseconds.
NEGLIGIBLE = 0.01
# A row whose interval lies within this of the baseline is equal to it, for all that anybody would do about it.
EQUAL_WITHIN = 0.02
MISSING = "missing"
CELL = ["recipe", "system", "system_label", "batch_size", "concurrency"]
KEY = [*CELL, "choice"]
NUMBERS = [*ARMS, "log_ratio", "overhead_s", "ratio", *PARTS, *MEANS]
INTERVALS = [*ARMS, "log_ratio", "overhead_s", *PARTS, "overhead_per_request_ms"]
LEVEL = ["ratio_low", "ratio_high", "is_pooled", "sd", "df", "claim"]
COLUMNS = [
    *(*KEY, "label", "examples", "requests", *NUMBERS),
    *(f"{name}_half_width" for name in INTERVALS),
    *(*LEVEL, "rounds", "rounds_planned", *VERDICT),
]
# What is averaged on a logarithmic scale, each with a spread of its own, or one that a recipe's rows share.
LOGS = ["log_ratio", *(f"log_{arm}" for arm in ARMS), *(f"log_{part}" for part in PARTS)]
Key = tuple[Any, ...]
MOST = ["baseline_memory_mib", "server_memory_mib"]  # peaks


def summary(paired: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each cell and choice of its system, in the plan's order.

    Columns: KEY; ``label``, the recipe and the choice in words; ``examples`` and ``requests`` of a run; NUMBERS as
    ``pairs`` has them, and ``…_half_width`` of the interval for those of INTERVALS; ``ratio_low`` and ``ratio_high``;
    ``is_pooled``, ``sd`` and ``df`` of the interval of the ratio; ``claim``: slower, faster, equal or
    undecided, empty if the row is not valid; ``rounds`` (with a number), ``rounds_planned``; ``rule`` and ``reason`` of
    the verdict on the row. The parts are those of all rounds that have an overhead, or missing.
    """
    groups: dict[Key, pd.DataFrame] = dict(iter(_with_logs(paired).groupby(KEY, sort=False)))
    complete = {key: own[own["log_ratio"].notna()] for key, own in groups.items()}
    spreads = _spreads(complete)
    rows = [
        _row(dict(zip(KEY, key, strict=True)), own, complete[key], {name: spreads[name, key] for name in LOGS})
        for key, own in groups.items()
    ]
    return _in_order(pd.DataFrame(rows, columns=COLUMNS))


def _with_logs(paired: pd.DataFrame) -> pd.DataFrame:
    factor = paired["baseline_s"] * _log_mean(paired["ratio"])
    logs = {f"log_{arm}": np.log(paired[arm]) for arm in ARMS}
    return paired.assign(**logs, **{f"log_{part}": paired[part] / factor for part in PARTS})


def _log_mean(ratio: Any) -> Any:
    """Return λ(r) = (r − 1) / log r, which is 1 at 1."""
    ratio = np.asarray(ratio, dtype=float)
    logs = np.log(ratio)
    return np.divide(ratio - 1, logs, out=np.ones_like(ratio), where=logs != 0)


def _spreads(complete: dict[Key, pd.DataFrame]) -> dict[tuple[str, Key], Spread]:
    """Return the spread between rounds of each of LOGS in each row: shared by a recipe's rows where they agree.

    ``complete``: the rounds of each row that have a number.
    """
    found: dict[tuple[str, Key], Spread] = {}
    for recipe_and_system in dict.fromkeys(key[:2] for key in complete):
        own = {key: rows for key, rows in complete.items() if key[:2] == recipe_and_system}
        for name in LOGS:
            values = {key: list(rows[name].dropna()) for key, rows in own.items()}
            found |= {(name, key): spread for key, spread in paired_statistics.spreads(values).items()}
    return found


def _row(key: dict[str, Any], own: pd.DataFrame, complete: pd.DataFrame, spreads: dict[str, Spread]) -> dict[str, Any]:
    verdict = row_verdict(own)
    intervals = {
        name: paired_statistics.interval(list(complete[name]), spread)
        for name, spread in spreads.items()
        if len(complete) and complete[name].notna().all()
    }
    first = own.iloc[0]
    return {
        **key,
        "label": f"{key['recipe']}, {key['choice']}" if key["choice"] else key["recipe"],
        "examples": first["examples"],
        "requests": first["requests"],
        **complete[MEANS].mean(),
        **complete[MOST].max(),
        **(_estimate(intervals, first) if intervals else {}),
        "claim": _claim(intervals["log_ratio"]) if intervals and verdict.is_valid else "",
        "rounds": len(complete),
        "rounds_planned": len(own),
        "rule": verdict.rule,
        "reason": verdict.reason,
    }


def half_width(values: "pd.Series[float]", confidence: float = CONFIDENCE) -> float:
    """Return half the width of the interval of a mean, by the spread of its own values; NaN for fewer than two."""
    own = list(values.dropna())
    (spread,) = paired_statistics.spreads({0: own}).values()
    return paired_statistics.interval(own, spread, confidence).half_width if len(own) > 1 else float("nan")


def _claim(log_ratio: Interval) -> str:
    return paired_statistics.claim(log_ratio, EQUAL_WITHIN)


def _estimate(intervals: dict[str, Interval], run: Any) -> dict[str, Any]:
    """Return the numbers that follow from the one estimate, with their intervals."""
    log_ratio = intervals["log_ratio"]
    found: dict[str, Any] = {"log_ratio": log_ratio.mean, "log_ratio_half_width": log_ratio.half_width}
    for arm in ARMS:
        own = intervals[f"log_{arm}"]
        found |= {arm: np.exp(own.mean), f"{arm}_half_width": (np.exp(own.high) - np.exp(own.low)) / 2}
    difference, half_width = paired_statistics.seconds(found["baseline_s"], log_ratio)
    found |= {"overhead_s": difference, "overhead_s_half_width": half_width}
    for name in ("overhead_s", "overhead_s_half_width"):
        found[name.replace("_s", "_per_request_ms", 1)] = per_request_ms(found[name], run)
    factor = found["baseline_s"] * float(_log_mean(np.exp(log_ratio.mean)))
    if all(f"log_{part}" in intervals for part in PARTS):
        for part in PARTS:
            own = intervals[f"log_{part}"]
            found |= {part: factor * own.mean, f"{part}_half_width": factor * own.half_width}
    spread = log_ratio.spread
    return {
        **found,
        "ratio": np.exp(log_ratio.mean),
        "ratio_low": np.exp(log_ratio.low),
        "ratio_high": np.exp(log_ratio.high),
        "sd": spread.sd,
        "df": spread.df,
        "is_pooled": spread.is_pooled,
    }


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows by recipe and system, the rows of a choice together; otherwise in the order that they have."""
    order = {name: place for place, name in enumerate(_places(rows))}
    names = rows[["recipe", "system", "choice"]].itertuples(index=False, name=None)
    return rows.iloc[np.argsort([order[name] for name in names], kind="stable")].reset_index(drop=True)


def _places(rows: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    for _, own in rows.groupby(["recipe", "system"], sort=False):
        yield from own[["recipe", "system", "choice"]].drop_duplicates().itertuples(index=False, name=None)


def row_verdict(own: pd.DataFrame) -> Verdict:
    """Return the verdict on a row: that on the first of its runs that is not valid, else on how its rounds agree."""
    broken = own[own["rule"] != ""]
    if WITHDRAWN in set(broken["rule"]):
        return Verdict(WITHDRAWN, str(broken["reason"].iloc[0]))
    if len(broken):
        first = min(broken.itertuples(), key=lambda run: run.rule == MISSING)
        return Verdict(str(first.rule), f"round {first.round}: {first.reason}")
    for arm in ARMS:
        least, most = own[arm].min(), own[arm].max()
        if most > SPREAD_MAX * least and most - least > NEGLIGIBLE * own["served_s"].mean():
            name = arm.removesuffix("_s")
            return Verdict("spread", f"the slowest round of {name} took {most / least:.1f} × the fastest")
    return VALID
