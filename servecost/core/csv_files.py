"""Writes result files so that a reader finds whole rows, whatever happens to the writer.

Owns the ways: a file is replaced by another at once, or rows are added to a CSV file, of which only the whole lines
count: what is left of a number that is cut short would be another number.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any


def replace(path: Path, write: Callable[[IO[str]], object]) -> None:
    """Replace ``path`` by what ``write`` writes, once that is complete."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    with temporary.open("w", newline="") as file:
        write(file)
    os.replace(str(temporary), str(path))


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file with a header, replacing an earlier one."""
    replace(path, lambda file: csv.writer(file).writerows([columns, *rows]))


def append(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows to a CSV file in one write, with a header if it is new; drop a last row that was cut short."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = whole_lines(path)
    if path.is_file() and len(whole) < path.stat().st_size:
        replace(path, lambda file: file.write(whole))
    with path.open("a", newline="") as file:
        csv.writer(file).writerows([*([] if whole else [columns]), *rows])
        file.flush()
        os.fsync(file.fileno())


def whole_lines(path: Path) -> str:
    """Return the complete lines of a file; nothing without a file."""
    if not path.is_file():
        return ""
    with path.open(newline="", errors="replace") as file:
        text = file.read()
    return text[: text.rfind("\n") + 1]


def rows(path: Path) -> list[dict[str, str]]:
    """Return the complete rows of a CSV file; none without a file."""
    return [dict(row) for row in csv.DictReader(whole_lines(path).splitlines())]
