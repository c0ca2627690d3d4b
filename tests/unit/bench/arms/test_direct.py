"""The direct arm is one process that times what it is asked for, and is stopped in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from servecost.bench.arms import direct
from servecost.bench.arms.direct import DirectArm, direct_arm, unfinished
from servecost.bench.arms.protocol import FOREVER, ArmFailed, DirectCall
from servecost.bench.conditions import Subject
from servecost.bench.processes.process import Command, Process
from servecost.bench.runs import Kind, Part, Run
from servecost.core import answers, call_log, csv_files, layout
from servecost.core.verdicts import Verdict
from tests.unit.bench.arms.fakes import FakeProcess, FakeTree, FakeWatch
from tests.unit.bench.fakes import planned

TOO_LITTLE = Verdict("memory", "12 MiB of 100 MiB were left; it was stopped")


class Baseline:
    """A direct arm whose process is fake; it answers at its third wait, as the real one writes its files."""

    def __init__(self, part: Part) -> None:
        part.folder.mkdir(parents=True, exist_ok=True)
        self.part = part
        self.process = FakeProcess("baseline", part.folder / "baseline.log", self.work)
        self.arm = DirectArm(cast(Process, self.process), part, lambda: self.ticks.append(self.tree.is_suspended))
        self.tree: FakeTree = self.arm._tree  # type: ignore[assignment]
        self.ticks: list[bool] = []
        self.waits = 0
        self.answered = 0

    def work(self) -> None:
        """Load the model, then answer each request some time after it was made."""
        self.waits += 1
        if self.waits % 3:
            return
        if not self.part.expected_json.exists():
            answers.write(self.part.expected_json, ["a"])
        for line in self.process.lines[self.answered :]:
            self.answer(*line.split())
        self.answered = len(self.process.lines)

    def answer(self, what: str, batch_size: str, *sizes: str) -> None:
        if what == "run":
            row = ("echo", batch_size, 1, 60, 0.25 * int(batch_size))
            csv_files.append(unfinished(self.part.baseline_csv), layout.BASELINE_COLUMNS, [row])
        for size in sizes:
            rows = [("echo", size, batch_size, 0.5)] * 2
            csv_files.append(unfinished(self.part.direct_calls_csv), layout.DIRECT_CALLS_COLUMNS, rows)


@pytest.fixture
def baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Baseline:
    """Return a direct arm on a machine with enough memory."""
    monkeypatch.setattr(direct, "Tree", FakeTree)
    monkeypatch.setattr(direct, "Watch", type("OwnWatch", (FakeWatch,), {}))
    return Baseline(planned(tmp_path, rounds=1)[0])


def run_of(part: Part, batch_size: int) -> Run:
    return next(run for run in part.runs if run.kind is Kind.BASELINE and run.batch_size == batch_size)


def test_it_is_ready_once_its_model_is_loaded_and_stopped_from_then_on(baseline: Baseline):
    """Its answers to the example are those that are expected of the server."""
    assert baseline.arm.ready() == ["a"]
    assert (baseline.waits, baseline.tree.is_suspended) == (3, True)
    assert baseline.arm.ready() == ["a"]
    assert baseline.waits == 3


@pytest.mark.parametrize("batch_size", [1, 8])
def test_a_run_is_asked_for_and_takes_what_the_process_says(baseline: Baseline, batch_size: int):
    """The process runs only while the run is made."""
    baseline.arm.ready()
    baseline.arm.begin(run_of(baseline.part, batch_size))
    assert baseline.process.lines == [f"run {batch_size}"]
    assert baseline.tree.is_suspended
    baseline.ticks.clear()
    assert baseline.arm.advance(FOREVER)
    assert baseline.ticks == [False] * 3
    assert baseline.tree.is_suspended
    assert baseline.arm.finish().total_s == 0.25 * batch_size


def test_one_run_after_the_other_has_its_own_seconds(baseline: Baseline):
    """Rows of earlier runs are not taken for the answer."""
    totals = []
    for batch_size in (8, 1):
        baseline.arm.begin(run_of(baseline.part, batch_size))
        assert baseline.arm.advance(FOREVER)
        totals.append(baseline.arm.finish().total_s)
    assert totals == [2.0, 0.25]


def test_it_advances_no_longer_than_it_may(baseline: Baseline):
    """The run goes on where it was stopped."""
    baseline.arm.begin(run_of(baseline.part, 1))
    assert not baseline.arm.advance(until_s=0.0)
    assert baseline.tree.is_suspended
    assert baseline.arm.advance(FOREVER)


def test_separate_calls_are_those_that_the_server_made(baseline: Baseline):
    """Each size is asked for once for each batch size that the predictor was given."""
    run = baseline.part.served[0]
    run.place.mkdir()
    calls = [(0, 1, 3, 8), (1, 2, 5, 8), (2, 3, 1, 1)]
    csv_files.write_table(run.place / layout.CALLS_CSV, call_log.COLUMNS, calls)
    baseline.arm.begin(baseline.part.calls_run)
    assert sorted(baseline.process.lines) == ["calls 1 1", "calls 8 3 5"]
    assert baseline.arm.advance(FOREVER)
    timed = baseline.arm.finish()
    assert sorted(timed.calls) == sorted([DirectCall(*each, 0.5) for each in ((8, 3), (8, 5), (1, 1)) for _ in "ab"])
    assert timed.total_s == 3.0


def test_there_may_be_no_separate_call_to_make(baseline: Baseline):
    """The run is over at once."""
    baseline.arm.begin(baseline.part.calls_run)
    assert baseline.arm.advance(FOREVER)
    assert (baseline.arm.finish().calls, baseline.process.lines) == ((), [])


def test_a_process_that_ends_has_failed(baseline: Baseline):
    """The reason is the last line of its log; later runs fail in the same way."""
    baseline.process.log.write_text("Traceback\nImportError: no such model\n")
    baseline.process.work, baseline.process.code = (lambda: None), 1
    for _ in range(2):
        with pytest.raises(ArmFailed) as failed:
            baseline.arm.ready()
        assert failed.value.verdict.rule == "baseline"
        assert "ended with exit code 1: ImportError: no such model (log: " in failed.value.verdict.reason


def test_a_process_that_ends_with_its_last_answer_has_not_failed(baseline: Baseline):
    """The answer counts."""
    baseline.arm.begin(run_of(baseline.part, 1))
    baseline.process.code = 0
    baseline.waits = 2
    assert baseline.arm.advance(FOREVER)


def test_without_memory_it_is_ended_and_every_later_run_fails_for_that_reason(
    baseline: Baseline, monkeypatch: pytest.MonkeyPatch
):
    """It is not said that the process ended by itself."""
    baseline.arm.ready()
    monkeypatch.setattr(f"{direct.__name__}.Watch.verdict", TOO_LITTLE)
    baseline.arm.begin(run_of(baseline.part, 1))
    for _ in range(2):
        with pytest.raises(ArmFailed) as failed:
            baseline.arm.advance(FOREVER)
        assert failed.value.verdict == TOO_LITTLE
    assert baseline.process.was_ended


def test_its_cpu_seconds_are_those_of_its_processes(baseline: Baseline):
    """A served run takes note of them."""
    baseline.tree.used_s = 1.5
    assert baseline.arm.cpu_s() == 1.5


def test_it_has_files_of_its_own_which_go_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An earlier process's answers are not taken for this one's; complete runs stay."""
    part = planned(tmp_path, rounds=1)[0]
    own = [unfinished(part.baseline_csv), unfinished(part.direct_calls_csv), part.expected_json]
    part.folder.mkdir(parents=True)
    for path in (*own, part.baseline_csv):
        path.write_text("of an earlier process")
    started: list[Command] = []

    @contextmanager
    def running(command: Command) -> Iterator[FakeProcess]:
        started.append(command)
        assert not any(path.exists() for path in own)
        for path in own[:2]:
            path.write_text("of this one")
        yield FakeProcess(command.name, command.log)

    monkeypatch.setattr(direct, "running", running)
    subject = Subject(part.recipe, part.system, "own/python", {"OMP_NUM_THREADS": "2"})
    with direct_arm(part, subject, lambda: None) as arm:
        assert isinstance(arm, DirectArm)
    assert not any(path.exists() for path in own[:2])
    assert part.baseline_csv.exists()
    (command,) = started
    assert (command.words[0], command.environment) == ("own/python", {"OMP_NUM_THREADS": "2"})
    assert {"--on-request", "--csv", "--calls-csv", str(part.examples)} < set(command.words)


def test_a_part_without_baseline_runs_still_has_a_process_that_can_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It takes at least one example."""
    part = planned(tmp_path, rounds=1)[0]
    part.folder.mkdir(parents=True)
    words: list[str] = []

    @contextmanager
    def running(command: Command) -> Iterator[FakeProcess]:
        words.extend(command.words)
        yield FakeProcess(command.name, command.log)

    monkeypatch.setattr(direct, "running", running)
    with direct_arm(replace(part, runs=()), Subject(part.recipe, part.system, "python3", {}), lambda: None):
        pass
    assert words[words.index("--examples") + 1] == "1"
