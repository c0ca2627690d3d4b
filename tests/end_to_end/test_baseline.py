"""The baseline scripts, run as a user runs them."""

import re
from pathlib import Path

import pytest

from servecost.core import answers, layout, recipe
from tests.support import TEST_RECIPES, Command, rows, write_recipe

SCRIPT = "baseline/generic.py"


def test_it_prints_the_pages_line_and_appends_each_run(command: Command, tmp_path: Path):
    """A line and a row for each run of each batch size; a second call adds its own."""
    path = tmp_path / "new" / "out.csv"
    options = "--recipe", "echo", "--batch-size", 1, 8, "--examples", 100, "--runs", 3, "--csv", path
    done = command(SCRIPT, *options)
    assert done.returncode == 0, done.stderr
    lines = re.findall(r"^Batch Size:(\d+)  Total Time:(\S+) per 100 examples\.$", done.stdout, flags=re.MULTILINE)
    assert [batch_size for batch_size, _ in lines] == ["1", "1", "1", "8", "8", "8"]
    table = rows(path)
    assert tuple(table[0]) == layout.BASELINE_COLUMNS
    assert [float(row["total_s"]) for row in table] == [float(total) for _, total in lines]
    assert [row["run"] for row in table] == ["1", "2", "3"] * 2
    command(SCRIPT, *options)
    assert len(rows(path)) == 12


def test_it_shows_the_examples_answer_and_writes_it_for_the_load(command: Command, tmp_path: Path):
    """What the reader checks is what every served answer will be compared with."""
    path = tmp_path / "expected.json"
    done = command(SCRIPT, "--recipe", "echo", "--runs", 0, "--expected", path)
    assert "Warmed up with 3 calls" in done.stdout
    assert str(list(recipe.load("echo").example)) in done.stdout
    assert answers.read(path) == list(recipe.load("echo").example)


@pytest.mark.parametrize("script", sorted(path.name for path in Path("baseline").glob("[!_]*.py")))
def test_the_defaults_are_the_pages(command: Command, script: str):
    """Seven batch sizes, 10,000 examples, three runs."""
    shown = " ".join(command(f"baseline/{script}", "--help").stdout.split())
    for default in ("(1, 8, 32, 64, 128, 256, 512)", "(default: 10000)", "(default: 3)"):
        assert default in shown


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--batch-size", "0"], "argument --batch-size: '0' is not a whole number from 1 up"),
        (["--batch-size", "1", "x"], "argument --batch-size: 'x' is not a whole number from 1 up"),
        (["--examples", "0"], "argument --examples: '0' is not a whole number from 1 up"),
        (["--runs", "-1"], "argument --runs:"),
        (["--recipe", "nope"], "unknown recipe 'nope'"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(command: Command, options: list[str], says: str):
    """No traceback, and nothing was timed."""
    done = command(SCRIPT, "--recipe", "echo", *options)
    assert done.returncode == 2
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_another_csv_is_not_written_into(command: Command, tmp_path: Path):
    """What it holds stays as it is."""
    path = tmp_path / "mine.csv"
    path.write_text("a,b\n1,2\n")
    done = command(SCRIPT, "--recipe", "echo", "--csv", path)
    assert done.returncode == 2
    assert f"{path} is no baseline CSV" in done.stderr
    assert path.read_text() == "a,b\n1,2\n"


def test_a_predictor_that_fails_or_answers_differently_gives_no_number(command: Command, tmp_path: Path):
    """A wrong answer may be faster; it is not recorded."""
    predictor = "def predictor(inputs, batch_size=1):\n    return [str(len(inputs) // 10)] * len(inputs)\n"
    folder = write_recipe(tmp_path / "drifting", "example = ['a', 'b']", predictor)
    path = tmp_path / "out.csv"
    done = command(SCRIPT, "--recipe", folder, "--examples", 10, "--csv", path)
    assert done.returncode == 1
    assert "error: drifting: batch size 512: answer 0 differs from the example's: '51'" in done.stderr
    assert not path.exists()
    failing = command(SCRIPT, "--recipe", TEST_RECIPES / "unreliable", UNRELIABLE_EXAMPLE="fail")
    assert failing.returncode == 1
    assert "asked to fail" in failing.stderr
