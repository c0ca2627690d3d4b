"""What stands under a table: how many rows are decided, and what a reader has to know of single rows.

Owns these lines. They are notes: no row is less valid for them, which is the verdicts' matter.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from servecost.report.read.tables import Asked
from servecost.report.write import wording
from servecost.report.write.cells import EQUAL, FASTER, SLOWER, UNDECIDED, name_of
from servecost.report.write.numbers import number, percent
from servecost.statistics.paired import MOST_NEEDED

# Below this part of its users in flight on average, a cell has not had the concurrency that it is named after.
IN_FLIGHT_LEAST = 0.8
PARALLEL_LEAST = 1.05  # fewer calls in progress at a time are one
NAMED = 6  # so many rows are named in a note, and the others counted


def under_table(summary: pd.DataFrame, asked: Asked) -> str:
    """Return the verdicts on a table's rows, how many are decided, and the notes on some of them, as Markdown."""
    return "\n\n".join([wording.verdicts(summary), counted(summary, asked), *_notes(summary, asked.precision)])


def counted(summary: pd.DataFrame, asked: Asked) -> str:
    """Return how many of the valid rows are slower, faster, equal, and how many are undecided."""
    counts = summary["claim"].value_counts()
    equal = f"equal within ±{100 * asked.equal_within:g} %"
    words = {SLOWER: SLOWER, FASTER: FASTER, EQUAL: equal, UNDECIDED: "**undecided**"}
    said = ", ".join(f"{counts.get(claim, 0)} {word}" for claim, word in words.items())
    return f"Of {(summary['rule'] == '').sum()} valid rows, served against called directly: {said}."


def _notes(summary: pd.DataFrame, precision: float | None) -> Iterator[str]:
    valid = summary[summary["rule"] == ""]
    unsure = valid[valid["claim"] == UNDECIDED].sort_values("rounds_to_decide")
    if unsure["rounds_to_decide"].notna().any():
        units = "rounds" if (valid["rounds_planned"] > 1).any() else "pairs"
        yield f"About so many {units} would decide the undecided rows: {_needed(unsure)}."
    few = valid[valid["mean_in_flight"] < IN_FLIGHT_LEAST * valid["concurrency"]]
    if len(few):
        named = _named(few, lambda row: f"{name_of(row)}: {number(row.mean_in_flight)}")
        yield f"Fewer than {percent(IN_FLIGHT_LEAST, 0)} of the users had a request in flight on average in {named}."
    parallel = valid[valid["parallel"] > PARALLEL_LEAST]
    if len(parallel):
        named = _named(parallel, lambda row: f"{name_of(row)}: {number(row.parallel)}")
        yield f"parallel: the predictor had several calls in progress at a time, on average, in {named}."
    closed = valid[valid["reconnections"] > 0]
    if len(closed):
        named = _named(closed, lambda row: f"{name_of(row)}: {number(row.reconnections)} a run")
        yield f"Connections that the server had closed were opened anew, within the served seconds, in {named}."
    wide = valid[valid["relative_half_width"] > precision] if precision else valid[:0]
    if len(wide):
        named = _named(wide, lambda row: f"{name_of(row)}: ±{percent(row.relative_half_width)}")
        asked = percent(precision or 0)
        yield f"noise: the interval is wider than the ±{asked} that the experiment asks for in {named}."


def _needed(unsure: pd.DataFrame) -> str:
    """Return how many rounds would decide undecided rows: each of a few, else half of them and all."""
    known = unsure[unsure["rounds_to_decide"].notna()]
    unknown = f"; of {len(unsure) - len(known)} it is not known" if len(known) < len(unsure) else ""
    if len(known) <= NAMED:
        rows: list[Any] = list(known.itertuples())
        return "; ".join(f"{_about(row.rounds_to_decide)} ({name_of(row)})" for row in rows) + unknown
    half, most = known["rounds_to_decide"].quantile([0.5, 1], interpolation="higher")
    return f"{_about(half)} half of them, {_about(most)} all{unknown}"


def _about(rounds: float) -> str:
    return f"more than {MOST_NEEDED:,}" if rounds > MOST_NEEDED else f"{rounds:.0f}"


def _named(rows: pd.DataFrame, in_words: Any) -> str:
    first = "; ".join(in_words(row) for row in rows[:NAMED].itertuples())
    return f"{first}; and {len(rows) - NAMED} more" if len(rows) > NAMED else first
