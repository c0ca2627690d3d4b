"""Writes result files so that a reader finds whole rows, whatever happens to the writer.

Owns the ways: a file is replaced by another at once, or rows are added to a CSV file, of which only the whole lines
count: what is left of a number that is cut short would be another number.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any

_PIECE = 1 << 16


def replace(path: Path, write: Callable[[IO[str]], object]) -> None:
    """Replace ``path`` by what ``write`` writes, once that is complete."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        write(file)
    os.replace(str(temporary), str(path))


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file with a header, replacing an earlier one."""
    replace(path, lambda file: csv.writer(file).writerows([columns, *rows]))


def append(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows to a CSV file in one write, with a header if it is new; drop a last row that was cut short.

    Processes that append at the same time do so one after the other.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = io.StringIO(newline="")
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
        file.truncate(_whole_bytes(file))
        csv.writer(lines).writerows([*([] if file.seek(0, os.SEEK_END) else [columns]), *rows])
        file.write(lines.getvalue().encode())
        file.flush()
        os.fsync(file.fileno())


def _whole_bytes(file: IO[bytes]) -> int:
    """Return how many bytes the complete lines of a file have, reading its end only."""
    end = file.seek(0, os.SEEK_END)
    while end:
        begin = max(0, end - _PIECE)
        file.seek(begin)
        newline = file.read(end - begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0


def whole_lines(path: Path) -> str:
    """Return the complete lines of a file; nothing without a file."""
    if not path.is_file():
        return ""
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1].decode("utf-8", "replace")


def rows(path: Path) -> list[dict[str, str]]:
    """Return the complete rows of a CSV file; none without a file."""
    return [dict(row) for row in csv.DictReader(io.StringIO(whole_lines(path), newline=""))]
