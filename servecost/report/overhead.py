"""What serving adds, row by row: the rounds of a cell as one estimate with an interval, its parts, and a claim.

With S and B the seconds of a round's served and baseline run, the overhead is mean S − mean B, and the ratio R is
mean S / mean B. The interval of R is made of the residuals S − R × B; that of the overhead is the same one in seconds,
× mean B. Each part P of the overhead likewise: mean P, and the residuals P − (mean P / mean B) × B. So difference and
ratio never contradict each other, and the parts, which are of the same rounds or missing together, sum to the overhead.

Functions from tables to tables. Owns the rows and their verdicts. The estimator is ``servecost.statistics.paired``'s.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from servecost.core.overhead import EQUAL_WITHIN, LEAST_ROUNDS
from servecost.core.verdicts import MISSING, VALID, Verdict
from servecost.report.attribution import PARTS
from servecost.report.pairs import ARMS, CONFIDENCE, MEANS, WITHDRAWN, pairs, per_request_ms
from servecost.report.read.tables import VERDICT
from servecost.statistics import paired as statistics
from servecost.statistics.paired import Ratio

__all__ = [
    "CELL",
    "CONFIDENCE",
    "KEY",
    "NUMBERS",
    "WITHDRAWN",
    "pairs",
    "per_request_ms",
    "summary",
]

CELL = ["recipe", "system", "system_label", "batch_size", "concurrency"]
KEY = [*CELL, "choice"]
NUMBERS = [*ARMS, "overhead_s", "ratio", *PARTS, *MEANS]
INTERVALS = [*ARMS, "ratio", "overhead_s", *PARTS, "overhead_per_request_ms"]
LEVEL = ["ratio_low", "ratio_high", "relative_half_width", "sd", "claim", "rounds_to_decide"]
COLUMNS = [
    *(*KEY, "label", "examples", "requests", *NUMBERS),
    *(f"{name}_half_width" for name in INTERVALS),
    *(*LEVEL, "rounds", "rounds_planned", "pairs", "pairs_planned", *VERDICT),
]
MOST = ["baseline_memory_mib", "server_memory_mib"]  # peaks


def summary(paired: pd.DataFrame, equal_within: float = EQUAL_WITHIN) -> pd.DataFrame:
    """Return a row for each cell and choice of its system, in the plan's order.

    ``equal_within``: a row whose interval lies within this part of the larger arm's seconds is equal to the baseline.

    Columns: KEY; ``label``, the recipe and the choice in words; ``examples`` and ``requests`` of a run; NUMBERS as
    ``pairs`` has them, and ``…_half_width`` of the interval for those of INTERVALS; ``ratio_low`` and ``ratio_high``;
    ``relative_half_width``, of the larger arm's seconds, and ``sd`` of the residuals likewise; ``claim``: slower,
    faster, equal or undecided, empty if the row is not valid; ``rounds_to_decide``: about how many rounds (pairs, if
    there is one round) would decide an undecided row, NaN of any other; ``rounds`` and ``pairs`` (with a number),
    ``rounds_planned`` and ``pairs_planned``; ``rule`` and ``reason`` of the verdict on the row. The parts are those of
    all pairs that have an overhead, or missing.
    """
    rows = [_row(dict(zip(KEY, key, strict=True)), own, equal_within) for key, own in paired.groupby(KEY, sort=False)]
    return _in_order(pd.DataFrame(rows, columns=COLUMNS))


def _row(key: dict[str, Any], own: pd.DataFrame, equal_within: float) -> dict[str, Any]:
    verdict, first = row_verdict(own), own.iloc[0]
    complete = own[own["ratio"].notna()]
    each = units(complete, [*ARMS, *PARTS])
    return {
        **key,
        "label": f"{key['recipe']}, {key['choice']}" if key["choice"] else key["recipe"],
        "examples": first["examples"],
        "requests": first["requests"],
        **complete[MEANS].mean(),
        **complete[MOST].max(),
        **(_estimate(each, first) if len(complete) else {}),
        **(_claim(each, equal_within) if len(complete) and verdict.is_valid else {"claim": ""}),
        "rounds": complete["round"].nunique(),
        "rounds_planned": own["round"].nunique(),
        "pairs": len(complete),
        "pairs_planned": len(own),
        "rule": verdict.rule,
        "reason": verdict.reason,
    }


def units(complete: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return what an interval is made of: the means of these columns in each round; of a single round, its pairs.

    A part is NaN in a round in which a pair has none.
    """
    if complete["round"].nunique() < 2 or not complete["round"].duplicated().any():
        return complete[columns]
    return pd.DataFrame([own[columns].mean(skipna=False) for _, own in complete.groupby("round", sort=False)])


def _ratio(complete: pd.DataFrame, numerator: str = "served_s") -> Ratio:
    return statistics.ratio(complete[numerator].to_numpy(), complete["baseline_s"].to_numpy())


def _claim(complete: pd.DataFrame, equal_within: float) -> dict[str, Any]:
    found = _ratio(complete)
    claim = statistics.claim(found, equal_within)
    return {
        "claim": claim,
        "rounds_to_decide": statistics.needed(found, equal_within) if claim == "undecided" else float("nan"),
    }


def _estimate(complete: pd.DataFrame, run: Any) -> dict[str, Any]:
    """Return the numbers of a row, with their intervals, from the rounds that have some."""
    found: dict[str, Any] = {}
    for arm in ARMS:
        found |= {arm: complete[arm].mean(), f"{arm}_half_width": statistics.half_width(complete[arm].to_numpy())}
    ratio, baseline_s = _ratio(complete), found["baseline_s"]
    found |= {"overhead_s": found["served_s"] - baseline_s, "overhead_s_half_width": ratio.half_width * baseline_s}
    for name in ("overhead_s", "overhead_s_half_width"):
        found[name.replace("_s", "_per_request_ms", 1)] = per_request_ms(found[name], run)
    if complete[PARTS].notna().all(axis=None):
        for part in PARTS:
            found |= {part: complete[part].mean(), f"{part}_half_width": _ratio(complete, part).half_width * baseline_s}
    return {
        **found,
        "ratio": ratio.value,
        "ratio_half_width": ratio.half_width,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "relative_half_width": ratio.half_width / ratio.larger,
        "sd": ratio.sd / ratio.larger,
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
    """Return the verdict on a row: that on the first of its runs that is not valid.

    Where LEAST_ROUNDS of its rounds are there, or so many pairs of its only one, it counts without those that have not
    been made yet.
    """
    broken = own[own["rule"] != ""]
    made = own[own["rule"] == ""]
    if (made["round"].nunique() if own["round"].nunique() > 1 else len(made)) >= LEAST_ROUNDS:
        broken = broken[broken["rule"] != MISSING]
    if WITHDRAWN in set(broken["rule"]):
        return Verdict(WITHDRAWN, str(broken["reason"].iloc[0]))
    if len(broken):
        first = min(broken.itertuples(), key=lambda run: run.rule == MISSING)
        return Verdict(str(first.rule), f"round {first.round}: {first.reason}")
    return VALID
