"""Runs an experiment: what is done already is kept, the rest is done, what fails is reported and does not stop it.

Owns the course of an experiment. Its results folder is ``bench.folder``'s, the arms are ``bench.direct``'s and
``bench.served``'s.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import systems
from bench import direct, manifest, plan, served
from bench.direct import ArmFailed, DirectArm, direct_arm
from bench.experiment import Experiment
from bench.folder import claimed
from bench.plan import BaselineRun, Instrument, Part, ServedRun
from bench.processes import free_port
from bench.progress import Display, Step
from bench.server import Server, ServerFailed, serving
from contract import answers, results
from contract.recipe import Recipe
from contract.verdicts import IDLE_CPU_MAX, VALID, Verdict

# A server that answers may still be starting more processes: it is loaded, or paused, when it has come down to this.
STARTED_CPU = 0.3
STARTED_WINDOW_S = 0.5
STARTED_LIMIT_S = 15
# An idle server is no idle process: fastDeploy looks for requests, at first with an eighth of a core. So
# a server is paused while the direct arm is timed. It must not take that for a worker that hangs, or a late request.
SERVER_TIMEOUT_S = 24 * 3600
CPU_RESOLUTION_S = 0.05  # of a process's CPU time as the kernel tells it, some ticks of 10 ms
# More sizes of calls than these are not timed one by one, but at powers of two, and interpolated.
SIZES_TIMED = 8
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

    def note(self, step: Step, verdict: Verdict, total_s: float = 0) -> None:
        """Show how a run has ended, and remember it if it gave no number."""
        if verdict.is_valid:
            self.display.finish(step, f"{total_s:.3f} s for {step.examples} examples")
        else:
            self.failures.append(f"{step.label}: {verdict}")
            self.display.finish(step, str(verdict))


def run(experiment: Experiment, recipes: list[Recipe], out: Path, allowed: Sequence[str] = ()) -> list[str]:
    """Do all runs of an experiment that its results folder does not hold yet. Returns the failures, a line each.

    Raises ResultsFolderError if ``out`` holds the results of something else, another bench is writing to it, or what it
    holds was made under conditions that differ now in more than the ``allowed`` fields.
    """
    conditions = [manifest.conditions(recipe, experiment.environment) for recipe in recipes]
    with claimed(out, experiment, conditions, allowed):
        planned = plan.parts(experiment, recipes, out)
        plan.write(planned, out)
        units = list(_units(experiment, planned, out))
        steps = [step for unit in units for step in steps_of(unit)]
        with Display(steps) as display:
            if not steps:
                display.say(f"every run is in {out} already; to measure anew, remove it or choose another with --out")
            course = Course(experiment, out, display)
            for unit in units:
                if not any(steps_of(unit)):
                    continue
                if isinstance(unit, Part):
                    make_part(course, unit)
                else:
                    make_instrument(course, unit)
    return course.failures


def _units(experiment: Experiment, planned: list[Part], out: Path) -> Iterator[Part | Instrument]:
    """Yield the parts, and after the first of each recipe the instrument's own runs with its payloads."""
    seen: set[str] = set()
    for part in planned:
        yield part
        if part.recipe.name not in seen:
            seen.add(part.recipe.name)
            yield plan.instrument(experiment, part, out)


def missing(part: Part) -> list[BaselineRun | ServedRun]:
    """Return the runs that are still to be made, in their order."""
    done = {int(row["batch_size"]) for row in direct.rows(part.baseline_csv)}
    return [
        run
        for run in part.runs
        if (run.batch_size not in done if isinstance(run, BaselineRun) else not served.is_whole(run))
    ]


def steps_of(unit: Part | Instrument) -> Iterator[Step]:
    """Yield what is still to be made of a part or of the instrument's runs, as the display knows it."""
    if isinstance(unit, Instrument):
        yield from (instrument_step(unit, run) for run in unit.runs if not served.is_whole(run))
        return
    waiting = missing(unit)
    yield from (step_of(unit, run) for run in waiting)
    if waiting or untimed_calls(unit):
        yield calls_step(unit)


def step_of(part: Part, run: BaselineRun | ServedRun) -> Step:
    """Return a run as the display knows it."""
    arm = "baseline" if isinstance(run, BaselineRun) else part.system
    users = "" if isinstance(run, BaselineRun) else f" × {run.concurrency} users"
    label = f"round {part.round}, {part.recipe.name} {arm}, batch size {run.batch_size}{users}"
    return Step(label, f"{part.recipe.name} {arm}", part.examples)


