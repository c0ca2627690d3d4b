"""Runs an experiment: complete pairs are kept, the others are made, and one that fails does not end the experiment.

Owns the order in which the arms of a pair are used: warmed, then in turns until both have come to their end. What an
arm does is its own matter; how long a turn is, ``servecost.bench.turns``'s.
"""

import math
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from servecost.bench import absences, conditions, earlier, plan, store
from servecost.bench.arms.pair import Arms, ArmsFactory
from servecost.bench.arms.protocol import ArmFailed, Timed
from servecost.bench.arms.records import first_broken
from servecost.bench.environments import Environments
from servecost.bench.experiment import Experiment, ExperimentError
from servecost.bench.progress import Display, Failure, Journal
from servecost.bench.results_folder import claimed
from servecost.bench.runs import Kind, Part, Run
from servecost.bench.turns import Turns
from servecost.core import csv_files, layout, systems
from servecost.core.recipe import Recipe
from servecost.core.verdicts import IDLE_CPU_MAX, VALID, Verdict

CPU_RESOLUTION_S = 0.05  # of a process's CPU time as the kernel reports it: some ticks of 10 ms

# A run that takes longer than all of these will not end.
RUN_LEAST_LIMIT_S, RUN_LIMIT_TIMES = 3600.0, 20.0
PAIRS_APART = 10_000  # so that no pair has the lengths of another round's

ArmsOf = Callable[[Part], AbstractContextManager[Arms]]


