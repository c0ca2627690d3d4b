"""The direct arm is one process that works on what it is asked for, and is stopped in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest

from servecost.bench.arms import direct
from servecost.bench.arms.direct import CALLS_LEAST_S, CALLS_PART, LONGER_THAN_WARM, DirectArm, Files, direct_arm
from servecost.bench.arms.protocol import ArmFailed
from servecost.bench.conditions import Subject
from servecost.bench.processes.process import Command, Process
from servecost.bench.runs import LARGE, UNFINISHED_SUFFIX, Kind, Part, Run
from servecost.bench.turns import FOREVER
from servecost.core import answers, csv_files, layout, stops
from servecost.core.verdicts import VALID, Verdict
from servecost.core.warming import LONGER_S, Cold
from tests.unit.bench.arms.fakes import FakeProcess, FakeTree, FakeWatch
from tests.unit.bench.fakes import of_kind, planned

TOO_LITTLE = Verdict("memory", "12 MiB of 100 MiB were left; it was stopped")
COLD = {1: Cold(0.5, 0.01, 3), 8: Cold(0.75, 0.08, 4)}
FURTHER_S = 0.01


class Baseline:
    """A direct arm whose process is fake; it answers at its third wait, as the real one writes its files.

    Attributes:
        total_s: what a run takes.
        is_given_up: whether its calls become no steadier.
        was_stopped: at each tick, whether the process was stopped.
    """

    def __init__(self, part: Part, name: str = layout.BASELINE) -> None:
        part.folder.mkdir(parents=True, exist_ok=True)
        self.part, self.files = part, Files(part, name)
        self.process = FakeProcess("baseline", part.folder / f"{name}.log", self.work)
        self.arm = DirectArm(name, self.start, part, lambda: self.was_stopped.append(self.tree.is_suspended))
        self.total_s, self.is_given_up = 0.5, False
        self.starts = self.waits = self.answered = 0
        self.was_stopped: list[bool] = []

    @property
    def tree(self) -> FakeTree:
        return cast(FakeTree, self.arm._trees[0])

    def start(self) -> Process:
        self.starts += 1
        return cast(Process, self.process)

    def work(self) -> None:
        """Load the model, then answer each request some time after it was made."""
        self.waits += 1
        if self.waits % 3:
            return
        if not self.files.expected.exists():
            answers.write(self.files.expected, ["a"])
        for line in self.process.lines[self.answered :]:
            self.answer(*line.split())
        self.answered = len(self.process.lines)

    def answer(self, what: str, batch_size: str, *more: str) -> None:
        if what == "warm":
            *numbers, is_steady = COLD.get(int(batch_size), COLD[8])
            warm = ("baseline", batch_size, *numbers, int(is_steady and not self.is_given_up), FURTHER_S)
            csv_files.append(self.files.cold, layout.WARM_COLUMNS, [warm])
        elif what == "run":
            row = (batch_size, more[0], 5_000, 5_000 + round(self.total_s * 1e9), self.total_s)
            csv_files.append(self.files.runs, layout.DIRECT_RUNS_COLUMNS, [row])
        else:
            rows = [("echo", *word.split(":"), 0.02, 8, 0.04) for word in more[2:]] * 2
            csv_files.append(self.files.calls, layout.DIRECT_CALLS_COLUMNS, [*rows, ("echo", 0, 0, 0, 0, 0)])

    def make(self, run: Run, folder: Path) -> float:
        """Make a run as an experiment does; return its seconds."""
        self.arm.ready()
        self.arm.warm(run)
        self.arm.begin(run, folder)
        assert self.arm.advance(FOREVER)
        return self.arm.finish().total_s

    def lines(self) -> list[str]:
        """Return what was asked of the process since the last time."""
        lines, self.process.lines, self.answered = self.process.lines, [], 0
        return lines


@pytest.fixture
def baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Baseline:
    """Return a direct arm on a machine with enough memory."""
    monkeypatch.setattr(direct, "Tree", FakeTree)
    monkeypatch.setattr(direct, "Watch", type("OwnWatch", (FakeWatch,), {}))
    return Baseline(planned(tmp_path / "out")[0])


def run_of(part: Part, batch_size: int) -> Run:
    return next(run for run in part.runs if run.batch_size == batch_size)


def test_its_process_is_started_when_it_is_to_be_ready(baseline: Baseline):
    """Two models that load at a time take much longer; its answers are those that are expected of the server."""
    assert baseline.starts == 0
    assert baseline.arm.ready() == baseline.arm.ready() == ["a"]
    assert baseline.starts == 1
    assert baseline.tree.is_suspended


def test_the_largest_batch_of_the_part_comes_first(baseline: Baseline):
    """So that memory is touched before anything is timed; once is enough."""
    for _ in range(2):
        baseline.arm.ready()
    assert baseline.lines() == ["warm 8"]


def test_each_large_size_has_a_process_of_its_own(baseline: Baseline):
    """What it leaves in memory rests beside no other."""
    baseline.arm.ready()
    small = run_of(baseline.part, 8)
    for batch_size, starts in ((8, 1), (LARGE, 2), (LARGE, 2), (2 * LARGE, 3), (8, 4)):
        baseline.arm.warm(replace(small, batch_size=batch_size))
        assert baseline.starts == starts


def test_a_process_for_large_sizes_alone_has_met_none_before_it_is_warmed(baseline: Baseline):
    """Nor is it started twice: what is untimed but cold would be all that it does."""
    baseline.arm._part = replace(baseline.part, runs=(replace(run_of(baseline.part, 8), batch_size=LARGE),))
    baseline.arm.ready()
    assert baseline.lines() == []
    baseline.arm.warm(baseline.arm._part.runs[0])
    assert (baseline.lines(), baseline.starts) == ([f"warm {LARGE}"], 1)


@pytest.mark.parametrize(("batch_size", "expected_s"), [(1, 0.01 + 59 * FURTHER_S), (8, 0.08 + 52 * FURTHER_S)])
def test_it_is_warmed_at_the_runs_own_batch_size(baseline: Baseline, batch_size: int, expected_s: float):
    """The run is expected to take what a steady call does, and for its further examples as in a call of several."""
    baseline.arm.ready()
    baseline.lines()
    assert baseline.arm.warm(run_of(baseline.part, batch_size)) == pytest.approx(expected_s)
    assert baseline.lines() == [f"warm {batch_size}"]
    assert baseline.tree.is_suspended


def test_what_its_first_work_of_a_size_cost_is_kept_once(baseline: Baseline, tmp_path: Path):
    """Later warmings of the size are not cold."""
    baseline.arm.ready()
    for batch_size in (8, 1, 1):
        baseline.arm.warm(run_of(baseline.part, batch_size))
    rows = csv_files.rows(baseline.part.folder / layout.COLD_CSV)
    assert [tuple(row.values()) for row in rows] == [
        ("baseline", str(size), str(COLD[size].first_s), str(COLD[size].steady_s), str(COLD[size].calls))
        for size in (8, 1)
    ]


def test_a_run_is_asked_for_and_takes_what_the_process_says(baseline: Baseline, tmp_path: Path):
    """The process runs only while the arm advances."""
    run = run_of(baseline.part, 8)
    baseline.arm.ready()
    baseline.arm.warm(run)
    baseline.lines()
    baseline.arm.begin(run, tmp_path)
    assert baseline.lines() == ["run 8 60"]
    assert baseline.tree.is_suspended
    baseline.process.lines = ["run 8 60"]
    baseline.was_stopped.clear()
    assert baseline.arm.advance(FOREVER)
    assert baseline.was_stopped == [False] * 3
    assert baseline.tree.is_suspended
    timed = baseline.arm.finish()
    assert (timed.total_s, timed.verdict) == (0.5, VALID)


def test_a_run_has_its_row_in_the_pairs_folder(baseline: Baseline, tmp_path: Path):
    """Each pair has one of its own, with the seconds as the process wrote them."""
    for place, batch_size in enumerate((8, 1)):
        folder = tmp_path / str(place)
        folder.mkdir()
        baseline.total_s = 0.1 + 0.2 * (place + 1)
        baseline.make(run_of(baseline.part, batch_size), folder)
        (row,) = csv_files.rows(folder / layout.BASELINE_CSV)
        assert tuple(row.values()) == ("echo", str(batch_size), "1", "60", str(baseline.total_s))


def test_the_second_of_two_baselines_has_the_second_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """They share the folder of their pair, and no other file."""
    monkeypatch.setattr(direct, "Tree", FakeTree)
    monkeypatch.setattr(direct, "Watch", type("OwnWatch", (FakeWatch,), {}))
    part = of_kind(planned(tmp_path / "out"), Kind.SAME)[0]
    for total_s, name in enumerate((layout.BASELINE, layout.SERVED), start=1):
        arm = Baseline(part, name)
        arm.total_s = total_s
        assert arm.make(part.runs[0], tmp_path) == total_s
    rows = csv_files.rows(tmp_path / layout.BASELINE_CSV)
    assert [(row["run"], row["total_s"]) for row in rows] == [("1", "1"), ("2", "2")]
    arms = {row["arm"] for row in csv_files.rows(part.folder / layout.COLD_CSV)}
    assert arms == {layout.BASELINE, layout.SERVED}


def test_it_advances_no_longer_than_it_may(baseline: Baseline, tmp_path: Path):
    """The run goes on where it was stopped; the process finds each stop in its file."""
    run = run_of(baseline.part, 1)
    baseline.arm.ready()
    baseline.arm.warm(run)
    baseline.arm.begin(run, tmp_path)
    before = len(stops.read(baseline.files.stops))
    assert not baseline.arm.advance(until_s=0.0)
    assert baseline.tree.is_suspended
    assert baseline.arm.advance(FOREVER)
    assert len(stops.read(baseline.files.stops)) == before + 2
    assert len(baseline.arm.finish().use.slices) == 2


def test_nobody_sees_into_a_run(baseline: Baseline, tmp_path: Path):
    """It is one call."""
    baseline.arm.ready()
    assert baseline.arm.expected_s() is None


def test_what_it_took_of_the_machine_is_said(baseline: Baseline, tmp_path: Path):
    """Its CPU seconds are those of the run alone."""
    run = run_of(baseline.part, 8)
    baseline.arm.ready()
    baseline.tree.used_s, baseline.tree.peak_mib = 100.0, 512.0
    baseline.arm.warm(run)
    baseline.arm.begin(run, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        readings = iter([100.0, 100.0, 103.5, 103.5])
        patch.setattr(baseline.tree, "cpu_s", lambda: next(readings, 103.5))
        baseline.arm.advance(FOREVER)
    resources = baseline.arm.finish().resources
    assert resources.keys() == {"baseline_cpu_s", "baseline_memory_mib", "baseline_start_s"}
    assert (resources["baseline_cpu_s"], resources["baseline_memory_mib"]) == (3.5, 512.0)
    assert 0 <= resources["baseline_start_s"] < 10


def test_separate_calls_are_made_beside_reference_calls_of_the_runs_own_size(baseline: Baseline, tmp_path: Path):
    """They take a part of the run's seconds; the row that ends them is none."""
    baseline.make(run_of(baseline.part, 8), tmp_path)
    baseline.lines()
    rows = baseline.arm.time_calls([(3, 8), (5, 8)], 20.0)
    assert baseline.process.lines == [f"calls 8 60 {CALLS_PART * 20.0:.3f} 3:8 5:8"]
    assert [(row["inputs"], row["batch_size"], row["call_s"], row["reference_s"]) for row in rows] == [
        (inputs, "8", "0.02", "0.04") for inputs in ("3", "5", "3", "5")
    ]
    assert baseline.tree.is_suspended
    assert len(baseline.arm.time_calls([(1, 8)], 2.0)) == 2
    assert baseline.process.lines[-1] == f"calls 8 60 {CALLS_LEAST_S:.3f} 1:8"


