"""Sentences that say why the overhead of a cell is what it is.

Owns which cells are notable, and the words. The numbers are those of a summary, and of its decided rows alone.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from servecost.core.overhead import EXAMPLES
from servecost.report.attribution import PARTS
from servecost.report.overhead import per_request_ms
from servecost.report.write.cells import FASTER, decided, name_of
from servecost.report.write.numbers import number

# An overhead of less than this part of the baseline needs no sentence.
NOTABLE = 0.1


def sentences(summary: pd.DataFrame) -> list[str]:
    """Return a sentence for each notable row of a summary: why its overhead is what it is."""
    return [sentence for row in decided(summary).itertuples() for sentence in _of_row(row)]


def _of_row(row: Any) -> Iterator[str]:
    parts = {part: getattr(row, part) for part in PARTS}
    if any(pd.isna(value) for value in parts.values()) or abs(row.overhead_s) < NOTABLE * row.baseline_s:
        return
    is_negative = row.claim == FASTER
    main = min(parts, key=lambda part: parts[part]) if is_negative else max(parts, key=lambda part: parts[part])
    begin = f"**{name_of(row)}**: serving takes {number(row.ratio)} × the baseline; "
    cause = "overhead is negative because" if is_negative else "most of it because"
    yield f"{begin}{cause} {_why(row, main, is_negative)}"


def _why(row: Any, main: str, is_negative: bool) -> str:
    """Return why a row has its overhead: what happened in the ``main`` part of it."""
    part_s = getattr(row, main)
    amount = f"{'saves' if is_negative else 'adds'} {number(abs(part_s))} s per {EXAMPLES:,}"
    if main == "call_pattern_s":
        return (
            f"the server called the predictor with {number(row.inputs_per_call)} inputs at a time on average "
            f"(clients sent {row.batch_size}), the direct arm with all at once: that {amount}."
        )
    if main == "contention_s":
        return f"the same calls took {'less' if is_negative else 'longer'} than directly, which {amount}."
    each_ms = number(per_request_ms(part_s, row))
    return (
        f"the predictor stood idle for {number(abs(part_s))} s per {EXAMPLES:,}, {each_ms} ms "
        f"each request (transport, queueing, encoding); the null system takes {_instrument(row)}."
    )


def _instrument(row: Any) -> str:
    if pd.isna(row.instrument_s):
        return "an unknown part of it"
    return f"{number(per_request_ms(row.instrument_s, row))} ms"
