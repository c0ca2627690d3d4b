"""What serving adds: served minus baseline, paired within a round, per 10,000 examples and per request.

Functions from tables to tables. Owns the pairs, the interval over rounds, and the verdict on a row; the unit and the
formula are ``servecost.core.overhead``'s.
"""

from typing import Any

import pandas as pd
from scipy import stats

from servecost.core.overhead import EXAMPLES, overhead_s, per_examples, requests_of
from servecost.core.verdicts import SPREAD_MAX, VALID, Verdict
from servecost.report import attribution
from servecost.report.attribution import PARTS, CallCosts
from servecost.report.read.tables import PART, ROW, VERDICT, WITHDRAWN_KEY, Results

CONFIDENCE = 0.95
# A difference between rounds below this part of the served seconds moves no number: a baseline may be microseconds.
NEGLIGIBLE = 0.01
MISSING, WITHDRAWN = "missing", "withdrawn"
CELL = ["recipe", "system", "system_label", "batch_size", "concurrency"]
ARMS = ["baseline_s", "served_s"]
NUMBERS = [*ARMS, "overhead_s", "overhead_per_request_ms", "ratio", *PARTS, "instrument_s", "calls", "inputs_per_call"]
WITH_INTERVAL = [*ARMS, "overhead_s", "ratio"]


def pairs(results: Results) -> pd.DataFrame:
    """Return a row for each planned served run, beside the baseline run of its round.

    Columns: those of the plan; ``baseline_s``, ``served_s``, ``overhead_s`` and its parts ``call_pattern_s``,
    ``contention_s``, ``serving_path_s``, all per 10,000 examples; ``instrument_s``, the seconds of the same requests on
    the null system; ``overhead_per_request_ms``; ``ratio`` (served / baseline); ``calls`` per 10,000 examples and
    ``inputs_per_call``; ``rule`` and ``reason`` of either arm, empty if both are valid. Numbers are NaN where a run is
    not valid. Runs of fewer or more examples are scaled in proportion.
    """
    baseline = results.baseline.drop(columns="examples").rename(columns={"total_s": "baseline_s"})
    merged = results.plan.merge(
        results.served[[*ROW, "requests", "total_s", "busy_s", *VERDICT]], how="left", on=ROW
    ).merge(baseline, how="left", on=[*PART, "batch_size"], suffixes=("", "_baseline"))
    merged = merged.merge(results.instrument, how="left", on=["recipe", "batch_size", "concurrency"])
    merged["baseline_s"] = per_examples(merged["baseline_s"], merged["baseline_examples"])
    merged["served_s"] = per_examples(merged["total_s"], merged["examples"])
    merged["overhead_s"] = overhead_s(merged["served_s"], merged["baseline_s"])
    merged["ratio"] = merged["served_s"] / merged["baseline_s"]
    requests = merged["batch_size"].map(lambda batch_size: requests_of(EXAMPLES, batch_size))
    merged["overhead_per_request_ms"] = 1000 * merged["overhead_s"] / requests
    merged["instrument_s"] = merged["request_s"] * requests
    merged = _with_parts(merged, results)
    for column in VERDICT:
        merged[column] = merged[column].where(merged["rule"] != "", merged[f"{column}_baseline"])
    merged = merged.drop(columns=["total_s", "busy_s", "request_s", "rule_baseline", "reason_baseline"])
    return _without_withdrawn(merged, results.withdrawn)


def _without_withdrawn(paired: pd.DataFrame, withdrawn: pd.DataFrame) -> pd.DataFrame:
    """Return pairs with the rule ``withdrawn``, and no number, where a published number is known to be wrong."""
    if withdrawn.empty:
        return paired
    reasons = paired[WITHDRAWN_KEY].merge(withdrawn, how="left", on=WITHDRAWN_KEY)["reason"].set_axis(paired.index)
    is_withdrawn = reasons.notna()
    numbers = paired[NUMBERS].mask(is_withdrawn)
    rules = paired["rule"].mask(is_withdrawn, WITHDRAWN)
    return paired.assign(**numbers, rule=rules, reason=paired["reason"].mask(is_withdrawn, reasons))


def _with_parts(merged: pd.DataFrame, results: Results) -> pd.DataFrame:
    of_runs, of_parts = results.calls.groupby(ROW), results.direct_calls.groupby(PART)

    def costs_of(row: Any) -> CallCosts:
        run = tuple(getattr(row, name) for name in ROW)
        part = run[: len(PART)]
        if pd.isna(row.served_s) or run not in of_runs.groups:
            return attribution.UNKNOWN
        direct_calls = of_parts.get_group(part) if part in of_parts.groups else results.direct_calls[:0]
        return attribution.call_costs(of_runs.get_group(run), direct_calls)

    costs = pd.DataFrame(
        [costs_of(row) for row in merged.itertuples()], columns=list(CallCosts._fields), index=merged.index
    )
    busy_s = per_examples(merged["busy_s"], merged["examples"])
    direct_s = per_examples(costs["direct_s"], merged["examples"])
    return merged.assign(
        call_pattern_s=direct_s - merged["baseline_s"],
        contention_s=busy_s - direct_s,
        serving_path_s=merged["served_s"] - busy_s,
        calls=per_examples(costs["calls"], merged["examples"]),
        inputs_per_call=costs["inputs_per_call"],
    )


def half_width(values: "pd.Series[float]") -> float:
    """Return half the width of the 95 % interval of a mean, by Student's t; NaN for fewer than two values."""
    valid = values.dropna()
    if len(valid) < 2:
        return float("nan")
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, len(valid) - 1) * stats.sem(valid))


def summary(paired: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each cell, in the plan's order: the means over its rounds.

    Columns: CELL; NUMBERS as ``pairs`` has them; ``…_half_width`` of the 95 % interval for those of WITH_INTERVAL;
    ``rounds`` (with both arms), ``rounds_planned``; ``rule`` and ``reason`` of the verdict on the row, empty if it is
    valid. Each arm is the mean of its valid runs; every other number is the mean over the rounds that have both arms,
    because it is paired within a round. So the parts sum to the overhead.
    """
    rows = [_row(dict(zip(CELL, key, strict=True)), own) for key, own in paired.groupby(CELL, sort=False)]
    widths = [f"{name}_half_width" for name in WITH_INTERVAL]
    return pd.DataFrame(rows, columns=[*CELL, *NUMBERS, *widths, "rounds", "rounds_planned", *VERDICT])


def _row(cell: dict[str, Any], own: pd.DataFrame) -> dict[str, Any]:
    complete = own[own["overhead_s"].notna()]
    verdict = row_verdict(own)
    return {
        **cell,
        **complete[NUMBERS].mean(),
        **own[ARMS].mean(),
        **{f"{name}_half_width": half_width(own[name]) for name in WITH_INTERVAL},
        "rounds": len(complete),
        "rounds_planned": len(own),
        "rule": verdict.rule,
        "reason": verdict.reason,
    }


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
