"""The baseline scripts time what their command line or their standard input asks for."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from servecost.core import answers, csv_files, layout, recipe
from servecost.direct import command
from servecost.direct.command import BATCH_SIZES, build_parser, check_csv, is_foreign, main
from tests.support import write_recipe

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run the command line of the generic script in this process; return its exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "predictor", raising=False)

    def run_main(*arguments: object) -> int:
        sys.modules.pop("predictor", None)
        monkeypatch.setattr(sys, "argv", ["baseline/generic.py", *map(str, arguments)])
        return main()

    yield run_main
    sys.modules.pop("predictor", None)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Return the folder of a recipe."""
    return write_recipe(tmp_path / "mine", "example = ['a', 'b']")


def test_each_run_of_each_batch_size_has_a_row(run: Run, mine: Path, tmp_path: Path):
    """Paths are relative to the user's folder, although the predictor is called in its own."""
    assert run("--recipe", mine, "--batch-size", 8, 1, "--examples", 5, "--runs", 2, "--csv", "out.csv") == 0
    rows = csv_files.rows(tmp_path / "out.csv")
    assert tuple(rows[0]) == layout.BASELINE_COLUMNS
    assert [(row["recipe"], row["batch_size"], row["run"], row["examples"]) for row in rows] == [
        ("mine", size, number, "5") for size in ("8", "1") for number in ("1", "2")
    ]
    assert all(float(row["total_s"]) > 0 for row in rows)


def test_the_line_of_a_run_is_the_pages(run: Run, mine: Path, capsys: pytest.CaptureFixture[str]):
    """It has the batch size, the seconds and the number of examples."""
    assert run("--recipe", mine, "--batch-size", 8, "--examples", 5, "--runs", 1) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("Batch Size:8  Total Time:")
    assert line.endswith(" per 5 examples.")


def test_the_expected_answers_are_left_in_a_file(run: Run, mine: Path, tmp_path: Path):
    """Without a run, too."""
    assert run("--recipe", mine, "--runs", 0, "--expected", "new/expected.json") == 0
    assert answers.read(tmp_path / "new" / "expected.json") == ["a", "b"]


def test_separate_calls_are_timed_after_the_runs(run: Run, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each has a row of its own."""
    monkeypatch.setattr(command, "time_calls", lambda direct, chosen, size, batch_size: iter([0.25, 0.5]))
    assert run("--recipe", mine, "--runs", 0, "--calls", 3, 5, "--calls-csv", "calls.csv") == 0
    rows = csv_files.rows(tmp_path / "calls.csv")
    assert tuple(rows[0]) == layout.DIRECT_CALLS_COLUMNS
    assert [(row["inputs"], row["batch_size"], row["call_s"]) for row in rows] == [
        (size, size, call_s) for size in ("3", "5") for call_s in ("0.25", "0.5")
    ]


def test_requests_are_taken_from_standard_input_line_by_line(
    run: Run, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The bench has one process time all runs of a part that way."""
    monkeypatch.setattr(command, "time_calls", lambda direct, chosen, size, batch_size: iter([0.25]))
    monkeypatch.setattr(sys, "stdin", io.StringIO("run 8\ncalls 8 1 3\nrun 1\n"))
    options = "--on-request", "--examples", 5, "--csv", "out.csv", "--calls-csv", "calls.csv"
    assert run("--recipe", mine, *options) == 0
    assert [(row["batch_size"], row["run"]) for row in csv_files.rows(tmp_path / "out.csv")] == [("8", "1"), ("1", "1")]
    calls = csv_files.rows(tmp_path / "calls.csv")
    assert [(row["batch_size"], row["inputs"]) for row in calls] == [("8", "1"), ("8", "3")]


def test_a_wrong_answer_is_one_line_and_exit_code_1(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """No row is written."""
    predictor = "def predictor(inputs, batch_size=0): return ['right' if batch_size == 0 else 'wrong' for _ in inputs]"
    folder = write_recipe(tmp_path / "mine", predictor=predictor)
    assert run("--recipe", folder, "--csv", "out.csv", "--examples", 5) == 1
    assert capsys.readouterr().err == "error: mine: batch size 1: answer 0 differs from the example's: 'wrong'\n"
    assert not (tmp_path / "out.csv").exists()


def test_an_unknown_recipe_is_one_line_and_exit_code_2(run: Run, capsys: pytest.CaptureFixture[str]):
    """The line has the known ones."""
    assert run("--recipe", "nope") == 2
    assert capsys.readouterr().err.startswith("error: unknown recipe 'nope'")


@pytest.mark.parametrize("option", ["--csv", "--calls-csv"])
def test_another_csv_is_not_written_into(
    run: Run, mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
):
    """What it holds stays as it is."""
    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    assert run("--recipe", mine, option, "mine.csv") == 2
    assert f"{tmp_path / 'mine.csv'} is no baseline CSV (its header is a,b)" in capsys.readouterr().err
    assert (tmp_path / "mine.csv").read_text() == "a,b\n1,2\n"


def test_an_empty_file_is_nobodys(tmp_path: Path):
    """``mktemp`` makes one."""
    (tmp_path / "out.csv").touch()
    check_csv(tmp_path / "out.csv", layout.BASELINE_COLUMNS)
    check_csv(tmp_path / "never.csv", layout.BASELINE_COLUMNS)


def test_a_script_of_one_recipe_does_not_ask_which():
    """The generic one does."""
    assert build_parser("echo").parse_args([]).recipe == "echo"
    with pytest.raises(SystemExit):
        build_parser(None).parse_args([])


def test_the_defaults_are_the_pages():
    """They are seven batch sizes, 10,000 examples and three runs."""
    options = build_parser("echo").parse_args([])
    assert (options.batch_size, options.examples, options.runs) == (BATCH_SIZES, 10_000, 3)
    assert BATCH_SIZES == (1, 8, 32, 64, 128, 256, 512)


@pytest.mark.parametrize("option", ["--batch-size", "--examples", "--calls"])
def test_there_is_no_number_below_one(option: str, capsys: pytest.CaptureFixture[str]):
    """The line names the option."""
    with pytest.raises(SystemExit) as ended:
        build_parser("echo").parse_args([option, "0"])
    assert ended.value.code == 2
    assert f"argument {option}: '0' is not a whole number from 1 up" in capsys.readouterr().err


def own_environment(folder: Path) -> Path:
    """Give a recipe an environment of its own; return its interpreter."""
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    return python


def test_a_recipe_is_called_on_its_own_interpreter(run: Run, mine: Path, monkeypatch: pytest.MonkeyPatch):
    """The process becomes one of that interpreter, with the same command line."""

    class Replaced(Exception):
        pass

    def execv(path: str, words: list[str]) -> None:
        assert words == [path, "baseline/generic.py", "--recipe", str(mine), "--runs", "0"]
        raise Replaced(path)

    monkeypatch.setattr(os, "execv", execv)
    assert run("--recipe", mine, "--runs", 0) == 0
    python = own_environment(mine)
    with pytest.raises(Replaced, match=str(python)):
        run("--recipe", mine, "--runs", 0)
    assert run("--recipe", mine, "--runs", 0, "--this-python") == 0


def test_an_interpreter_that_is_the_recipes_own_is_kept(mine: Path, monkeypatch: pytest.MonkeyPatch):
    """Otherwise the process would replace itself for ever."""
    chosen = recipe.load(mine)
    assert not is_foreign(chosen)
    own_environment(mine)
    assert is_foreign(chosen)
    monkeypatch.setattr(sys, "prefix", str(mine / ".venv"))
    assert not is_foreign(chosen)
