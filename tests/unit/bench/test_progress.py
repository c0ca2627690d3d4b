"""The display says what is being done, how it ended, and how much time is left."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from servecost.bench import progress
from servecost.bench.progress import FIRST_GUESS_S_PER_EXAMPLE, PLAIN_INTERVAL_S, Display, Estimate, Journal, duration
from servecost.bench.runs import Kind, Run
from servecost.core import csv_files, layout
from servecost.core.verdicts import VALID, Verdict
from tests.unit.bench.fakes import of_kind, planned
from tests.unit.core.fakes import FakeTime

ONE = Run(Kind.PAIR, "one", "slow", Path("one"), 100, 8, 4)
TWO = Run(Kind.PAIR, "two", "slow", Path("two"), 50, 8, 4)
THREE = Run(Kind.SAME, "three", "quick", Path("three"), 100, 8)
RUNS = [ONE, TWO, THREE]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """Return the display's clock."""
    fake = FakeTime()
    monkeypatch.setattr(progress, "time", fake)
    return fake


def shown_on(output: io.StringIO, is_terminal: bool = False) -> Display:
    return Display(RUNS, Console(file=output, force_terminal=is_terminal, width=200))


def test_before_anything_is_measured_there_is_a_guess():
    """There is an estimate from the beginning on."""
    assert Estimate(RUNS).seconds_left() == pytest.approx(250 * FIRST_GUESS_S_PER_EXAMPLE)


def test_runs_are_expected_to_take_as_long_as_those_of_their_pace():
    """Where there were none of a pace yet, the guess holds."""
    estimate = Estimate(RUNS)
    estimate.finish(ONE, 10.0)
    guess = 100 * FIRST_GUESS_S_PER_EXAMPLE
    assert estimate.seconds_left() == pytest.approx(5 + guess)
    assert estimate.seconds_left(current_s=3) == pytest.approx(2 + guess)
    assert estimate.seconds_left(current_s=60) == pytest.approx(guess)
    estimate.finish(THREE, 1.0)
    assert estimate.seconds_left() == pytest.approx(5)
    estimate.finish(TWO, 5.0)
    assert estimate.seconds_left() == 0.0


def test_a_run_is_expected_to_take_what_the_same_one_took_in_other_rounds():
    """Those of an earlier piece of the experiment, too; of others its pace tells."""
    runs = [replace(ONE, label=f"round {number}, echo, pair {number}") for number in (1, 2)]
    estimate = Estimate([*runs, TWO], [("round 3, echo", 7.0), ("round 4, echo, pair 2", 9.0), ("ending", 100.0)])
    assert estimate.expected_s(runs[0]) == 8.0
    estimate.finish(runs[0], 2.0)
    assert estimate.expected_s(runs[1]) == 6.0
    assert estimate.expected_s(TWO) == 1.0


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (89, "89 s"), (600, "10 min"), (7200, "2.0 h")])
def test_durations_are_said_as_people_say_them(seconds: float, said: str):
    """They have no more digits than anybody wants."""
    assert duration(seconds) == said


@pytest.mark.parametrize("is_terminal", [True, False])
def test_every_run_is_shown_with_its_result_and_the_time_left(is_terminal: bool):
    """A terminal shows a bar; anything else gets plain lines, without control sequences."""
    output = io.StringIO()
    with shown_on(output, is_terminal) as display:
        for run in RUNS:
            display.begin(run.label)
            display.tick()
            display.finish(run, "0.5 s")
    text = output.getvalue()
    assert "[1/3] one: 0.5 s; about" in text
    assert "[3/3] three: 0.5 s; about 0 s left" in text
    assert ("\x1b" in text) is is_terminal


def test_plain_lines_are_few(clock: FakeTime):
    """A log file gets one every half minute while a run is made."""
    output = io.StringIO()
    with shown_on(output) as display:
        display.begin("one")
        before = len(output.getvalue().splitlines())
        for _ in range(95):
            clock.sleep(1)
            display.tick()
    lines = output.getvalue().splitlines()[before:]
    assert len(lines) == 95 // (PLAIN_INTERVAL_S + 1)
    assert lines[0].startswith(f"one for {PLAIN_INTERVAL_S + 1} s; 0/3, about ")


def test_a_line_is_shown_as_it_is(tmp_path: Path):
    """Brackets are no markup, and a long line is not broken."""
    output, line = io.StringIO(), f"every run is in {tmp_path}/[red]{'x' * 300} already"
    with shown_on(output) as display:
        display.say(line)
    assert line in output.getvalue().splitlines()


def test_the_journal_keeps_failures_with_their_verdicts(tmp_path: Path):
    """Runs that gave a number are not among them."""
    output = io.StringIO()
    journal = Journal(tmp_path, shown_on(output))
    journal.begin(ONE)
    journal.finish(ONE, VALID, {"baseline": 10.5, "served": 12.3456})
    broken = Verdict("disk", "12 MiB were left")
    journal.finish(TWO, broken, {"baseline": 0.0})
    assert [str(failure) for failure in journal.failures] == [f"two: {broken}"]
    assert "[1/3] one: baseline 10.500 s, served 12.346 s for 100 examples; about" in output.getvalue()
    assert f"[2/3] two: {broken}; about" in output.getvalue()


def test_the_journal_says_where_the_wall_time_went(tmp_path: Path, clock: FakeTime):
    """Each step has the time since the step before, and the part of it that either arm's clock has."""
    journal = Journal(tmp_path, shown_on(io.StringIO()), _noted_s=clock.now_s)
    clock.sleep(4)
    journal.finish(ONE, VALID, {"baseline": 1.0, "served": 1.5})
    clock.sleep(8)
    journal.note_wall("ending a server")
    rows = csv_files.rows(tmp_path / layout.WALL_CSV)
    assert [tuple(row.values()) for row in rows] == [("one", "4.0", "2.5"), ("ending a server", "8.0", "0.0")]


def test_the_journal_says_when_the_arms_of_a_part_are_started(tmp_path: Path):
    """Loading a model may take minutes; other parts start with their first run."""
    output = io.StringIO()
    journal = Journal(tmp_path, shown_on(output))
    compared, *others = (of_kind(planned(tmp_path), kind)[0] for kind in Kind)
    for part in (compared, *others):
        journal.begin_part(part)
    said = [line for line in output.getvalue().splitlines() if line.endswith("…")]
    assert said == [f"round 1, echo, starting the predictor and {compared.system} …"]