def calls_step(part: Part) -> Step:
    """Return the timing of separate direct calls as the display knows it."""
    label = f"round {part.round}, {part.recipe.name} baseline, separate calls as {part.system} made them"
    return Step(label, f"{part.recipe.name} calls", part.examples)


def instrument_step(unit: Instrument, run: ServedRun) -> Step:
    """Return a run on the null system as the display knows it."""
    label = f"instrument, {unit.recipe.name} null system, batch size {run.batch_size} × {run.concurrency} users"
    return Step(label, f"{unit.recipe.name} null", run.examples)


def make_part(course: Course, part: Part) -> None:
    """Make what is missing of a part, with a fresh baseline process and server, one idle while the other runs."""
    part.folder.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {"arm": "baseline", "round": part.round, "system": part.system}
    manifest.write(part.folder, part.recipe, course.experiment.environment, **about)
    waiting = missing(part)
    course.display.begin(f"round {part.round}, {part.recipe.name}, starting the predictor and {part.system}")
    with ExitStack() as stack:
        arm: DirectArm | ArmFailed
        try:
            arm = stack.enter_context(
                direct_arm(part.recipe, part.folder, part.examples, course.experiment.environment, course.display.tick)
            )
        except ArmFailed as error:
            arm = error
        with Servers(course, part) as servers:
            for run in waiting:
                course.display.begin(step_of(part, run).label)
                if isinstance(run, BaselineRun):
                    baseline_run(course, part, run, arm, servers)
                else:
                    served_run(course, part, run, servers)
            separate_calls(course, part, arm, servers)


