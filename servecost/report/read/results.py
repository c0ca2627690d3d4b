"""Reads results, from a folder of runs or from published tables.

Owns which of the two a folder is, and the refusal to merge runs that were made under different conditions.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from servecost.core import layout, manifest
from servecost.report.read import published, runs, together
from servecost.report.read.tables import WITHDRAWN_KEY, NoResults, Results

__all__ = ["NoResults", "Results", "not_withdrawn", "read"]


def read(folder: Path, allowed: Sequence[str] = ()) -> Results:
    """Return the content of a results folder.

    Raises NoResults if it is none, or if its runs were made under conditions that differ in more than the ``allowed``
    fields.
    """
    found, allowed_before = _read(folder)
    try:
        pooled = manifest.check_alike([each.conditions for each in found.made_with], [*allowed, *allowed_before])
    except manifest.Unlike as error:
        raise NoResults(
            f"{folder} holds runs that were made under different conditions: {error}; keep them in separate folders, "
            "or override the check with --allow-different FIELD"
        ) from error
    return replace(found, pooled=pooled)


def _read(folder: Path) -> tuple[Results, list[str]]:
    """Return a folder's content, and the fields in which its runs were allowed to differ when they were published."""
    if published.is_there(folder):
        return published.read(folder), published.merged(folder)
    before = folder / layout.EARLIER
    if not published.is_there(before):
        return runs.read(folder), []
    earlier = published.read(before)
    own = runs.read(folder, together.made(earlier))
    return together.join(earlier, own), [*published.merged(before), manifest.HOST]


def not_withdrawn(found: Results, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one of the tables whose recipe and batch size are not withdrawn."""
    withdrawn = set(found.withdrawn[WITHDRAWN_KEY].itertuples(index=False, name=None))
    keys = table[WITHDRAWN_KEY].itertuples(index=False, name=None)
    return table.loc[[key not in withdrawn for key in keys]]  # without .loc, an empty list would select columns
