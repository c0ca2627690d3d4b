"""What stands for interpreters and for the arms of a pair where a test starts no process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from servecost.bench import plan
from servecost.bench.arms.pair import Arms
from servecost.bench.arms.protocol import Timed
from servecost.bench.experiment import Experiment
from servecost.bench.processes.pauses import Slice, Use
from servecost.bench.runs import Kind, Part, Run
from servecost.core import call_log, csv_files, layout, manifest, recipe, systems
from servecost.core.verdicts import VALID, Verdict
from tests.unit.core.fakes import FakeTime

VERSIONS = {"python": "3.11.7", "fastdeploy": "3.1.1", "locust": "2.47.0", "torch": "2.13.0", "keras": "2.2.4"}
# What each arm's clock shows in the end, and how long it works by the bench's clock: the two are told apart.
TOTAL_S = {layout.BASELINE: 0.5, layout.SERVED: 0.75}
WORK_S = {layout.BASELINE: 4.0, layout.SERVED: 6.0}


class FakeInstalled:
    """Answers in place of interpreters which packages they have.

    Attributes:
        versions: what an interpreter has of which ``by_python`` says nothing.
        by_python: what others have.
    """

    def __init__(self) -> None:
        self.versions = dict(VERSIONS)
        self.by_python: dict[str, dict[str, str]] = {}
        self.times_cleared = 0

    def __call__(self, python: str) -> dict[str, str]:
        return self.by_python.get(python, self.versions)

    def cache_clear(self) -> None:
        self.times_cleared += 1


def experiment(**changes: Any) -> Experiment:
    """Return an experiment of the echo recipe under the default system."""
    cells = {"batch_sizes": [1, 8], "concurrencies": [1, 4], "examples": 60, "rounds": 2}
    return Experiment.model_validate({"recipes": ["echo"], "systems": [systems.default()], **cells, **changes})


def planned(out: Path, **changes: Any) -> list[Part]:
    """Return the parts of such an experiment."""
    chosen = experiment(**changes)
    return plan.parts(chosen, [recipe.load(name) for name in chosen.recipes], out)


def of_kind(parts: list[Part], kind: Kind) -> list[Part]:
    """Return the parts whose runs are of a kind."""
    return [part for part in parts if part.kind is kind]


def calls_log(run: Run) -> list[tuple[int, int, int, int]]:
    """Return the predictor's calls in a run if a server merges no requests."""
    starts = range(0, run.examples, run.batch_size)
    return [(first, first + 1, min(run.batch_size, run.examples - first), run.batch_size) for first in starts]


def write_baseline(folder: Path, run: Run, number: int = 1, total_s: float = TOTAL_S[layout.BASELINE]) -> None:
    """Add a baseline run to the files of a pair."""
    row = "echo", run.batch_size, number, run.examples, repr(total_s)
    csv_files.append(folder / layout.BASELINE_CSV, layout.BASELINE_COLUMNS, [row])


def write_load(folder: Path, run: Run, total_s: float = TOTAL_S[layout.SERVED]) -> None:
    """Write the files of a served run."""
    for name in layout.LOCUST_RUN_FILES:
        (folder / name).write_text(run.label)
    (folder / layout.LOCUST_RUN_JSON).write_text(json.dumps({"total_s": total_s, "rule": "", "reason": ""}))
    csv_files.write_table(folder / layout.CALLS_CSV, call_log.COLUMNS, calls_log(run))


def write_pair(folder: Path, run: Run, total_s: Mapping[str, float] = TOTAL_S) -> None:
    """Write the files of a run of any kind, and a manifest that covers them."""
    folder.mkdir(parents=True, exist_ok=True)
    if run.kind is not Kind.LOAD:
        write_baseline(folder, run, 1, total_s[layout.BASELINE])
    if run.kind is Kind.SAME:
        write_baseline(folder, run, 2, total_s[layout.SERVED])
    else:
        write_load(folder, run, total_s[layout.SERVED])
    csv_files.write_table(folder / layout.SLICES_CSV, layout.SLICES_COLUMNS, [])
    csv_files.write_table(folder / layout.IDLE_CSV, layout.IDLE_COLUMNS, [])
    manifest.write(folder, {"conditions": {}}, layout.PAIR_FILES)


@dataclass
class Step:
    """One call of an arm's method.

    Attributes:
        arm: the arm's name.
        method: the method's name.
        run: the run that it is about; None in ``ready``.
        at_s: when it was called.
    """

    arm: str
    method: str
    run: Run | None
    at_s: float


class FakePair(Arms):
    """The arms of a part, whose manifests have no conditions."""

    def __init__(self, by_name: Mapping[str, FakeArm], of: FakeArms) -> None:
        super().__init__(by_name)
        object.__setattr__(self, "of", of)

    of: FakeArms

    def after(self, run: Run, folder: Path, timed: dict[str, Timed]) -> None:
        self.of.note("both", "after", run)
        super().after(run, folder, timed)

    def give_up(self) -> None:
        self.of.times_given_up += 1

    def write_manifest(self, folder: Path, part: Part, run: Run, timed: Mapping[str, Timed], verdict: Verdict) -> None:
        manifest.write(folder, {"conditions": {}, "verdict": asdict(verdict)}, layout.PAIR_FILES)


