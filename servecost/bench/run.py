"""Runs an experiment: complete runs are kept, the others are made, and a run that fails does not end the experiment.

Owns the order in which the arms are used. What an arm does is its own matter.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path

from servecost.bench import conditions, plan, store
from servecost.bench.arms.pair import Arms, ArmsFactory
from servecost.bench.arms.protocol import FOREVER, ArmFailed, Timed
from servecost.bench.environments import Environments
from servecost.bench.experiment import Experiment
from servecost.bench.progress import Display, Journal
from servecost.bench.results_folder import claimed
from servecost.bench.runs import Kind, Part, Run
from servecost.core.recipe import Recipe
from servecost.core.verdicts import IDLE_CPU_MAX, VALID, Verdict

CPU_RESOLUTION_S = 0.05  # of a process's CPU time as the kernel reports it: some ticks of 10 ms

ArmsOf = Callable[[Part], AbstractContextManager[Arms]]


def run(experiment: Experiment, recipes: list[Recipe], out: Path, allowed: Sequence[str] = ()) -> list[str]:
    """Make all runs of an experiment that its results folder does not hold yet. Returns the failures, a line each.

    Raises ResultsFolderError if ``out`` holds the results of something else, another bench writes to it, or its runs
    were made under conditions that differ from those of now in more than the ``allowed`` fields.
    """
    variables = experiment.variables()
    now = [conditions.gather_before(recipe, system, variables) for recipe in recipes for system in experiment.systems]
    with claimed(out, experiment, now, allowed):
        planned = plan.parts(experiment, recipes, out)
        plan.write(planned, out)
        missing = store.pending(planned)
        with Display([step for each in missing for step in each.runs]) as display:
            if not missing:
                display.say(f"every run is in {out} already; to measure anew, remove it or choose another with --out")
            journal = Journal(out, display)
            arms_of = ArmsFactory(experiment, Environments(display.tick, display.say), display.tick)
            make(missing, arms_of, journal)
    return journal.failures


def make(missing: Sequence[store.Pending], arms_of: ArmsOf, journal: Journal) -> None:
    """Make the pending runs, part after part, each with fresh arms; what becomes of each is noted in the journal."""
    for part, runs in missing:
        journal.begin_part(part)
        with arms_of(part) as arms:
            for run in runs:
                journal.begin(run)
                store.make_room(run)
                timed = time_run(arms, run)
                store.keep(part, run, timed)
                journal.finish(run, timed)
        journal.note_wall("ending a server and a baseline process")


def time_run(arms: Arms, run: Run) -> Timed:
    """Return what a run amounts to: its arm runs until the run is over, and the other arm is ready and at rest."""
    arm = arms[run.kind]
    others = [other for other in {id(each): each for each in arms.values()}.values() if other is not arm]
    for other in others:
        with suppress(ArmFailed):  # a run of its own will say so
            other.ready()
    try:
        arm.ready()
        arm.begin(run)
        before_s, began_s = sum(other.cpu_s() for other in others), time.monotonic()
        while not arm.advance(FOREVER):
            pass
        elapsed_s, idle_cpu_s = time.monotonic() - began_s, sum(other.cpu_s() for other in others) - before_s
        timed = arm.finish()
    except ArmFailed as error:
        return Timed(0.0, error.verdict)
    verdict = timed.verdict
    if verdict.is_valid and run.kind is Kind.BASELINE:
        verdict = check_idle(idle_cpu_s, elapsed_s)
    return replace(timed, elapsed_s=elapsed_s, idle_cpu_s=idle_cpu_s, verdict=verdict)


def check_idle(used_s: float, elapsed_s: float) -> Verdict:
    """Return whether a server left the machine to the direct arm."""
    if used_s <= IDLE_CPU_MAX * elapsed_s + CPU_RESOLUTION_S:
        return VALID
    used = f"the server used {used_s / elapsed_s:.0%} of a core"
    return Verdict("server-not-idle", f"{used} while the direct arm was timed")