EXPECTED_S = COLD[8].steady_s + 52 * FURTHER_S


@pytest.mark.parametrize(
    ("total_s", "after_s", "is_warm"),
    [
        (LONGER_THAN_WARM * EXPECTED_S, 0.01, True),
        (LONGER_THAN_WARM * EXPECTED_S + 0.01, 0.01, False),
        (2.5 * EXPECTED_S, 0.02, True),  # the machine is slower than before
        (2.5 * EXPECTED_S, 0.005, False),
    ],
)
def test_a_run_that_took_longer_than_the_calls_around_it_was_cold(
    baseline: Baseline, tmp_path: Path, total_s: float, after_s: float, is_warm: bool
):
    """Both those before it and those after it have to be much quicker."""
    baseline.make(run_of(baseline.part, 8), tmp_path)
    calls = [{"reference_inputs": "16", "reference_s": str(after_s * 16)}] * 2
    verdict = baseline.arm.check_warm(total_s, calls)
    assert verdict.is_valid is is_warm
    assert is_warm or verdict.rule == "warm"
    assert is_warm or verdict.reason.startswith(f"the baseline took {total_s:.3g} s where calls before and after")


@pytest.mark.parametrize(("times", "is_warm"), [(1.2, True), (1.3, False)])
def test_a_run_after_a_warm_up_that_was_given_up_is_judged_by_what_follows(
    baseline: Baseline, tmp_path: Path, times: float, is_warm: bool
):
    """The calls before it may have been as cold."""
    baseline.is_given_up = True
    run = run_of(baseline.part, 8)
    baseline.make(run, tmp_path)
    calls = [{"reference_inputs": "16", "reference_s": "16"}]
    verdict = baseline.arm.check_warm(times * run.examples, calls)
    assert verdict.is_valid is is_warm
    assert is_warm or verdict.reason.endswith("and its warm-up was given up before it was steady")


