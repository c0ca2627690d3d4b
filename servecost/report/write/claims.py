"""A line for each decided row: slower, faster or equal, by how much, and in which parts.

Owns these lines. Nothing is said of a row that is undecided or not valid.
"""

from typing import Any

import pandas as pd

from servecost.report.attribution import PART_NAMES, PARTS
from servecost.report.write.cells import decided, name_of
from servecost.report.write.numbers import signed, with_interval


def listed(summary: pd.DataFrame) -> str:
    """Return a line of a list for each decided row of a summary, as Markdown."""
    return "\n".join(f"- {_line(row)}" for row in decided(summary).itertuples()) or "No row is decided yet."


def _line(row: Any) -> str:
    ratio = with_interval(row.ratio, row.ratio_half_width)
    said = f"{name_of(row)}: **{row.claim}**, {ratio} ×, {_seconds(row, 'overhead_s')} s"
    if any(pd.isna(getattr(row, part)) for part in PARTS):
        return f"{said}."
    return f"{said}: {', '.join(f'{name} {_seconds(row, part)}' for part, name in PART_NAMES.items())}."


def _seconds(row: Any, name: str) -> str:
    return with_interval(getattr(row, name), getattr(row, f"{name}_half_width"), signed)
