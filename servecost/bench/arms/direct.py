"""The direct arm: one baseline process, which works on what it is asked for, when it is asked.

Owns the conversation with that process, over its standard input and the CSV files that it appends to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from servecost.bench.arms.protocol import ArmFailed, Timed
from servecost.bench.arms.records import keep_cold
from servecost.bench.conditions import Subject
from servecost.bench.processes.pauses import Pauses
from servecost.bench.processes.process import Command, Process, running
from servecost.bench.processes.tree import Tree
from servecost.bench.processes.watch import Watch
from servecost.bench.runs import UNFINISHED_SUFFIX, Part, Run, large
from servecost.bench.scripts import baseline_command
from servecost.core import answers, csv_files, layout, stops
from servecost.core.serving import START_LIMIT_S
from servecost.core.verdicts import VALID, Verdict
from servecost.core.warming import LONGER_S, Cold

POLL_S = 0.02
# A run that takes this much longer per example than calls before and after it, and LONGER_S in all, has met something
# that those had not. On a shared machine the same work takes half as long again at times.
LONGER_THAN_WARM = 2.0
# Where calls before it had not become steady, those after it alone tell, and less has to be met to call it cold.
LONGER_THAN_LATER = 1.25
# Of separate calls, the part of the run's own seconds that they may take; or so many seconds, if that is more.
CALLS_PART, CALLS_LEAST_S = 0.15, 1.0


class Files:
    """The files through which a baseline process and its arm meet."""

    def __init__(self, part: Part, name: str) -> None:
        """``name``: of the arm; two of them may share a folder."""
        self.expected = part.expected_json if name == layout.BASELINE else part.folder / f"{name}-expected.json"
        self.runs, self.calls, self.cold, self.stops = (
            part.folder / f"{name}-{file}{UNFINISHED_SUFFIX}"
            for file in (layout.RUNS_CSV, layout.DIRECT_CALLS_CSV, layout.COLD_CSV, "stops.csv")
        )

    def remove(self) -> None:
        """Remove them all but the answers."""
        for path in (self.runs, self.calls, self.cold, self.stops):
            path.unlink(missing_ok=True)


class _Warm(NamedTuple):
    """What a call takes once it is steady.

    Attributes:
        steady_s: the seconds of a call with one batch.
        further_s: those of each further example in a call of several.
        is_steady: whether calls have become steady; else they were given up, and the run may be cold.
    """

    steady_s: float
    further_s: float
    is_steady: bool

    def expected_s(self, run: Run) -> float:
        """Return how long a run should take."""
        return self.steady_s + max(0, run.examples - run.batch_size) * self.further_s


class DirectArm:
    """A baseline process, stopped except while it loads its model or work of it is due."""

    def __init__(self, name: str, start: Callable[[], Process], part: Part, tick: Callable[[], None]) -> None:
        """``name``: of the arm; ``start``: returns a baseline process that waits for requests on its standard input.

        It is not started before the arm is asked to be ready: two models that load at a time take much longer.
        """
        self._name, self._start, self._part, self._tick = name, start, part, tick
        self._files = Files(part, name)
        self._started: Process | None = None
        self._trees: list[Tree] = []
        self._pauses = Pauses(lambda: self._trees, self._files.stops)
        self.start_s = 0.0
        self._warmed: dict[int, _Warm] = {}
        self._large = 0
        self._stopped_for = VALID

    def ready(self) -> list[Any]:
        """Return its answers to the example, once it has loaded its model and met the largest batch but large ones."""
        if self._started is None:
            self._load()
            try:
                if (first := self._part.first_batch_size) is not None:
                    self._warm(first)
            except ArmFailed:  # the runs of that size will say so
                self._load()
        elif self._started.exit_code is not None:  # an earlier run has ended it
            self._load()
        return answers.read(self._files.expected)

    def warm(self, run: Run) -> float:
        """Call the predictor with one batch of the run until that is steady; return how long the run should take.

        In a new process, if this one has been for runs of another large size, or small ones.
        """
        if large(run.batch_size) != self._large:
            if self._warmed:
                self._load()
            self._large = large(run.batch_size)
        return self._warm(run.batch_size).expected_s(run)

    def begin(self, run: Run, folder: Path) -> None:
        """Ask for a run; the process finds the request when it is continued."""
        self._run, self._folder = run, folder
        self._pauses.begin()
        self._size_before = size_of(self._files.runs)
        self._process.write_line(f"run {run.batch_size} {run.examples}")

    def advance(self, until_s: float) -> bool:
        """Let the process run until then, or until its run is over."""
        with self._pauses.running():
            return self._wait(lambda: size_of(self._files.runs) > self._size_before, until_s)

    def expected_s(self) -> float | None:
        """Return None: a run is one call, and nobody sees into it."""
        return None

    def finish(self) -> Timed:
        """Return the run's seconds; its row is in the folder's file."""
        row = csv_files.rows(self._files.runs)[-1]
        total_s = float(row["total_s"])
        number = 1 if self._name == layout.BASELINE else 2
        values = self._part.recipe.name, self._run.batch_size, number, self._run.examples, row["total_s"]
        csv_files.append(self._folder / layout.BASELINE_CSV, layout.BASELINE_COLUMNS, [values])
        use = self._pauses.begin()
        resources = {
            f"{self._name}_cpu_s": use.cpu_s,
            f"{self._name}_memory_mib": self._trees[0].memory_mib(),
            f"{self._name}_start_s": self.start_s,
        }
        return Timed(total_s, VALID, use, {}, resources, int(row["begin_ns"]), int(row["end_ns"]))

    def time_calls(self, sizes: Sequence[tuple[int, int]], total_s: float) -> list[dict[str, str]]:
        """Return rows of separate calls of these numbers of inputs and batch sizes, each beside a reference call.

        ``total_s``: what the run took, of which they take a part. Raises ArmFailed.
        """
        before = len(csv_files.rows(self._files.calls))
        words = " ".join(f"{inputs}:{batch_size}" for inputs, batch_size in sizes)
        limit_s = max(CALLS_LEAST_S, CALLS_PART * total_s)
        self._process.write_line(f"calls {self._run.batch_size} {self._run.examples} {limit_s:.3f} {words}")

        def is_over() -> bool:
            return any(row["inputs"] == "0" for row in csv_files.rows(self._files.calls)[before:])

        with self._pauses.running():
            self._expect(is_over, "separate calls", limit_s)
        return [row for row in csv_files.rows(self._files.calls)[before:] if row["inputs"] != "0"]

    @property
    def _process(self) -> Process:
        if self._started is None:
            raise RuntimeError("the arm is not ready")
        return self._started

    def _load(self) -> None:
        """Start a process in place of the last one; wait until it has loaded its model, and answered the example."""
        if self._started is not None:
            self._started.end()
        self._files.expected.unlink(missing_ok=True)
        self._stopped_for, began_s = VALID, time.monotonic()
        self._warmed.clear()
        self._pauses = Pauses(lambda: self._trees, self._files.stops)
        self._started = self._start()
        self._trees = [Tree([self._started])]
        self._expect(self._files.expected.exists, "loading the model and answering the example")
        self.start_s = time.monotonic() - began_s
        self._pauses.suspend()

    def _warm(self, batch_size: int) -> _Warm:
        before = len(csv_files.rows(self._files.cold))
        self._process.write_line(f"warm {batch_size}")
        with self._pauses.running():
            warmed = f"calls of {batch_size}, untimed until they are steady,"
            self._expect(lambda: len(csv_files.rows(self._files.cold)) > before, warmed)
        row = csv_files.rows(self._files.cold)[before]
        cold = Cold(float(row["first_s"]), float(row["steady_s"]), int(row["calls"]), row["is_steady"] == "1")
        if batch_size not in self._warmed:
            keep_cold(self._part, self._name, batch_size, cold)
        self._warmed[batch_size] = _Warm(cold.steady_s, float(row["further_s"]), cold.is_steady)
        return self._warmed[batch_size]

    def check_warm(self, total_s: float, calls: Sequence[Mapping[str, str]]) -> Verdict:
        """Return whether a run went on as the calls right before it, or the reference calls after it.

        The run is one call, so no block of it can be seen; both have to be much quicker before it counts as cold. Where
        the warm-up was given up before it was steady, those after it have to be a little quicker.
        """
        warm = self._warmed[self._run.batch_size]
        inputs = sum(float(row["reference_inputs"]) for row in calls)
        after_s = sum(float(row["reference_s"]) for row in calls) / inputs if inputs else float("inf")
        later_s = after_s * self._run.examples
        if warm.is_steady:
            expected_s, factor = max(warm.expected_s(self._run), later_s), LONGER_THAN_WARM
        else:
            expected_s, factor = later_s, LONGER_THAN_LATER
        if total_s <= factor * expected_s or total_s - expected_s <= LONGER_S:
            return VALID
        beside = "before and after it" if warm.is_steady else "after it"
        given_up = "" if warm.is_steady else ", and its warm-up was given up before it was steady"
        took = f"the baseline took {total_s:.3g} s where calls {beside} took {expected_s:.3g} s in proportion"
        return Verdict("warm", took + given_up)

    def _expect(self, is_reached: Callable[[], bool], what: str, planned_s: float = 0.0) -> None:
        """Wait until that is so. Raises ArmFailed, and ends the process, if it is not in time.

        ``planned_s``: how long it is to take.
        """
        limit_s = START_LIMIT_S + planned_s
        if not self._wait(is_reached, time.monotonic() + limit_s):
            self._process.end()
            raise ArmFailed(Verdict("baseline", f"{what} took longer than {limit_s:g} s (log: {self._process.log})"))

    def _wait(self, is_reached: Callable[[], bool], until_s: float) -> bool:
        """Return whether that is so by then. Raises ArmFailed if the process ends before, or memory runs out."""
        watch = Watch(self._part.folder)
        while not is_reached():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return False
            self._tick()
            exit_code = self._process.wait(min(POLL_S, left_s))
            if not self._stopped_for.is_valid:
                raise ArmFailed(self._stopped_for)
            if exit_code is not None and not is_reached():
                raise ArmFailed(Verdict("baseline", self._process.explain_end()))
            if not (verdict := watch.look()).is_valid:
                self._stopped_for = verdict
                self._process.end()
        return True


def size_of(path: Path) -> int:
    """Return the bytes of a file, 0 without one: to ask that takes the arm that is timed next to nothing."""
    return path.stat().st_size if path.exists() else 0


@contextmanager
def direct_arm(name: str, part: Part, subject: Subject, tick: Callable[[], None]) -> Iterator[DirectArm]:
    """Have an arm, and its baseline process once it is asked to be ready, for as long as the ``with`` block lasts."""
    files = Files(part, name)
    files.remove()
    words = [*baseline_command(subject.recipe, subject.python, files.expected), "--on-request"]
    words += ["--warm-seconds", str(subject.warm_s)]
    words += ["--runs-csv", str(files.runs), "--calls-csv", str(files.calls), "--cold-csv", str(files.cold)]
    variables = {**subject.environment, stops.VARIABLE: str(files.stops)}
    with ExitStack() as stack:

        def start() -> Process:
            copies = TemporaryDirectory(prefix="direct-", ignore_cleanup_errors=True)
            options = ["--copy-to", stack.enter_context(copies)]
            command = Command("baseline", [*words, *options], part.folder / f"{name}.log", variables, reads_input=True)
            return stack.enter_context(running(command))

        yield DirectArm(name, start, part, tick)
    files.remove()