def test_a_run_that_took_longer_by_next_to_nothing_was_not_cold(baseline: Baseline, tmp_path: Path):
    """A short run is longer by half at any disturbance."""
    baseline.make(run_of(baseline.part, 8), tmp_path)
    baseline.arm._run = run_of(baseline.part, 8)
    object.__setattr__(baseline.arm._run, "examples", 1)
    expected_s = COLD[8].steady_s
    calls = [{"reference_inputs": "16", "reference_s": "0.16"}]
    assert baseline.arm.check_warm(expected_s + 0.9 * LONGER_S, calls).is_valid
    assert not baseline.arm.check_warm(expected_s + 1.1 * LONGER_S, calls).is_valid


def test_a_run_without_calls_after_it_is_taken_as_warm(baseline: Baseline, tmp_path: Path):
    """Nothing is known that would say otherwise."""
    baseline.make(run_of(baseline.part, 8), tmp_path)
    assert baseline.arm.check_warm(1000.0, []).is_valid


def test_a_process_that_does_not_answer_is_ended(baseline: Baseline, monkeypatch: pytest.MonkeyPatch):
    """A model that hangs would hang the bench; the next run has a new process."""
    baseline.arm.ready()
    monkeypatch.setattr(direct, "START_LIMIT_S", 0.02)
    baseline.process.work = lambda: None
    with pytest.raises(
        ArmFailed, match=r"INVALID\(baseline\): calls of 1, untimed .* took longer than 0\.02 s \(log: "
    ):
        baseline.arm.warm(run_of(baseline.part, 1))
    assert baseline.process.was_ended
    baseline.process.code = 143
    with pytest.raises(ArmFailed):
        baseline.arm.ready()
    assert baseline.starts == 2


