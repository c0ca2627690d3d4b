"""Runs an experiment: what is done already is kept, the rest is done, what fails is reported and does not stop it.

Owns the course of an experiment and its results folder. The arms themselves are in ``bench.arms``.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import systems
from bench import arms, plan
from bench.experiment import Experiment
from bench.plan import Part, ServedRun
from bench.processes import free_port
from bench.progress import Display, Step
from bench.server import ServerFailed, serving
from contract import answers, results
from contract.recipe import Recipe


class ResultsFolderError(ValueError):
    """The results folder cannot be used for this experiment; the message is one line that says why."""


@dataclass
class Course:
    """An experiment under way.

    Attributes:
        experiment: what is run.
        display: where its progress is shown.
        failures: the runs that failed, each with its reason.
    """

    experiment: Experiment
    display: Display
    failures: list[str] = field(default_factory=list)


def run(experiment: Experiment, recipes: list[Recipe], out: Path) -> list[str]:
    """Do all runs of an experiment that its results folder does not hold yet. Returns the failures, a line each.

    Raises ResultsFolderError if ``out`` holds the results of something else, or another bench is writing to it.
    """
    with claimed(out, experiment):
        planned = plan.parts(experiment, recipes, out)
        plan.write(planned, out)
        steps = [step for part in planned for step in steps_of(part)]
        with Display(steps) as display:
            if not steps:
                display.say(f"every run is in {out} already; to measure anew, remove it or choose another with --out")
            course = Course(experiment, display)
            for part in planned:
                part.folder.mkdir(parents=True, exist_ok=True)
                baseline_arm(course, part)
                for system, runs in part.served.items():
                    served_arm(course, part, system, missing_runs(runs))
    return course.failures


@contextmanager
def claimed(out: Path, experiment: Experiment) -> Iterator[None]:
    """Hold a results folder for this process, made if need be, and check that it belongs to this experiment."""
    record = out / results.EXPERIMENT_JSON
    wanted = experiment.model_dump(mode="json")
    if out.exists() and not out.is_dir():
        raise ResultsFolderError(f"{out} is no folder; choose another with --out")
    if out.exists() and not record.exists() and any(out.iterdir()):
        raise ResultsFolderError(f"{out} holds something else than results; choose another folder with --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ".lock").touch()
    except OSError as error:
        raise ResultsFolderError(f"{out} cannot be written to ({error.strerror}); choose another with --out") from error
    with (out / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ResultsFolderError(f"{out} is being written by another bench; wait for it or choose --out") from error
        if record.exists():
            check_same(json.loads(record.read_text()), wanted, out)
        record.write_text(json.dumps(wanted, indent=1) + "\n")
        yield


def check_same(recorded: dict[str, object], wanted: dict[str, object], out: Path) -> None:
    """Raise ResultsFolderError, naming what differs, unless a folder was made by the same experiment."""
    differing = sorted(key for key in recorded.keys() | wanted.keys() if recorded.get(key) != wanted.get(key))
    if differing:
        raise ResultsFolderError(
            f"{out} was made by a different experiment ({', '.join(differing)} differ); choose another with --out"
        )


def missing_batch_sizes(part: Part) -> list[int]:
    """Return the batch sizes whose baseline run is still to be made."""
    done = arms.baseline_totals(part.baseline_csv)
    return [batch_size for batch_size in part.batch_sizes if batch_size not in done]


def missing_runs(runs: list[ServedRun]) -> list[ServedRun]:
    """Return the served runs that are still to be made."""
    return [run for run in runs if not run.folder.exists()]


def steps_of(part: Part) -> Iterator[Step]:
    """Yield the runs of a part that are still to be made, as the display knows them."""
    for batch_size in missing_batch_sizes(part):
        yield baseline_step(part, batch_size)
    for system, runs in part.served.items():
        yield from (served_step(part, system, run) for run in missing_runs(runs))


def baseline_step(part: Part, batch_size: int) -> Step:
    """Return a baseline run as the display knows it."""
    label = f"round {part.round}, {part.recipe.name} baseline, batch size {batch_size}"
    return Step(label, f"{part.recipe.name} baseline", part.examples)


def served_step(part: Part, system: str, run: ServedRun) -> Step:
    """Return a served run as the display knows it."""
    label = f"round {part.round}, {part.recipe.name} {system}, batch size {run.batch_size} × {run.concurrency} users"
    return Step(label, f"{part.recipe.name} {system}", run.examples)


def baseline_arm(course: Course, part: Part) -> None:
    """Make the baseline runs of a part that are missing."""
    waiting = missing_batch_sizes(part)
    if not waiting:
        return
    course.display.begin(f"round {part.round}, {part.recipe.name} baseline")
    try:
        for batch_size, total_s in arms.run_baseline(course.experiment, part, list(waiting), course.display.tick):
            course.display.finish(baseline_step(part, batch_size), f"{total_s:.3f} s for {part.examples} examples")
            waiting.remove(batch_size)
    except arms.RunFailed as error:
        for batch_size in waiting:
            report(course, baseline_step(part, batch_size), str(error))


def served_arm(course: Course, part: Part, system: str, waiting: list[ServedRun]) -> None:
    """Make the given served runs of a part, with a new server after each that failed."""
    while waiting:
        try:
            waiting = served_by_one_server(course, part, system, waiting)
        except ServerFailed as error:
            for run in waiting:
                arms.clear(run.folder)
                arms.keep_failure(run.folder, f"no server: {error}")
                report(course, served_step(part, system, run), f"no server: {error}")
            return


def served_by_one_server(course: Course, part: Part, system: str, runs: list[ServedRun]) -> list[ServedRun]:
    """Make served runs until one fails; return those left, which want a new server. Raises ServerFailed."""
    if not part.expected_json.exists():
        raise ServerFailed("the baseline gave no answers that could be expected of one")
    course.display.begin(f"round {part.round}, {part.recipe.name} {system}, starting the server")
    logs = part.folder / system
    logs.mkdir(exist_ok=True)
    with serving(
        part.recipe,
        systems.load(system),
        answers.read(part.expected_json),
        free_port(),
        course.experiment.timeout_s_of(part.recipe.name),
        course.experiment.environment,
        logs,
        course.display.tick,
    ) as server:
        for number, run in enumerate(runs, start=1):
            step = served_step(part, system, run)
            course.display.begin(step.label)
            try:
                total_s = arms.run_served(course.experiment, part, system, run, server, course.display.tick)
            except arms.RunFailed as error:
                report(course, step, str(error))
                return runs[number:]
            course.display.finish(step, f"{total_s:.3f} s for {run.examples} examples")
    return []


def report(course: Course, step: Step, reason: str) -> None:
    """Note and show that a run has failed, and why."""
    course.failures.append(f"{step.label}: {reason}")
    course.display.finish(step, f"FAILED: {reason}")
