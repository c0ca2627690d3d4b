"""Files of results are whole, whatever happened to the process that wrote them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from servecost.core import csv_files

COLUMNS = ("batch_size", "total_s")


def test_a_file_is_replaced_at_once_or_not_at_all(tmp_path: Path):
    """A writer that fails leaves the old content."""
    path = tmp_path / "out.csv"
    path.write_text("old")

    def fail(file: IO[str]) -> None:
        file.write("half")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        csv_files.replace(path, fail)
    assert path.read_text() == "old"
    csv_files.replace(path, lambda file: file.write("new"))
    assert path.read_text() == "new"


def test_a_table_is_written_with_its_header(tmp_path: Path):
    """Without rows, the header stands alone."""
    csv_files.write_table(tmp_path / "out.csv", COLUMNS, [(1, "a,b")])
    assert csv_files.rows(tmp_path / "out.csv") == [{"batch_size": "1", "total_s": "a,b"}]
    csv_files.write_table(tmp_path / "out.csv", COLUMNS, [])
    assert (tmp_path / "out.csv").read_text().split() == ["batch_size,total_s"]


def test_rows_are_appended_below_one_header(tmp_path: Path):
    """The folder is made if need be."""
    path = tmp_path / "new" / "out.csv"
    for total_s in (0.5, 0.25):
        csv_files.append(path, COLUMNS, [(8, total_s)])
    assert path.read_text().split() == ["batch_size,total_s", "8,0.5", "8,0.25"]


def test_s17_rows_that_are_appended_at_the_same_time_are_all_there(tmp_path: Path):
    """Below one header, whoever is first."""
    writers, each = 4, 50

    def write(writer: int) -> None:
        for number in range(each):
            csv_files.append(tmp_path / "out.csv", COLUMNS, [(writer, number)])

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    rows = csv_files.rows(tmp_path / "out.csv")
    assert len(rows) == len({tuple(row.values()) for row in rows}) == writers * each


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("batch_size,total_s\r\n1,0.5\r\n8,0.2", "batch_size,total_s\r\n1,0.5\r\n"),
        ("batch_size,to", ""),
        ("", ""),
        ("batch_size,total_s\r\n1,0.5\r\n", "batch_size,total_s\r\n1,0.5\r\n"),
    ],
)
def test_a_row_that_was_cut_short_does_not_count(tmp_path: Path, text: str, whole: str):
    """The next row does not continue it: half a number would be another number."""
    path = tmp_path / "out.csv"
    path.write_bytes(text.encode())
    assert csv_files.whole_lines(path) == whole
    kept = csv_files.rows(path)
    csv_files.append(path, COLUMNS, [(64, 0.125)])
    assert csv_files.rows(path) == [*kept, {"batch_size": "64", "total_s": "0.125"}]


def test_a_file_that_is_not_there_has_no_rows(tmp_path: Path):
    """A run that was never made looks like that."""
    assert csv_files.rows(tmp_path / "never.csv") == []
    assert csv_files.whole_lines(tmp_path / "never.csv") == ""