def test_a_process_that_ends_has_failed(baseline: Baseline):
    """The reason is the last line of its log; later pairs try again, and fail in the same way."""
    baseline.process.log.write_text("Traceback\nImportError: no such model\n")
    baseline.process.work, baseline.process.code = (lambda: None), 1
    for _ in range(2):
        with pytest.raises(ArmFailed) as failed:
            baseline.arm.ready()
        assert failed.value.verdict.rule == "baseline"
        assert "ended with exit code 1: ImportError: no such model (log: " in failed.value.verdict.reason
    assert baseline.starts == 2


def test_a_process_that_an_earlier_run_has_ended_is_started_again(baseline: Baseline):
    """The next pair may be smaller; an earlier process's answers are not taken for this one's."""
    baseline.arm.ready()
    baseline.process.code = 137
    answers.write(baseline.files.expected, ["of the first process"])

    def start() -> Process:
        baseline.process.code = None
        return baseline.start()

    baseline.arm._start = start
    assert baseline.arm.ready() == ["a"]
    assert baseline.starts == 2
    assert baseline.tree.is_suspended


def test_a_process_that_fails_at_the_largest_batch_is_started_again_without_it(baseline: Baseline):
    """Pairs of that size will say so, and the others are made."""
    working = baseline.process.work

    def work() -> None:
        if baseline.process.lines:
            baseline.process.code = 137
        working()

    def start() -> Process:
        baseline.lines()
        baseline.process.code = None
        return baseline.start()

    baseline.process.work, baseline.arm._start = work, start
    assert baseline.arm.ready() == ["a"]
    assert (baseline.starts, baseline.lines()) == (2, [])


