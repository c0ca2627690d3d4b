"""Two results folders, compared as two versions of a server would be."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from servecost.core import layout
from servecost.report.compare import Change
from tests.support import Command


@pytest.mark.parametrize(
    ("a", "b", "said", "worse_than"),
    [
        ([1.0, 1.01, 0.99], [1.5, 1.51, 1.49], r"^\+50\.\d% \[\+4\d\.\d%, \+5\d\.\d%\]$", [0, 0.05, 0.4]),
        ([1.5, 1.51, 1.49], [1.0, 1.01, 0.99], r"^−33\.3% \[−3\d\.\d%, −3\d\.\d%\]$", []),
        ([1.0, 1.2, 0.8], [1.1, 0.9, 1.2], r"^~ \[−\d+\.\d%, \+\d+\.\d%\]$", []),
        ([1.0, 1.001, 0.999], [1.03, 1.031, 1.029], r"^\+3\.0% \[", [0]),  # significant, and allowed
        ([1.0], [2.0, 2.0], r"^~ \(\+100\.0%; one round has no interval\)$", []),
    ],
)
def test_a_change_is_told_with_its_interval_or_as_insignificant(a, b, said, worse_than):
    """And is worse than allowed only if all of its interval is."""
    change = Change.between(np.array(a), np.array(b))
    assert re.search(said, str(change)), str(change)
    assert [allowed for allowed in (0, 0.05, 0.4) if change.is_worse_than(allowed)] == worse_than


@pytest.fixture
def slower(measured: Path, tmp_path: Path) -> Path:
    """Return the same results as if a slower server had given those of one cell: each of its totals is doubled."""
    other = Path(shutil.copytree(measured, tmp_path / "slower"))
    for stats in other.glob(f"round-*/echo/fastdeploy/b1-c4/{layout.LOCUST_STATS_CSV}"):
        lines = stats.read_text().splitlines()
        (place,) = (place for place, line in enumerate(lines) if line.startswith("RUN"))
        cells = lines[place].split(",")
        cells[5] = str(2 * float(cells[5]))
        lines[place] = ",".join(cells)
        stats.write_text("\n".join(lines) + "\n")
        own = stats.with_name(layout.MANIFEST_JSON)
        content = json.loads(own.read_text())
        del content["files"][layout.LOCUST_STATS_CSV]
        own.write_text(json.dumps(content))
    return other


def test_a_folder_is_no_worse_than_itself(command: Command, measured: Path):
    """Every cell is insignificant."""
    done = command("-m", "servecost", "compare", measured, measured)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^\| echo .*\| +~ \[", done.stdout, re.MULTILINE)) == 2


def test_a_cell_that_got_worse_is_exit_code_1(command: Command, measured: Path, slower: Path):
    """With its name; and the other way round it is an improvement."""
    done = command("-m", "servecost", "compare", measured, slower, "--fail-over", "5%")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("WORSE: echo, fastDeploy, 1 × 4: +100.0% [")
    assert line.endswith("allowed 5.0%")
    assert command("-m", "servecost", "compare", slower, measured).returncode == 0
    assert command("-m", "servecost", "compare", measured, slower, "--fail-over", "300%").returncode == 0


def test_a_cell_without_a_number_any_more_is_worse(command: Command, measured: Path, slower: Path):
    """It prints as such."""
    shutil.rmtree(slower / "round-2" / "echo" / "fastdeploy" / "b1-c1")
    done = command("-m", "servecost", "compare", measured, slower, "--fail-over", "300%")
    assert done.returncode == 1
    assert "WORSE: echo, fastDeploy, 1 × 1: INVALID(missing) in B" in done.stderr


def test_unlike_folders_are_refused_by_the_fields_that_differ(command: Command, measured: Path, slower: Path):
    """Unless somebody insists: another version of the server is what one compares."""
    for path in slower.rglob(layout.MANIFEST_JSON):
        content = json.loads(path.read_text())
        content["conditions"]["versions"]["fastdeploy"] = "9.9"
        path.write_text(json.dumps(content))
    done = command("-m", "servecost", "compare", measured, slower)
    assert done.returncode == 2
    assert re.search(r"^error: .*versions\.fastdeploy \(3\.1\.1 / 9\.9\)", done.stderr)
    insisted = command("-m", "servecost", "compare", measured, slower, "--allow-different", "versions.fastdeploy")
    assert insisted.returncode == 1
    assert "Compared although these differ: versions.fastdeploy." in insisted.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "nowhere"], "error: nowhere is no results folder"),
        (
            ["a", "b", "--fail-over", "five"],
            "Error: Invalid value for '--fail-over': 'five' is no percentage",
        ),
    ],
)
def test_a_wrong_argument_is_one_line(command: Command, arguments: list[str], says: str):
    """Exit code 2."""
    done = command("-m", "servecost", "compare", *arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(says)
