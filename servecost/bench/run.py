"""Runs an experiment: what is done already is kept, the rest is done, what fails is reported and does not stop it.

Owns the course of an experiment. What is to be made is told by ``bench.steps``; the arms are ``bench.direct``'s and
``bench.served``'s.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servecost.bench import conditions as manifest
from servecost.bench import plan
from servecost.bench.arms import direct, served
from servecost.bench.arms.direct import ArmFailed, DirectArm, direct_arm
from servecost.bench.arms.server import Server, ServerFailed, serving
from servecost.bench.arms.server_on_demand import Servers
from servecost.bench.experiment import Experiment
from servecost.bench.plan import BaselineRun, Instrument, Part, ServedRun
from servecost.bench.processes.process import free_port
from servecost.bench.progress import Display, Step
from servecost.bench.steps import Waiting, calls_step, step_of, waiting
from servecost.bench.store import claimed
from servecost.core import answers, csv_files, layout, systems
from servecost.core.recipe import Recipe
from servecost.core.verdicts import IDLE_CPU_MAX, VALID, Verdict

# An idle server is no idle process: fastDeploy looks for requests, at first with an eighth of a core. So
# a server is paused while the direct arm is timed. It must not take that for a worker that hangs, or a late request.
SERVER_TIMEOUT_S = 24 * 3600
CPU_RESOLUTION_S = 0.05  # of a process's CPU time as the kernel tells it, some ticks of 10 ms
# On the null system the client shall come to its limit, and small cells have few requests: both are its purpose.
TOLERATED = ("client-cpu", "concurrency")


@dataclass
class Course:
    """An experiment under way.

    Attributes:
        experiment: what is run.
        out: its results folder.
        display: where its progress is shown.
        failures: the runs that gave no number, each with its verdict.
    """

    experiment: Experiment
    out: Path
    display: Display
    failures: list[str] = field(default_factory=list)
    _noted_s: float = field(default_factory=time.monotonic)

    def note(self, step: Step, verdict: Verdict, total_s: float = 0) -> None:
        """Show how a run has ended, and remember it if it gave no number."""
        if verdict.is_valid:
            self.display.finish(step, f"{total_s:.3f} s for {step.examples} examples")
        else:
            self.failures.append(f"{step.label}: {verdict}")
            self.display.finish(step, str(verdict))
        self.spent(step.label, total_s)

    def spent(self, what: str, timed_s: float = 0) -> None:
        """Write how much time has gone by since the step before, and how much of it was on a clock."""
        now_s = time.monotonic()
        row = what, repr(now_s - self._noted_s), repr(timed_s)
        csv_files.append(self.out / layout.WALL_CSV, layout.WALL_COLUMNS, [row])
        self._noted_s = now_s


def run(experiment: Experiment, recipes: list[Recipe], out: Path, allowed: Sequence[str] = ()) -> list[str]:
    """Do all runs of an experiment that its results folder does not hold yet. Returns the failures, a line each.

    Raises ResultsFolderError if ``out`` holds the results of something else, another bench is writing to it, or what it
    holds was made under conditions that differ now in more than the ``allowed`` fields.
    """
    conditions = [manifest.conditions(recipe, experiment.variables()) for recipe in recipes]
    with claimed(out, experiment, conditions, allowed):
        planned = plan.parts(experiment, recipes, out)
        plan.write(planned, out)
        to_make = waiting(experiment, planned, out)
        with Display([step for each in to_make for step in each.steps]) as display:
            if not to_make:
                display.say(f"every run is in {out} already; to measure anew, remove it or choose another with --out")
            course = Course(experiment, out, display)
            for each in to_make:
                if isinstance(each.unit, Part):
                    make_part(course, each.unit, each)
                else:
                    make_instrument(course, each.unit, each)
                course.spent("ending a server and a baseline process")
    return course.failures


def make_part(course: Course, part: Part, to_make: Waiting) -> None:
    """Make what is missing of a part, with a fresh baseline process and server, one idle while the other runs."""
    experiment, display = course.experiment, course.display
    part.folder.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {"arm": "baseline", "round": part.round, "system": part.system}
    manifest.write(part.folder, part.recipe, experiment.variables(), **about)
    display.begin(f"round {part.round}, {part.recipe.name}, starting the predictor and {part.system}")
    conditions = conditions_of(course, part, about={"round": part.round, "system": part.system})

    with direct_arm(part.recipe, part.folder, part.examples, experiment.variables(), display.tick) as arm:

        def expected() -> list[Any]:
            try:
                return arm.answers()
            except ArmFailed as error:
                raise ServerFailed("the baseline gave no answers that could be expected of one") from error

        def start() -> AbstractContextManager[Server]:
            return server_of(course, part, part.system, expected, max(SERVER_TIMEOUT_S, conditions.timeout_s))

        with Servers(start, display.tick) as servers:
            for run in to_make.runs:
                display.begin(step_of(part, run).label)
                if isinstance(run, BaselineRun):
                    baseline_run(course, part, run, arm, servers)
                else:
                    served_run(course, step_of(part, run), run, conditions, servers)
            separate_calls(course, part, arm, servers)


def make_instrument(course: Course, unit: Instrument, to_make: Waiting) -> None:
    """Make what is missing of the runs on the null system."""
    served_runs = [run for run in to_make.runs if isinstance(run, ServedRun)]
    if not unit.expected_json.exists():
        for run in served_runs:
            course.note(step_of(unit, run), Verdict("baseline", "it gave no answers that could be expected"))
        return
    unit.folder.mkdir(parents=True, exist_ok=True)
    conditions = conditions_of(course, unit, about={"round": 0, "system": layout.NULL_SYSTEM}, tolerated=TOLERATED)

    def start() -> AbstractContextManager[Server]:
        expected = answers.read(unit.expected_json)
        return server_of(course, unit, layout.NULL_SYSTEM, lambda: expected, conditions.timeout_s)

    with Servers(start, course.display.tick) as servers:
        for run in served_runs:
            course.display.begin(step_of(unit, run).label)
            served_run(course, step_of(unit, run), run, conditions, servers)


def conditions_of(
    course: Course, unit: Part | Instrument, about: dict[str, Any], tolerated: Sequence[str] = ()
) -> served.Conditions:
    """Return what the served runs of a unit have in common."""
    experiment, recipe = course.experiment, unit.recipe
    timeout_s = experiment.timeout_s_of(recipe.name)
    return served.Conditions(recipe, experiment.variables(), timeout_s, unit.expected_json, about, tolerated)


def server_of(
    course: Course, unit: Part | Instrument, system: str, expected: Callable[[], list[Any]], request_timeout_s: int
) -> AbstractContextManager[Server]:
    """Return a server of a unit's recipe, not started yet."""
    return serving(
        unit.recipe,
        systems.load(system),
        expected,
        free_port(),
        request_timeout_s,
        course.experiment.variables(),
        unit.folder,
        course.display.tick,
    )


