"""Pairs that have been published count as done: a results folder has a copy of their tables, and makes the others.

Owns that copy, and which runs are in it. Whether they are of the same experiment is the results folder's matter.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from servecost.core import csv_files, layout, systems

COPYING = layout.EARLIER + ".new"


class NotPublished(ValueError):
    """A folder has no published results; the message is one line that says what would be right."""


def conditions(published: Path) -> list[dict[str, Any]]:
    """Return the conditions under which published pairs were made. Raises NotPublished."""
    try:
        (published / layout.EXPERIMENT_JSON).stat()
        made_with = json.loads((published / layout.MADE_WITH_JSON).read_text(encoding="utf-8"))
        versions, found = zip(*((each["schema_version"], each["conditions"]) for each in made_with), strict=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotPublished(f"{published} has no published results; give a folder like docs/results/page") from error
    if set(versions) != {layout.SCHEMA_VERSION}:
        raise NotPublished(f"{published} was published by another version of this project")
    return list(found)


def adopt(published: Path, out: Path) -> None:
    """Copy published tables into a results folder, in place of any that it has."""
    shutil.rmtree(out / COPYING, ignore_errors=True)
    shutil.copytree(published, out / COPYING)
    shutil.rmtree(out / layout.EARLIER, ignore_errors=True)
    (out / COPYING).rename(out / layout.EARLIER)


def done(out: Path) -> frozenset[Path]:
    """Return the places of the runs that a results folder need not make, since it has them published."""
    return frozenset(_done(out))


def _done(out: Path) -> Iterator[Path]:
    tables = out / layout.EARLIER
    for row in csv_files.rows(tables / layout.SERVED_TABLE_CSV):
        if not row["rule"]:
            yield _part(out, row, row["system"]) / _cell(row, row["concurrency"], row["pair"])
    for row in csv_files.rows(tables / layout.SAME_TABLE_CSV):
        if not row["rule"]:
            yield _part(out, row, layout.SAME) / _cell(row, "0", row["pair"])
    for row in csv_files.rows(tables / layout.INSTRUMENT_TABLE_CSV):
        if float(row["requests"] or 0):
            folder = out / layout.INSTRUMENT / row["recipe"] / systems.folder_of(row["system"]).name
            yield folder / _cell(row, row["concurrency"])


def _part(out: Path, row: dict[str, str], system: str) -> Path:
    return out / layout.round_folder(int(row["round"])) / row["recipe"] / system


def _cell(row: dict[str, str], concurrency: str, pair: str = "1") -> str:
    return layout.cell_folder(int(row["batch_size"]), int(concurrency), int(pair))


def facts(out: Path, recipe: str, system: str) -> Iterator[dict[str, float]]:
    """Yield what the server of each published pair said of itself, as far as it is a number."""
    for row in csv_files.rows(out / layout.EARLIER / layout.SERVED_TABLE_CSV):
        if (row["recipe"], row["system"]) == (recipe, system):
            yield {name: float(value) for name, value in row.items() if _is_number(value)}


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
