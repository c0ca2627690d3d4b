"""Every pair as a row: what both arms took, their ratio, and where the difference comes from.

Owns the pairs. How the rounds of a cell become one row is ``overhead``'s; the unit is ``servecost.core.overhead``'s.
"""

from typing import Any

import pandas as pd

from servecost.core.overhead import EXAMPLES, overhead_s, per_examples
from servecost.report import attribution, choices
from servecost.report.attribution import PARTS, CallCosts
from servecost.report.read.tables import CELL, LEFT, ROW, USED, VERDICT, WITHDRAWN_KEY, Results

CONFIDENCE = 0.95
WITHDRAWN = "withdrawn"
# Of a run on the null system: fewer requests than this say nothing of what one takes.
INSTRUMENT_LEAST = 100
ARMS = ["baseline_s", "served_s"]
COLD = ["baseline_cold_s", "served_cold_s"]
MEANS = [
    *("overhead_per_request_ms", "instrument_s", "instrument_requests", "calls", "inputs_per_call", "parallel"),
    *("mean_in_flight", "cpu_overhead_s", *USED, *COLD),
]
NUMBERS = [*ARMS, "overhead_s", "ratio", *PARTS, *MEANS]


def pairs(results: Results) -> pd.DataFrame:
    """Return a row for each planned pair.

    Columns: those of the plan; ``choice`` of the system (``choices``); ``requests`` of the served run; ``baseline_s``,
    ``served_s``, ``overhead_s`` and its parts ``call_pattern_s``, ``contention_s``, ``serving_path_s``, all per 10,000
    examples; ``ratio``, served / baseline; ``overhead_per_request_ms``;
    ``instrument_s``, the seconds of the same requests on the null system, if ``instrument_requests``, that were made
    there, are enough to tell; ``calls`` per 10,000 examples, ``inputs_per_call``, and ``parallel``, how many of the
    calls were in progress at a time; ``mean_in_flight``;
    ``baseline_cpu_s``, ``server_cpu_s`` and their difference ``cpu_overhead_s``, seconds of CPU per 10,000 examples;
    memory, seconds to start, and what the first call of the size cost each arm (``…_cold_s``, never scaled); ``host``,
    the machine that made it; ``rule``
    and ``reason``, empty if the pair is valid. Numbers are NaN where it is not. Seconds of fewer or more examples are
    scaled in proportion.
    """
    served = results.served.rename(columns={"total_s": "served_s"}).drop(columns=[*LEFT, "examples"])
    baseline = results.baseline[ROW].assign(
        baseline_s=per_examples(results.baseline["total_s"], results.baseline["examples"])
    )
    merged = results.plan.merge(served, how="left", on=ROW).merge(baseline, how="left", on=ROW)
    merged = merged.merge(choices.of_rounds(results.served), how="left", on=ROW)
    for name in ("served_s", "busy_s", "baseline_cpu_s", "server_cpu_s"):
        merged[name] = per_examples(merged[name], merged["examples"])
    merged["cpu_overhead_s"] = merged["server_cpu_s"] - merged["baseline_cpu_s"]
    merged = _with_parts(merged, results)
    merged["overhead_s"] = overhead_s(merged["served_s"], merged["baseline_s"])
    merged["ratio"] = merged["served_s"] / merged["baseline_s"]
    merged["overhead_per_request_ms"] = per_request_ms(merged["overhead_s"], merged)
    merged = _with_shares(merged, results)
    columns = [*results.plan.columns, "choice", "requests", *NUMBERS, "host", *VERDICT]
    return _without_withdrawn(merged[columns], results.withdrawn)


def per_request_ms(seconds: Any, row: Any) -> Any:
    """Return what seconds per 10,000 examples are for each request of a run, in ms; of one row or of a table."""
    return 1000 * seconds * row.examples / EXAMPLES / row.requests


def _with_parts(merged: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return pairs with the parts of the overhead."""
    calls, direct_calls = results.calls.groupby(ROW), results.direct_calls.groupby(ROW)

    def costs_of(row: Any) -> CallCosts:
        run = tuple(getattr(row, name) for name in ROW)
        if pd.isna(row.served_s) or run not in calls.groups:
            return attribution.UNKNOWN
        own = direct_calls.get_group(run) if run in direct_calls.groups else results.direct_calls[:0]
        return attribution.call_costs(calls.get_group(run), own, row.baseline_s / EXAMPLES)

    costs = pd.DataFrame(
        [costs_of(row) for row in merged.itertuples()], columns=list(CallCosts._fields), index=merged.index
    )
    direct_s = per_examples(costs["direct_s"], merged["examples"]) / merged["parallel"].fillna(1)
    return merged.assign(
        call_pattern_s=direct_s - merged["baseline_s"],
        contention_s=merged["busy_s"] - direct_s,
        serving_path_s=merged["served_s"] - merged["busy_s"],
        calls=per_examples(costs["calls"], merged["examples"]),
        inputs_per_call=costs["inputs_per_call"],
    )


def _with_shares(merged: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return pairs with what the client itself took of them, and with what cold work cost."""
    instrument = results.instrument.rename(columns={"requests": "instrument_requests"})
    merged = merged.merge(instrument, how="left", on=CELL)
    request_s = merged["request_s"].where(merged["instrument_requests"] >= INSTRUMENT_LEAST)
    merged["instrument_s"] = per_examples(request_s * merged["requests"], merged["examples"])
    for name in COLD:
        own = results.cold[results.cold["arm"] == name.removesuffix("_cold_s")]
        cost_s = (own["first_s"] - own["steady_s"]).clip(lower=0)
        key = ["recipe", "system", "batch_size"]
        mean_s = own[key].assign(**{name: cost_s}).groupby(key, as_index=False).mean()
        merged = merged.merge(mean_s.astype({"batch_size": int}), how="left", on=key)
    return merged


def _without_withdrawn(paired: pd.DataFrame, withdrawn: pd.DataFrame) -> pd.DataFrame:
    """Return pairs with the rule ``withdrawn``, and no number, where a published number is known to be wrong."""
    if withdrawn.empty:
        return paired
    reasons = paired[WITHDRAWN_KEY].merge(withdrawn, how="left", on=WITHDRAWN_KEY)["reason"].set_axis(paired.index)
    is_withdrawn = reasons.notna()
    numbers = paired[NUMBERS].mask(is_withdrawn)
    rules = paired["rule"].mask(is_withdrawn, WITHDRAWN)
    return paired.assign(**numbers, rule=rules, reason=paired["reason"].mask(is_withdrawn, reasons))