class Servers:
    """The server of a part: started when it is first asked for, and anew after a run that broke a rule."""

    def __init__(self, course: Course, part: Part) -> None:
        self._course, self._part = course, part
        self._stack = ExitStack()
        self._server: Server | None = None
        self._failure: ServerFailed | None = None

    def __enter__(self) -> "Servers":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def get(self) -> Server:
        """Return the server that answers. Raises ServerFailed; once it could not be started, it is not tried again."""
        if self._failure:
            raise self._failure
        if self._server is None:
            try:
                self._server = self._start()
                self._come_up(self._server)
            except ServerFailed as error:
                self._failure = error
                raise
        return self._server

    def stop(self) -> None:
        """End the server, if there is one."""
        self._server = None
        self._stack.close()

    def _start(self) -> Server:
        part, experiment = self._part, self._course.experiment
        if not part.expected_json.exists():
            raise ServerFailed("the baseline gave no answers that could be expected of one")
        return self._stack.enter_context(
            serving(
                part.recipe,
                systems.load(part.system),
                answers.read(part.expected_json),
                free_port(),
                max(SERVER_TIMEOUT_S, experiment.timeout_s_of(part.recipe.name)),
                experiment.environment,
                part.folder,
                self._course.display.tick,
            )
        )

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Start the server if need be, and have it use nothing while the ``with`` block lasts."""
        with ExitStack() as stack:
            with suppress(ServerFailed):  # whoever wants to load it is told
                stack.enter_context(self.get().paused())
            yield

    def _come_up(self, server: Server) -> None:
        deadline, used_s = time.monotonic() + STARTED_LIMIT_S, float("inf")
        while used_s > STARTED_CPU * STARTED_WINDOW_S and time.monotonic() < deadline:
            before_s = server.cpu_s()
            time.sleep(STARTED_WINDOW_S)
            self._course.display.tick()
            used_s = server.cpu_s() - before_s

    def cpu_s(self) -> float:
        """Return the CPU seconds that the server has used; 0 without one."""
        return self._server.cpu_s() if self._server else 0.0


def baseline_run(course: Course, part: Part, run: BaselineRun, arm: DirectArm | ArmFailed, servers: Servers) -> None:
    """Time the direct arm at one batch size, while the server is idle."""
    step, total_s = step_of(part, run), 0.0
    failure = part.folder / results.BASELINE_FAILURE_JSON.format(run.batch_size)
    failure.unlink(missing_ok=True)
    try:
        if isinstance(arm, ArmFailed):
            raise arm
        with servers.paused():
            before_s, began_s = servers.cpu_s(), time.monotonic()
            total_s = arm.total_s(run.batch_size)
            elapsed_s, used_s = time.monotonic() - began_s, servers.cpu_s() - before_s
        verdict = of_idleness(used_s, elapsed_s)
        if verdict.is_valid:
            row = part.recipe.name, run.batch_size, 1, part.examples, repr(total_s)
            idle = run.batch_size, repr(elapsed_s), repr(used_s)
            direct.append(part.folder / results.IDLE_CSV, results.IDLE_COLUMNS, [idle])
            direct.append(part.baseline_csv, results.BASELINE_COLUMNS, [row])
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


def served_run(course: Course, part: Part, run: ServedRun, servers: Servers) -> None:
    """Make one served run; a server under which a rule was broken serves no other."""
    step, total_s = step_of(part, run), 0.0
    if run.folder.exists():
        served.set_aside(run)  # it is not whole
    conditions = served.Conditions(
        recipe=part.recipe,
        environment=course.experiment.environment,
        timeout_s=course.experiment.timeout_s_of(part.recipe.name),
        expected_json=part.expected_json,
        about={"round": part.round, "system": part.system},
    )
    try:
        verdict, total_s = served.make(run, servers.get(), conditions, course.display.tick)
        if not verdict.is_lasting:
            servers.stop()
    except ServerFailed as error:
        verdict = Verdict("server", served.one_line(error))
        served.keep_failure(run, verdict)
    course.note(step, verdict, total_s)


def separate_calls(course: Course, part: Part, arm: DirectArm | ArmFailed, servers: Servers) -> None:
    """Time separate direct calls of the sizes that the server called the predictor with."""
    step, began_s = calls_step(part), time.monotonic()
    course.display.begin(step.label)
    try:
        for batch_size, sizes in untimed_calls(part).items():
            if isinstance(arm, ArmFailed):
                raise arm
            with servers.paused():
                rows = [(part.recipe.name, size, batch_size, repr(s)) for size, s in arm.calls_s(batch_size, sizes)]
            direct.append(part.direct_calls_csv, results.DIRECT_CALLS_COLUMNS, rows)
    except ArmFailed as error:
        course.note(step, error.verdict)
        return
    course.display.finish(step, f"{time.monotonic() - began_s:.1f} s")


def untimed_calls(part: Part) -> dict[int, list[int]]:
    """Return the sizes of calls, by the batch size that was given, whose direct cost is still to be timed."""
    made: dict[int, set[int]] = {}
    for run in part.served:
        for row in direct.rows(run.folder / results.CALLS_CSV):
            made.setdefault(int(row["batch_size"]), set()).add(int(row["inputs"]))
    timed = {(int(row["batch_size"]), int(row["inputs"])) for row in direct.rows(part.direct_calls_csv)}
    untimed = {
        batch_size: [size for size in grid(sizes) if (batch_size, size) not in timed]
        for batch_size, sizes in made.items()
    }
    return {batch_size: sizes for batch_size, sizes in untimed.items() if sizes}


def grid(sizes: Collection[int]) -> list[int]:
    """Return the sizes to time: all if they are few, else the least, the most, and the powers of two between."""
    if len(sizes) <= SIZES_TIMED:
        return sorted(sizes)
    least, most = min(sizes), max(sizes)
    return sorted({least, most, *(2**n for n in range(most.bit_length()) if least < 2**n < most)})


def make_instrument(course: Course, unit: Instrument) -> None:
    """Make what is missing of the runs on the null system."""
    waiting = [run for run in unit.runs if not served.is_whole(run)]
    if not unit.expected_json.exists():
        for run in waiting:
            course.note(instrument_step(unit, run), Verdict("baseline", "it gave no answers that could be expected"))
        return
    unit.folder.mkdir(parents=True, exist_ok=True)
    conditions = served.Conditions(
        recipe=unit.recipe,
        environment=course.experiment.environment,
        timeout_s=course.experiment.timeout_s_of(unit.recipe.name),
        expected_json=unit.expected_json,
        about={"round": 0, "system": results.NULL_SYSTEM},
        tolerated=TOLERATED,
    )
    try:
        with serving(
            unit.recipe,
            systems.load(results.NULL_SYSTEM),
            answers.read(unit.expected_json),
            free_port(),
            conditions.timeout_s,
            course.experiment.environment,
            unit.folder,
            course.display.tick,
        ) as server:
            for run in waiting:
                step = instrument_step(unit, run)
                course.display.begin(step.label)
                if run.folder.exists():
                    served.set_aside(run)
                course.note(step, *served.make(run, server, conditions, course.display.tick))
    except ServerFailed as error:
        course.failures.append(f"instrument, {unit.recipe.name}: {Verdict('server', served.one_line(error))}")
