"""Two results folders, compared as two versions of a server would be."""

import json
import re
import shutil
from pathlib import Path

import pytest

from servecost.core import layout
from tests.support import Command


@pytest.fixture
def slower(measured: Path, tmp_path: Path) -> Path:
    """Return the same results as if a slower server had given those of one cell: each of its totals is tenfold."""
    other = Path(shutil.copytree(measured, tmp_path / "slower"))
    for stats in other.glob(f"round-*/echo/fastdeploy/b1-c4/{layout.LOCUST_STATS_CSV}"):
        lines = stats.read_text().splitlines()
        (place,) = (place for place, line in enumerate(lines) if line.startswith("RUN"))
        cells = lines[place].split(",")
        cells[5] = str(10 * float(cells[5]))
        lines[place] = ",".join(cells)
        stats.write_text("\n".join(lines) + "\n")
        own = stats.with_name(layout.MANIFEST_JSON)
        content = json.loads(own.read_text())
        del content["files"][layout.LOCUST_STATS_CSV]
        own.write_text(json.dumps(content))
    return other


def test_a_folder_is_no_worse_than_itself(invoke: Command, measured: Path):
    """It passes where so few rounds can tell, and where they cannot it is exit code 2."""
    done = invoke("compare", measured, measured, "--fail-over", "300%")
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^\| echo .*\| +\+0\.0% \[.*\| +no worse \|$", done.stdout, re.MULTILINE)) == 2
    strict = invoke("compare", measured, measured)
    undecided = re.findall(r"^CANNOT DECIDE: echo, fastDeploy, 1 × \d: .*; .*$", strict.stderr, re.MULTILINE)
    assert strict.returncode == (2 if undecided else 0)
    assert strict.stderr.count("\n") == len(undecided)


def test_a_cell_that_got_worse_is_exit_code_1(invoke: Command, measured: Path, slower: Path):
    """With its name; and the other way round it is an improvement."""
    done = invoke("compare", measured, slower, "--fail-over", "5%")
    assert done.returncode == 1
    line = done.stderr.splitlines()[0]
    assert line.startswith("WORSE: echo, fastDeploy, 1 × 4: +900.0% [")
    assert line.endswith("allowed 5.0%")
    assert "WORSE" not in invoke("compare", slower, measured).stderr
    assert invoke("compare", measured, slower, "--fail-over", "5000%").returncode == 0


def test_a_cell_without_a_number_any_more_is_worse(invoke: Command, measured: Path, slower: Path):
    """It prints as such."""
    shutil.rmtree(slower / "round-2" / "echo" / "fastdeploy" / "b1-c1")
    done = invoke("compare", measured, slower, "--fail-over", "5000%")
    assert done.returncode == 1
    assert "WORSE: echo, fastDeploy, 1 × 1: INVALID(missing) in B" in done.stderr


def test_unlike_folders_are_refused_by_the_fields_that_differ(invoke: Command, measured: Path, slower: Path):
    """Unless the check is overridden: another version of the server is what one compares."""
    for path in slower.rglob(layout.MANIFEST_JSON):
        content = json.loads(path.read_text())
        for stack in content["conditions"]["stacks"].get("echo", {}).values():
            stack["versions"]["fastdeploy"] = "9.9"
        path.write_text(json.dumps(content))
    done = invoke("compare", measured, slower)
    assert done.returncode == 2
    assert re.search(
        r"^error: .*: stacks\.echo\.fastdeploy\.versions\.fastdeploy \(3\.1\.1 / 9\.9\); override", done.stderr
    )
    overridden = invoke("compare", measured, slower, "--allow-different", "versions.fastdeploy")
    assert overridden.returncode == 1
    assert "Compared although these differ: stacks.echo.fastdeploy.versions.fastdeploy." in overridden.stdout


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
def test_a_wrong_argument_is_one_line(invoke: Command, arguments: list[str], says: str):
    """Exit code 2."""
    done = invoke("compare", *arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(says)
