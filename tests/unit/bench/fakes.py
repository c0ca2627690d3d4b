"""What stands for interpreters and for the two arms where a test starts no process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servecost.bench import plan, store
from servecost.bench.arms.pair import Arms
from servecost.bench.arms.protocol import DirectCall, Timed
from servecost.bench.experiment import Experiment
from servecost.bench.runs import Kind, Part, Run
from servecost.core import call_log, csv_files, layout, manifest, recipe, systems
from servecost.core.verdicts import VALID, Verdict

VERSIONS = {"python": "3.11.7", "fastdeploy": "3.1.1", "locust": "2.47.0", "torch": "2.13.0", "keras": "2.2.4"}


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
    return Experiment(**{"recipes": ["echo"], "systems": [systems.default()], **cells, **changes})


def planned(out: Path, **changes: Any) -> list[Part]:
    """Return the parts of such an experiment."""
    chosen = experiment(**changes)
    return plan.parts(chosen, [recipe.load(name) for name in chosen.recipes], out)


def calls_log(run: Run) -> list[tuple[int, int, int, int]]:
    """Return the predictor's calls in a run if a server merges no requests."""
    starts = range(0, run.examples, run.batch_size)
    return [(first, first + 1, min(run.batch_size, run.examples - first), run.batch_size) for first in starts]


def write_run(folder: Path, run: Run) -> None:
    """Write the files of a served run."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in layout.REQUIRED_RUN_FILES:
        (folder / name).write_text(run.label)
    csv_files.write_table(folder / layout.CALLS_CSV, call_log.COLUMNS, calls_log(run))
    manifest.write(folder, {"conditions": {}, "label": run.label}, layout.RUN_FILES)


@dataclass
class Step:
    """One call of an arm's method.

    Attributes:
        arm: ``direct`` or ``served``.
        method: the method's name.
        run: the run that is under way; None in ``ready``.
    """

    arm: str
    method: str
    run: Run | None = None


@dataclass
class FakeArms:
    """The arms of an experiment's parts, which take no time and note what is asked of them.

    Attributes:
        steps: the calls, in their order.
        disturb: called with each step; may raise.
        verdicts: of runs that break a rule, by label.
        cpu_s_of_rest: what the arm that rests uses whenever the other advances.
        advances: how often an arm has to advance until a run ends.
    """

    steps: list[Step] = field(default_factory=list)
    disturb: Callable[[Step], None] = lambda step: None
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    cpu_s_of_rest: float = 0.0
    advances: int = 3
    current: list[FakeArm] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @contextmanager
    def __call__(self, part: Part) -> Iterator[Arms]:
        self.parts.append(f"begin {part.folder}")
        served = FakeArm("served", part, self)
        self.current = [served]
        if part.has_direct_arm:
            direct = FakeArm("direct", part, self)
            self.current.append(direct)
        try:
            yield {Kind.SERVED: served, **dict.fromkeys((Kind.BASELINE, Kind.CALLS), self.current[-1])}
        finally:
            self.parts.append(f"end {part.folder}")

    def labels(self, method: str) -> list[str]:
        """Return the labels of the runs for which a method was called, in their order."""
        return [step.run.label for step in self.steps if step.method == method and step.run]

    def note(self, arm: FakeArm, method: str, run: Run | None = None) -> None:
        """Note a step; while a run is under way, its arm has to have the machine to itself."""
        if run:
            assert all(each is arm or each.is_at_rest for each in self.current), "the other arm is not at rest"
        step = Step(arm.name, method, run)
        self.steps.append(step)
        self.disturb(step)


class FakeArm:
    """One of the two arms of a part."""

    def __init__(self, name: str, part: Part, arms: FakeArms) -> None:
        self.name, self._part, self._arms = name, part, arms
        self.is_at_rest = False
        self.used_s = 0.0
        self._run: Run | None = None
        self._left = 0

    def ready(self) -> list[Any]:
        self.is_at_rest = True
        self._arms.note(self, "ready")
        return list(self._part.recipe.example)

    def begin(self, run: Run) -> None:
        assert self.is_at_rest, "the arm is not ready"
        if run.kind is Kind.SERVED:
            store.unfinished_folder(run).mkdir(parents=True)  # nothing of an earlier attempt may be left
        self._arms.note(self, "begin", run)
        self._run, self._left = run, self._arms.advances

    def advance(self, until_s: float) -> bool:
        assert self._left > 0, "the run has ended already"
        self.is_at_rest = False
        try:
            self._arms.note(self, "advance", self._run)
        finally:
            self.is_at_rest = True
        for each in self._arms.current:
            each.used_s += self._arms.cpu_s_of_rest if each is not self else 0.0
        self._left -= 1
        return self._left == 0

    def finish(self) -> Timed:
        assert self._left == 0, "the run has not ended"
        assert self._run is not None, "no run was begun"
        run, self._run = self._run, None
        if run.kind is Kind.SERVED:
            write_run(store.unfinished_folder(run), run)
        self._arms.note(self, "finish", run)
        verdict = self._arms.verdicts.get(run.label, VALID)
        if run.kind is Kind.CALLS:
            wanted = store.untimed_calls(self._part)
            calls = [DirectCall(size, inputs, 0.001) for size, sizes in wanted.items() for inputs in sizes]
            return Timed(0.001 * len(calls), verdict, tuple(calls))
        return Timed(0.5, verdict)

    def cpu_s(self) -> float:
        return self.used_s
