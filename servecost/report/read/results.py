"""Reads results, from a folder of runs or from published ones.

Owns which of the two a folder is, and the refusal to merge what is unlike.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from servecost.core import manifest
from servecost.report.read import published, runs
from servecost.report.read.tables import NoResults, Results

__all__ = ["NoResults", "Results", "read", "standing"]


def read(folder: Path, allowed: Sequence[str] = ()) -> Results:
    """Return the content of a results folder.

    Raises NoResults if it is none, or if its runs were made under conditions that differ in more than the ``allowed``
    fields.
    """
    found = published.read(folder) if published.is_there(folder) else runs.read(folder)
    try:
        pooled = manifest.check_alike([content["conditions"] for content in found.manifests], allowed)
    except manifest.Unlike as error:
        raise NoResults(
            f"{folder} holds runs that were made under different conditions: {error}; keep them in folders of their "
            "own, or insist with --allow-different FIELD"
        ) from error
    return replace(found, pooled=pooled)


def standing(found: Results, table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of one of the tables that are of no withdrawn cell."""
    withdrawn = set(found.withdrawn[["recipe", "batch_size"]].itertuples(index=False, name=None))
    keys = table[["recipe", "batch_size"]].itertuples(index=False, name=None)
    return table[[key not in withdrawn for key in keys]]
