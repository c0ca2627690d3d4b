"""The baseline scripts time what their command line or their standard input asks for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from servecost.core import answers, csv_files, layout, recipe, stops
from servecost.core.warming import LIMIT_S, Cold
from servecost.direct import command
from servecost.direct.command import BATCH_SIZES, build_parser, check_csv, is_foreign, main
from servecost.direct.timing import Direct, SeparateCall, Span
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


class Order:
    """A predictor's warmings and runs, in their order, without their time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[str | int, ...]] = []
        monkeypatch.setattr(Direct, "warm", self.warm)
        monkeypatch.setattr(Direct, "further_s", lambda direct, chosen, batch_size: 0.0625)
        monkeypatch.setattr(command, "time_call", self.time_call)
        monkeypatch.setattr(command, "time_calls", self.time_calls)

    def warm(self, chosen: recipe.Recipe, size: int, batch_size: int) -> Cold:
        self.made.append(("warm", size, batch_size))
        return Cold(0.1 + 0.2, 0.125, 3)

    def time_call(self, predictor: object, inputs: list[Any], batch_size: int, expected: object) -> Span:
        self.made.append(("run", len(inputs), batch_size))
        return Span(5_000, 9_000, 0.25)

    def time_calls(
        self, direct: object, chosen: object, sizes: list[tuple[int, int]], run: tuple[int, int], limit_s: float
    ) -> Iterator[SeparateCall]:
        self.made.append(("calls", *run, round(limit_s * 1000)))
        yield from (SeparateCall(size, given, 0.1 + 0.2, 16.5, 0.5) for size, given in sizes)


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> Order:
    """Return what is warmed and timed, in its order."""
    return Order(monkeypatch)


def ask(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Have standard input hold these lines."""
    monkeypatch.setattr(command, "set_input_aside", lambda: lines)


def test_by_hand_the_largest_batch_comes_first_and_each_run_is_warm(run: Run, mine: Path, order: Order):
    """Memory is touched before anything is timed; each run comes right after work of its own size."""
    assert run("--recipe", mine, "--batch-size", 1, 64, 8, "--examples", 100, "--runs", 2) == 0
    each = [[("warm", size, size), ("run", 100, size)] * 2 for size in (1, 64, 8)]
    assert order.made == [("warm", 64, 64), *(step for steps in each for step in steps)]


def test_cold_runs_come_without_work_of_their_size(run: Run, mine: Path, order: Order):
    """What a process pays at its first work of a size is in them."""
    assert run("--recipe", mine, "--batch-size", 1, 8, "--examples", 100, "--runs", 1, "--cold") == 0
    assert order.made == [("run", 100, 1), ("run", 100, 8)]


@pytest.mark.parametrize(("options", "limit_s"), [((), LIMIT_S), (("--warm-seconds", 5), 5)])
def test_untimed_work_is_not_repeated_after_so_many_seconds(
    run: Run, mine: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[object, ...], limit_s: int
):
    """As many as are asked for."""
    given: list[int] = []

    def direct(folder: Path, example: list[Any], limit_s: int) -> Direct:
        given.append(limit_s)
        return Direct(folder, example, limit_s)

    monkeypatch.setattr(command, "Direct", direct)
    assert run("--recipe", mine, "--runs", 0, *options) == 0
    assert given == [limit_s]


def test_the_first_call_of_a_size_is_printed_once(
    run: Run, mine: Path, order: Order, capsys: pytest.CaptureFixture[str]
):
    """A user pays it, once in each process; the runs' seconds are without it."""
    assert run("--recipe", mine, "--batch-size", 8, 1, "--runs", 2) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("First", "Batch"))]
    assert [line.split(" ")[:4] for line in lines if line.startswith("First")] == [
        ["First", "call", "of", "8:"],
        ["First", "call", "of", "1:"],
    ]
    assert lines[0] == "First call of 8: 0.3 s; steady: 0.125 s."
    assert [line.split(" ")[0] for line in lines] == ["First", "Batch", "Batch", "First", "Batch", "Batch"]


def test_without_a_run_nothing_is_warmed(run: Run, mine: Path, order: Order):
    """Only the answers to the example are asked for."""
    assert run("--recipe", mine, "--runs", 0) == 0
    assert order.made == []