def baseline_run(course: Course, part: Part, run: BaselineRun, arm: DirectArm, servers: Servers) -> None:
    """Time the direct arm at one batch size, while the server is idle."""
    step, total_s = step_of(part, run), 0.0
    failure = part.folder / layout.BASELINE_FAILURE_JSON.format(run.batch_size)
    failure.unlink(missing_ok=True)
    try:
        with servers.paused():
            arm.answers()  # it is ready
            before_s, began_s = servers.cpu_s(), time.monotonic()
            total_s = arm.total_s(run.batch_size)
            elapsed_s, used_s = time.monotonic() - began_s, servers.cpu_s() - before_s
        verdict = of_idleness(used_s, elapsed_s)
        if verdict.is_valid:
            row = part.recipe.name, run.batch_size, 1, part.examples, repr(total_s)
            idle = run.batch_size, repr(elapsed_s), repr(used_s)
            csv_files.append(part.folder / layout.IDLE_CSV, layout.IDLE_COLUMNS, [idle])
            csv_files.append(part.baseline_csv, layout.BASELINE_COLUMNS, [row])
    except ArmFailed as error:
        verdict = error.verdict
    if not verdict.is_valid:
        served.write_failure(failure, verdict)
    course.note(step, verdict, total_s)


def of_idleness(used_s: float, elapsed_s: float) -> Verdict:
    """Return whether a server left the machine to the direct arm."""
    if used_s <= IDLE_CPU_MAX * elapsed_s + CPU_RESOLUTION_S:
        return VALID
    used = f"the server used {used_s / elapsed_s:.0%} of a core"
    return Verdict("server-not-idle", f"{used} while the direct arm was timed")


def served_run(course: Course, step: Step, run: ServedRun, conditions: served.Conditions, servers: Servers) -> None:
    """Make one served run; a server under which a rule was broken serves no other."""
    total_s = 0.0
    if run.folder.exists():
        served.set_aside(run)  # it is not whole
    try:
        verdict, total_s = served.make(run, servers.get(), conditions, course.display.tick)
        if not verdict.is_lasting:
            servers.stop()
    except ServerFailed as error:
        verdict = Verdict("server", served.one_line(error))
        served.keep_failure(run, verdict)
    course.note(step, verdict, total_s)


def separate_calls(course: Course, part: Part, arm: DirectArm, servers: Servers) -> None:
    """Time separate direct calls of the sizes that the server called the predictor with."""
    step, timed_s = calls_step(part), 0.0
    course.display.begin(step.label)
    try:
        for batch_size, sizes in direct.untimed_calls(part).items():
            with servers.paused():
                rows = [(part.recipe.name, size, batch_size, repr(s)) for size, s in arm.calls_s(batch_size, sizes)]
            csv_files.append(part.direct_calls_csv, layout.DIRECT_CALLS_COLUMNS, rows)
            timed_s += sum(float(call_s) for *_, call_s in rows)
    except ArmFailed as error:
        course.note(step, error.verdict)
        return
    course.display.finish(step, f"{timed_s:.1f} s")
    course.spent(step.label, timed_s)
