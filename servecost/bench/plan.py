"""Which runs an experiment consists of, in which order, and where each one's files are.

Pure: owns the enumeration and its order. Whether a run is done already is read from its files by whoever runs it.

The arms alternate: each batch size's baseline run stands beside the served runs that it is compared with, before them
in odd rounds and after them in even ones, so that a machine that becomes slower or faster favours neither. Parts are
in reverse in even rounds, too; batch sizes, and the concurrencies of each, are shuffled anew in every round.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from servecost.bench.experiment import Experiment
from servecost.core import csv_files, layout, systems
from servecost.core.recipe import Recipe

# Of a run on the null system: enough for a mean, few enough to be brief.
INSTRUMENT_REQUESTS = 1000
INSTRUMENT_REQUESTS_PER_USER = 4


@dataclass(frozen=True)
class BaselineRun:
    """One run of the direct arm.

    Attributes:
        batch_size: of the predictor call.
    """

    batch_size: int


@dataclass(frozen=True)
class ServedRun:
    """One served run: a cell in one round.

    Attributes:
        batch_size: examples in one request.
        concurrency: number of Locust users.
        examples: examples in the run.
        folder: where its files are, once it is whole.
    """

    batch_size: int
    concurrency: int
    examples: int
    folder: Path


@dataclass(frozen=True)
class Part:
    """One recipe and system in one round: one baseline process and one server, for all the cells.

    Attributes:
        round: the number of the round, from 1.
        recipe: what is called and served.
        system: who serves.
        folder: where its files are.
        examples: examples in each baseline run.
        runs: of both arms, in the order in which they are made.
    """

    round: int
    recipe: Recipe
    system: str
    folder: Path
    examples: int
    runs: list[BaselineRun | ServedRun]

    @property
    def served(self) -> list[ServedRun]:
        """The served runs."""
        return [run for run in self.runs if isinstance(run, ServedRun)]

    @property
    def baseline_csv(self) -> Path:
        """The file of the baseline's runs."""
        return self.folder / layout.BASELINE_CSV

    @property
    def direct_calls_csv(self) -> Path:
        """The file of separate direct calls."""
        return self.folder / layout.DIRECT_CALLS_CSV

    @property
    def expected_json(self) -> Path:
        """The file of the direct arm's answers to the example."""
        return self.folder / layout.EXPECTED_JSON


@dataclass(frozen=True)
class Instrument:
    """The instrument's own runs: a recipe's cells on the null system, once in an experiment, brief.

    Attributes:
        recipe: whose payloads are sent.
        folder: where its files are.
        runs: one for each cell.
        expected_json: the file of the direct arm's answers to the example.
    """

    recipe: Recipe
    folder: Path
    runs: list[ServedRun]
    expected_json: Path


def parts(experiment: Experiment, recipes: list[Recipe], out: Path) -> list[Part]:
    """Return an experiment's parts in the order in which they are run."""
    pairs = [(recipe, system) for recipe in recipes for system in experiment.systems]
    return [
        _part(experiment, recipe, system, number, out)
        for number in range(1, experiment.rounds + 1)
        for recipe, system in (pairs if number % 2 else pairs[::-1])
    ]


def _part(experiment: Experiment, recipe: Recipe, system: str, number: int, out: Path) -> Part:
    folder = out / layout.round_folder(number) / recipe.name / system
    dice = random.Random(f"{experiment.seed}/{number}/{recipe.name}/{system}")
    runs: list[BaselineRun | ServedRun] = []
    for batch_size in _shuffled(experiment.batch_sizes_of(recipe.name), dice):
        concurrencies = _shuffled(experiment.concurrencies_of(recipe.name), dice)
        served = [_served(experiment, recipe, batch_size, concurrency, folder) for concurrency in concurrencies]
        runs += [BaselineRun(batch_size), *served] if number % 2 else [*served, BaselineRun(batch_size)]
    return Part(number, recipe, system, folder, experiment.examples_of(recipe.name), runs)


def _shuffled(numbers: list[int], dice: random.Random) -> list[int]:
    return dice.sample(numbers, len(numbers))


def _served(experiment: Experiment, recipe: Recipe, batch_size: int, concurrency: int, folder: Path) -> ServedRun:
    cell = layout.cell_folder(batch_size, concurrency)
    examples = experiment.examples_of_cell(recipe.name, batch_size, concurrency)
    return ServedRun(batch_size, concurrency, examples, folder / cell)


def instrument(experiment: Experiment, part: Part, out: Path) -> Instrument:
    """Return the instrument's runs for the recipe of a part, in which the right answers are found."""
    folder = out / layout.INSTRUMENT / part.recipe.name
    runs = [
        replace(run, examples=_brief(run))
        for batch_size in experiment.batch_sizes_of(part.recipe.name)
        for concurrency in experiment.concurrencies_of(part.recipe.name)
        for run in [_served(experiment, part.recipe, batch_size, concurrency, folder)]
    ]
    return Instrument(part.recipe, folder, runs, part.expected_json)


def _brief(run: ServedRun) -> int:
    requests = max(INSTRUMENT_REQUESTS, INSTRUMENT_REQUESTS_PER_USER * run.concurrency)
    return min(run.examples, requests * run.batch_size)


def write(planned: list[Part], out: Path) -> None:
    """Write which runs there should be, so that a report can tell a missing one from one that nobody asked for."""
    csv_files.write_table(out / layout.PLAN_CSV, layout.PLAN_COLUMNS, _rows(planned))


def _rows(planned: list[Part]) -> Iterator[tuple[object, ...]]:
    """Yield a row for each served run; a run's order is its place among all runs of both arms."""
    first = 1
    for part in planned:
        order = {run: place for place, run in enumerate(part.runs, start=first)}
        first += len(order)
        label = systems.load(part.system).LABEL
        for run in sorted(part.served, key=lambda run: (run.batch_size, run.concurrency)):
            cell = run.batch_size, run.concurrency, run.examples, part.examples
            orders = order[run], order[BaselineRun(run.batch_size)]
            yield (part.round, part.recipe.name, part.system, label, *cell, *orders)