def test_requests_are_taken_from_standard_input_line_by_line(
    run: Run, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: Order
):
    """The bench has one process work on all pairs of a part that way; nothing is done unasked."""
    ask(monkeypatch, "warm 64", "warm 8", "run 8 60", "calls 8 60 0.150 3:8 5:4", "run 1 100")
    options = "--on-request", "--runs-csv", "out.csv", "--calls-csv", "calls.csv", "--cold-csv", "cold.csv"
    assert run("--recipe", mine, *options) == 0
    assert order.made == [("warm", 64, 64), ("warm", 8, 8), ("run", 60, 8), ("calls", 8, 60, 150), ("run", 100, 1)]
    rows = csv_files.rows(tmp_path / "out.csv")
    assert [tuple(row.values()) for row in rows] == [
        ("8", "60", "5000", "9000", "0.25"),
        ("1", "100", "5000", "9000", "0.25"),
    ]


def test_what_was_cold_has_a_row_for_each_warming(
    run: Run, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: Order
):
    """The bench waits for it, and keeps those of new sizes; numbers are unrounded.

    A further example in a call of several batches tells how long a run will take.
    """
    ask(monkeypatch, "warm 8", "warm 8", "warm 1")
    assert run("--recipe", mine, "--on-request", "--cold-csv", "cold.csv") == 0
    rows = csv_files.rows(tmp_path / "cold.csv")
    assert tuple(rows[0]) == layout.WARM_COLUMNS
    assert [row["batch_size"] for row in rows] == ["8", "8", "1"]
    assert {tuple(row.values())[2:] for row in rows} == {("0.30000000000000004", "0.125", "3", "1", "0.0625")}


def test_separate_calls_have_a_row_each_and_one_without_inputs_ends_them(
    run: Run, mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: Order
):
    """Nobody has to count them beforehand."""
    ask(monkeypatch, "calls 8 60 0.5 3:8 5:4", "calls 1 60 0.5 1:1")
    assert run("--recipe", mine, "--on-request", "--calls-csv", "calls.csv") == 0
    rows = csv_files.rows(tmp_path / "calls.csv")
    assert tuple(rows[0]) == layout.DIRECT_CALLS_COLUMNS
    assert [tuple(row.values()) for row in rows] == [
        ("mine", "3", "8", "0.30000000000000004", "16.5", "0.5"),
        ("mine", "5", "4", "0.30000000000000004", "16.5", "0.5"),
        ("mine", "0", "0", "0", "0", "0"),
        ("mine", "1", "1", "0.30000000000000004", "16.5", "0.5"),
        ("mine", "0", "0", "0", "0", "0"),
    ]


def test_stops_are_subtracted_from_a_run_that_was_asked_for(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The predictor notes a stop while it runs, as the bench does."""
    noted = tmp_path / "stops.csv"
    source = (
        "import time\n"
        "def predictor(inputs, batch_size=1):\n"
        "    if len(inputs) == 60:\n"
        "        began = time.perf_counter_ns()\n"
        "        while time.perf_counter_ns() - began < 20_000_000: pass\n"
        f"        open({str(noted)!r}, 'a').write(str(began) + ',' + str(time.perf_counter_ns()) + chr(10))\n"
        "    return list(inputs)\n"
    )
    folder = write_recipe(tmp_path / "mine", predictor=source)
    monkeypatch.setenv(stops.VARIABLE, str(noted))
    ask(monkeypatch, "run 8 60")
    assert run("--recipe", folder, "--on-request", "--csv", "out.csv") == 0
    (row,) = csv_files.rows(tmp_path / "out.csv")
    assert 0 < float(row["total_s"]) < 0.02


def test_a_wrong_answer_is_one_line_and_exit_code_1(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """No row is written."""
    predictor = "def predictor(inputs, batch_size=0): return ['right' if batch_size == 0 else 'wrong' for _ in inputs]"
    folder = write_recipe(tmp_path / "mine", predictor=predictor)
    assert run("--recipe", folder, "--csv", "out.csv", "--examples", 5) == 1
    assert capsys.readouterr().err == "error: mine: batch size 512: answer 0 differs from the example's: 'wrong'\n"
    assert not (tmp_path / "out.csv").exists()


def test_an_unknown_recipe_is_one_line_and_exit_code_2(run: Run, capsys: pytest.CaptureFixture[str]):
    """The line has the known ones."""
    assert run("--recipe", "nope") == 2
    assert capsys.readouterr().err.startswith("error: unknown recipe 'nope'")


@pytest.mark.parametrize("option", ["--csv", "--runs-csv", "--calls-csv"])
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


@pytest.mark.parametrize("option", ["--batch-size", "--examples"])
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
    python.touch(0o755)
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