@dataclass
class FakeArms:
    """The arms of an experiment's parts, which work by a clock of the test's and note what is asked of them.

    Attributes:
        clock: takes the place of the bench's.
        steps: the calls, in their order.
        disturb: called with each step; may raise.
        verdicts: of runs that break a rule, by label and arm.
        work_s: how long each arm works on a run.
        guess_s: how long it says that it will, after its warming; right without an entry.
        total_s: what each arm's own clock shows; of a run with this label and arm, if it has an entry.
        idle_cpu_s: what an arm uses while it is stopped, in all of a run.
        current: the arms of the part under way.
        parts: which began and ended.
        times_given_up: how often a server had to be ended that held a run.
    """

    clock: FakeTime = field(default_factory=FakeTime)
    steps: list[Step] = field(default_factory=list)
    disturb: Callable[[Step], None] = lambda step: None
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    work_s: dict[str, float] = field(default_factory=lambda: dict(WORK_S))
    guess_s: dict[str, float] = field(default_factory=dict)
    total_s: dict[tuple[str, str], float] = field(default_factory=dict)
    idle_cpu_s: dict[str, float] = field(default_factory=dict)
    current: dict[str, FakeArm] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    times_given_up: int = 0

    @contextmanager
    def __call__(self, part: Part) -> Iterator[Arms]:
        self.parts.append(f"begin {part.folder}")
        names = [layout.SERVED] if part.kind is Kind.LOAD else [layout.BASELINE, layout.SERVED]
        self.current = {name: FakeArm(name, part, self) for name in names}
        try:
            yield FakePair(self.current, self)
        finally:
            self.parts.append(f"end {part.folder}")

    def labels(self, method: str, arm: str = layout.SERVED) -> list[str]:
        """Return the labels of the runs for which a method of an arm was called, in their order."""
        return [step.run.label for step in self.steps if (step.method, step.arm) == (method, arm) and step.run]

    def of(self, run: Run, method: str) -> list[Step]:
        """Return the calls of a method that were about a run."""
        return [step for step in self.steps if step.method == method and step.run == run]

    def note(self, arm: str, method: str, run: Run | None = None) -> None:
        """Note a step."""
        step = Step(arm, method, run, self.clock.monotonic())
        self.steps.append(step)
        self.disturb(step)


class FakeArm:
    """One arm of a pair, which checks that it has the machine to itself."""

    def __init__(self, name: str, part: Part, arms: FakeArms) -> None:
        self.name, self._part, self._arms = name, part, arms
        self.is_ready, self.is_at_rest = False, True
        self._warm_for: Run | None = None
        self._run: Run | None = None
        self._folder = part.folder
        self._left_s = 0.0
        self._use = Use()

    def ready(self) -> list[Any]:
        with self._alone("ready", None):
            self.is_ready = True
        return list(self._part.recipe.example)

    def warm(self, run: Run) -> float:
        assert self.is_ready, "the arm is not ready"
        with self._alone("warm", run):
            self._arms.clock.sleep(1)
        self._warm_for = run
        return self._arms.guess_s.get(self.name, self._arms.work_s[self.name])

    def begin(self, run: Run, folder: Path) -> None:
        assert self._warm_for == run, "the arm was not warmed for this run"
        assert list(folder.iterdir()) == [], "something of an earlier attempt is left"
        self._arms.note(self.name, "begin", run)
        self._run, self._folder, self._warm_for = run, folder, None
        self._left_s, self._use = self._arms.work_s[self.name], Use()

    def advance(self, until_s: float) -> bool:
        assert self._left_s > 0, "the run has ended already"
        begin_s = self._arms.clock.now_s
        assert until_s > begin_s, "it is given no time"
        with self._alone("advance", self._run):
            worked_s = min(self._left_s, until_s - begin_s)
            self._arms.clock.sleep(worked_s)
        self._left_s = 0.0 if self._left_s - worked_s < 1e-9 else self._left_s - worked_s
        end_s = self._arms.clock.now_s
        if self._use.slices:
            self._use.rested_s += begin_s - self._use.slices[-1].end_ns / 1e9
        self._use.slices.append(Slice(round(begin_s * 1e9), round(end_s * 1e9)))
        return self._left_s == 0

    def expected_s(self) -> float | None:
        return self._arms.work_s[self.name] if self.name == layout.SERVED else None

    def finish(self) -> Timed:
        assert self._left_s == 0, "the run has not ended"
        assert self._run is not None, "no run was begun"
        run, self._run = self._run, None
        self._use.idle_cpu_s = self._arms.idle_cpu_s.get(self.name, 0.0)
        total_s = self._arms.total_s.get((run.label, self.name), TOTAL_S[self.name])
        if self.name == layout.BASELINE:
            write_baseline(self._folder, run, 1, total_s)
        elif run.kind is Kind.SAME:
            write_baseline(self._folder, run, 2, total_s)
        else:
            write_load(self._folder, run, total_s)
        self._arms.note(self.name, "finish", run)
        verdict = self._arms.verdicts.get((run.label, self.name), VALID)
        return Timed(total_s, verdict, self._use, {}, {f"{self.name}_memory_mib": 128.0})

    @contextmanager
    def _alone(self, method: str, run: Run | None) -> Iterator[None]:
        """Note a step in which the arm runs; every other one has to be stopped meanwhile."""
        assert all(each.is_at_rest for each in self._arms.current.values()), "the other arm is not at rest"
        self.is_at_rest = False
        try:
            self._arms.note(self.name, method, run)
            yield
        finally:
            self.is_at_rest = True