@dataclass(frozen=True)
class Slicing:
    """How the arms of every pair take turns.

    Attributes:
        slice_s: the seconds of a slice; 0 for undivided runs.
        seed: of the arm that begins, and of the lengths.
    """

    slice_s: float
    seed: int

    def first(self, part: Part, run: Run) -> str:
        """Return the arm that begins: by chance, and the other one in the next pair of the cell, or round."""
        number = part.round + run.pair - 1
        begins = self._dice(part, run, (number + 1) // 2).random() < 0.5
        return layout.BASELINE if begins == bool(number % 2) else layout.SERVED

    def turns(self, part: Part, run: Run, expected_s: dict[str, float]) -> Turns:
        """Return the turns of a pair whose arms are expected to take so long."""
        first = self.first(part, run) if len(expected_s) > 1 else next(iter(expected_s))
        slice_s = self.slice_s if systems.load(part.system).can_be_stopped else 0.0
        return Turns(slice_s, expected_s, first, self._dice(part, run, -part.round - PAIRS_APART * (run.pair - 1)))

    def _dice(self, part: Part, run: Run, number: int) -> random.Random:
        cell = part.recipe.name, plan.system_of(part), run.batch_size, run.concurrency
        return random.Random(f"{self.seed}/{number}/{cell}")


class Ended(NamedTuple):
    """How an experiment ended.

    Attributes:
        failures: the runs that gave no number.
        is_cut: whether it has runs for which there was no time.
    """

    failures: list[Failure]
    is_cut: bool


def run(
    experiment: Experiment,
    recipes: list[Recipe],
    out: Path,
    allowed: Sequence[str] = (),
    published: Path | None = None,
    limit_s: float = math.inf,
) -> Ended:
    """Make all pairs of an experiment that its results folder does not hold yet.

    ``published``: published tables of the experiment, whose pairs count as made. ``limit_s``: no pair is begun that is
    not expected to be over after so many seconds.

    Raises ExperimentError if no recipe and system can be had together; ResultsFolderError if ``out`` holds the results
    of something else, another bench writes to it, or its pairs were made under conditions that differ from those of now
    in more than the ``allowed`` fields.
    """
    end_s = time.monotonic() + limit_s
    out = out.absolute()  # processes are started in folders of their own
    variables = experiment.variables()
    now = [
        conditions.gather_before(recipe, system, variables, experiment.slice_s, experiment.warm_s)
        for recipe in recipes
        for system in experiment.systems
    ]
    with claimed(out, experiment, now, allowed, published), Display() as display:
        environments = Environments(display.tick, display.say)
        done = earlier.done(out)
        planned = present(experiment, recipes, out, environments, done)
        missing = store.pending(planned, done)
        display.expect([step for each in missing for step in each.runs], spent(out))
        if missing:
            display.say(f"to be made: {display.left}")
        else:
            display.say(f"every pair is in {out} already; to measure anew, remove it or choose another with --out")
        journal = Journal(out, display)
        arms_of = ArmsFactory(experiment, environments, display.tick)
        slicing = Slicing(experiment.slice_s, experiment.seed)
        make(missing, arms_of, slicing, journal, lambda run: time.monotonic() + display.expected_s(run) <= end_s)
        if not display.is_done:
            display.say(f"the time is over; left: {display.left}; the same command goes on")
    return Ended(journal.failures, not display.is_done)


def spent(out: Path) -> Iterator[tuple[str, float]]:
    """Yield how many seconds each step of an experiment took that was made before."""
    for folder in (out / layout.EARLIER, out):
        for row in csv_files.rows(folder / layout.WALL_CSV):
            yield row["step"], float(row["wall_s"])


def present(
    experiment: Experiment,
    recipes: list[Recipe],
    out: Path,
    environments: Environments,
    done: Collection[Path] = (),
) -> list[Part]:
    """Return the parts whose recipe and system can be had together, and write the plan, and which are absent.

    ``done``: the places of runs that need not be made. The environments of those that are not complete are built, so
    that nothing is installed between two runs. Raises ExperimentError if there is nothing to measure.
    """
    everything = plan.parts(experiment, recipes, out)
    pending = store.pending(everything, done)
    wanted = {(part.recipe.name, part.system): part for part, _ in pending if part.kind is Kind.PAIR}
    absent = absences.find([(part.recipe, part.system) for part in wanted.values()], environments)
    if len(absent) == len(recipes) * len(experiment.systems):
        raise ExperimentError("\n".join(["there is nothing to measure", *map(str, absent)]))
    planned = plan.parts(experiment, recipes, out, {(each.recipe, each.system) for each in absent}, done)
    plan.write(planned, out, [recipe.name for recipe in recipes], experiment.systems)
    absences.write(absent, out)
    return planned


def make(
    missing: Sequence[store.Pending],
    arms_of: ArmsOf,
    slicing: Slicing,
    journal: Journal,
    fits: Callable[[Run], bool] = lambda _: True,
) -> None:
    """Make the pending pairs, part after part, each with fresh arms; what becomes of each is noted in the journal.

    ``fits``: whether there is time for a run, which is asked before it is begun.
    """
    for part, runs in missing:
        if not any(map(fits, runs)):
            continue
        journal.begin_part(part)
        with arms_of(part) as arms:
            for run in filter(fits, runs):
                journal.begin(run)
                folder = store.make_room(run)
                timed = make_pair(arms, part, run, slicing)
                verdict = first_broken([each.verdict for each in timed.values()], part.tolerated)
                write_records(folder, timed)
                arms.write_manifest(folder, part, run, timed, verdict)
                store.keep(run, verdict)
                journal.finish(run, verdict, {name: each.total_s for name, each in timed.items()})
        journal.note_wall("ending a server and a baseline process")


def make_pair(arms: Arms, part: Part, run: Run, slicing: Slicing) -> dict[str, Timed]:
    """Return what both arms of a pair amount to, by arm: they take turns until both have come to their end.

    The arm that begins is warmed last, so that neither has rested for long when its clock starts.
    """
    name, timed = next(iter(arms.by_name)), dict[str, Timed]()
    try:
        for name in arms.by_name:
            arms.by_name[name].ready()
        first = slicing.first(part, run)
        expected_s: dict[str, float] = {}
        for name in sorted(arms.by_name, key=lambda name: name == first):
            expected_s[name] = arms.by_name[name].warm(run)
        for name in arms.by_name:
            arms.by_name[name].begin(run, run.unfinished_place)
        turns = slicing.turns(part, run, expected_s)
        left_s = {name: max(RUN_LEAST_LIMIT_S, RUN_LIMIT_TIMES * seconds) for name, seconds in expected_s.items()}
        while not turns.are_over:
            name, seconds = turns.take()
            began_s = time.monotonic()
            is_over = arms.by_name[name].advance(began_s + min(seconds, left_s[name]))
            spent_s = time.monotonic() - began_s
            turns.note(name, spent_s, is_over, arms.by_name[name].expected_s())
            left_s[name] -= spent_s
            if not is_over and left_s[name] <= 0:
                limit_s = max(RUN_LEAST_LIMIT_S, RUN_LIMIT_TIMES * expected_s[name])
                took = f"its run was not over after {limit_s:.3g} s; it was expected to take {expected_s[name]:.3g} s"
                raise ArmFailed(Verdict("baseline" if name == layout.BASELINE else "server", took))
        for name, arm in arms.by_name.items():
            timed[name] = arm.finish()
            arm_verdict = first_broken([timed[name].verdict, check_idle(name, timed[name])], part.tolerated)
            timed[name] = replace(timed[name], verdict=arm_verdict)
        name = layout.BASELINE  # which is all that works from here on
        arms.after(run, run.unfinished_place, timed)
    except ArmFailed as error:
        arms.give_up()
        timed[name] = Timed(0.0, error.verdict)
    return timed


def check_idle(name: str, timed: Timed) -> Verdict:
    """Return whether an arm left the machine to the other one while it was stopped."""
    use = timed.use
    if use.idle_cpu_s <= IDLE_CPU_MAX * use.rested_s + CPU_RESOLUTION_S:
        return VALID
    used = f"the {name} arm used {use.idle_cpu_s / max(use.rested_s, 1e-3):.0%} of a core"
    return Verdict("not-idle", f"{used} while it was stopped and the other was timed")


def write_records(folder: Path, timed: dict[str, Timed]) -> None:
    """Write when each arm's run was, in which slices the arm ran, and what it used while it rested."""
    runs = [(name, arm.begin_ns, arm.end_ns) for name, arm in timed.items() if arm.begin_ns and arm.end_ns]
    csv_files.write_table(folder / layout.RUNS_CSV, layout.RUNS_COLUMNS, runs)
    slices = [(name, each.begin_ns, each.end_ns) for name, arm in timed.items() for each in arm.use.slices]
    csv_files.write_table(folder / layout.SLICES_CSV, layout.SLICES_COLUMNS, sorted(slices, key=lambda row: row[1]))
    idle = [
        (name, repr(arm.use.rested_s), repr(arm.use.idle_cpu_s), memory_mib(arm.resources))
        for name, arm in timed.items()
    ]
    csv_files.write_table(folder / layout.IDLE_CSV, layout.IDLE_COLUMNS, idle)


def memory_mib(resources: Mapping[str, float]) -> float | str:
    """Return the memory among an arm's resources; nothing if it never came so far."""
    return next((value for name, value in resources.items() if name.endswith("_memory_mib")), "")
