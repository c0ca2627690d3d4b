"""What is still to be made of an experiment, and how the display names it.

Owns the question of what is whole already: it is read from the files, once, before anything is made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servecost.bench import plan
from servecost.bench.arms import direct, served
from servecost.bench.experiment import Experiment
from servecost.bench.plan import BaselineRun, Instrument, Part, ServedRun
from servecost.bench.progress import Step
from servecost.core import csv_files


@dataclass(frozen=True)
class Waiting:
    """What is to be made of a part, or of the instrument's runs.

    Attributes:
        unit: the part or the instrument's runs.
        runs: those that are not whole, in their order.
        has_calls: whether separate direct calls are to be timed after them.
    """

    unit: Part | Instrument
    runs: list[BaselineRun | ServedRun]
    has_calls: bool

    @property
    def steps(self) -> list[Step]:
        """Everything that is to be made, as the display knows it."""
        made = [step_of(self.unit, run) for run in self.runs]
        return [*made, calls_step(self.unit)] if self.has_calls and isinstance(self.unit, Part) else made


def waiting(experiment: Experiment, planned: list[Part], out: Path) -> list[Waiting]:
    """Return what is to be made, in its order; nothing of what is whole."""
    found = [waiting_of(unit) for unit in _units(experiment, planned, out)]
    return [each for each in found if each.runs or each.has_calls]


def waiting_of(unit: Part | Instrument) -> Waiting:
    """Return what is to be made of a unit."""
    if isinstance(unit, Instrument):
        return Waiting(unit, [run for run in unit.runs if not served.is_whole(run)], has_calls=False)
    done = {int(row["batch_size"]) for row in csv_files.rows(unit.baseline_csv)}
    runs = [
        run
        for run in unit.runs
        if (run.batch_size not in done if isinstance(run, BaselineRun) else not served.is_whole(run))
    ]
    return Waiting(unit, runs, has_calls=bool(runs or direct.untimed_calls(unit)))


def _units(experiment: Experiment, planned: list[Part], out: Path) -> Iterator[Part | Instrument]:
    """Yield the parts, and after the first of each recipe the instrument's own runs with its payloads."""
    seen: set[str] = set()
    for part in planned:
        yield part
        if part.recipe.name not in seen:
            seen.add(part.recipe.name)
            yield plan.instrument(experiment, part, out)


def step_of(unit: Part | Instrument, run: BaselineRun | ServedRun) -> Step:
    """Return a run as the display knows it."""
    users = f" × {run.concurrency} users" if isinstance(run, ServedRun) else ""
    cell = f"batch size {run.batch_size}{users}"
    if isinstance(unit, Instrument):
        assert isinstance(run, ServedRun)
        label = f"instrument, {unit.recipe.name} null system, {cell}"
        return Step(label, f"{unit.recipe.name} null", run.examples)
    arm = "baseline" if isinstance(run, BaselineRun) else unit.system
    examples = run.examples if isinstance(run, ServedRun) else unit.examples
    return Step(f"round {unit.round}, {unit.recipe.name} {arm}, {cell}", f"{unit.recipe.name} {arm}", examples)


def calls_step(part: Part) -> Step:
    """Return the timing of separate direct calls as the display knows it."""
    label = f"round {part.round}, {part.recipe.name} baseline, separate calls as {part.system} made them"
    return Step(label, f"{part.recipe.name} calls", part.examples)