def test_a_process_that_ends_with_its_last_answer_has_not_failed(baseline: Baseline, tmp_path: Path):
    """The answer counts."""
    run = run_of(baseline.part, 1)
    baseline.arm.ready()
    baseline.arm.warm(run)
    baseline.arm.begin(run, tmp_path)
    baseline.process.code = 0
    baseline.waits = 2
    assert baseline.arm.advance(FOREVER)


def test_without_memory_it_is_ended_and_every_later_pair_fails_for_that_reason(
    baseline: Baseline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It is not said that the process ended by itself."""
    run = run_of(baseline.part, 1)
    baseline.arm.ready()
    baseline.arm.warm(run)
    monkeypatch.setattr(f"{direct.__name__}.Watch.verdict", TOO_LITTLE)
    baseline.arm.begin(run, tmp_path)
    for _ in range(2):
        with pytest.raises(ArmFailed) as failed:
            baseline.arm.advance(FOREVER)
        assert failed.value.verdict == TOO_LITTLE
    assert baseline.process.was_ended


def test_it_has_files_of_its_own_which_go_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What an earlier process wrote is not taken for this one's; what is kept of the part stays."""
    part = planned(tmp_path)[0]
    files = Files(part, layout.BASELINE)
    own = [files.runs, files.calls, files.cold, files.stops]
    kept = part.folder / layout.COLD_CSV
    part.folder.mkdir(parents=True)
    for path in (*own, kept):
        path.write_text("of an earlier process")
    started: list[Command] = []

    @contextmanager
    def running(command: Command) -> Iterator[FakeProcess]:
        started.append(command)
        assert not any(path.exists() for path in own)
        for path in own:
            path.write_text("of this one")
        yield FakeProcess(command.name, command.log)

    monkeypatch.setattr(direct, "running", running)
    subject = Subject(part.recipe, part.system, "own/python", {"OMP_NUM_THREADS": "2"})
    with direct_arm(layout.BASELINE, part, subject, lambda: None) as arm:
        assert started == []
        arm._start()
    assert not any(path.exists() for path in own)
    assert kept.exists()
    (command,) = started
    options = dict(pairwise(command.words))
    assert command.words[0] == "own/python"
    assert command.environment == {"OMP_NUM_THREADS": "2", stops.VARIABLE: str(files.stops)}
    assert "--on-request" in command.words
    assert (options["--runs-csv"], options["--calls-csv"], options["--cold-csv"], options["--expected"]) == (
        str(files.runs),
        str(files.calls),
        str(files.cold),
        str(part.expected_json),
    )


def test_its_process_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Even in the middle of a run."""
    part = planned(tmp_path)[0]
    part.folder.mkdir(parents=True)
    ended: list[str] = []

    @contextmanager
    def running(command: Command) -> Iterator[FakeProcess]:
        try:
            yield FakeProcess(command.name, command.log)
        finally:
            ended.append(command.name)

    monkeypatch.setattr(direct, "running", running)
    subject = Subject(part.recipe, part.system, "python3", {})
    with pytest.raises(KeyboardInterrupt), direct_arm(layout.BASELINE, part, subject, lambda: None) as arm:
        arm._start()
        raise KeyboardInterrupt
    assert ended == ["baseline"]


def test_the_files_of_two_arms_are_told_apart(tmp_path: Path):
    """None of them is taken for a file of a complete part."""
    part = of_kind(planned(tmp_path), Kind.SAME)[0]
    one, other = Files(part, layout.BASELINE), Files(part, layout.SERVED)
    assert len({*vars(one).values(), *vars(other).values()}) == 10
    temporary = [path for files in (one, other) for path in (files.runs, files.calls, files.cold, files.stops)]
    assert all(path.suffix == UNFINISHED_SUFFIX for path in temporary)
    assert one.expected == part.expected_json
