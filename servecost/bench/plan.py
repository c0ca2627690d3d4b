"""Which runs an experiment consists of, and in which order they are made.

Pure: owns the enumeration and its order. Whether a run is complete is read from its files by the store.

The arms alternate: each batch size's baseline run stands beside the served runs that it is compared with, before them
in odd rounds and after them in even ones, so that a machine that becomes slower or faster favours neither. Parts are
in reverse order in even rounds, too; batch sizes, and the concurrencies of each, are shuffled anew in every round.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from servecost.bench.experiment import Experiment
from servecost.bench.runs import Kind, Part, Run
from servecost.core import csv_files, layout, systems
from servecost.core.recipe import Recipe

# Of a run on the null system: enough for a mean, few enough to be brief.
INSTRUMENT_REQUESTS = 1000
INSTRUMENT_REQUESTS_PER_USER = 4
# On the null system the client reaches its limit, and small cells have few requests: both are its purpose.
INSTRUMENT_TOLERATES = ("client-cpu", "concurrency")


def parts(experiment: Experiment, recipes: list[Recipe], out: Path) -> list[Part]:
    """Return an experiment's parts in the order in which they are made, the instrument's own among them.

    After the first part of each recipe, which finds the right answers, come the recipe's runs on the null system.
    """
    found: list[Part] = []
    for part in _rounds(experiment, recipes, out):
        is_first = part.recipe.name not in {each.recipe.name for each in found}
        found.append(part)
        if is_first:
            found.append(_instrument(experiment, part, out))
    return found


def _rounds(experiment: Experiment, recipes: list[Recipe], out: Path) -> Iterator[Part]:
    pairs = [(recipe, system) for recipe in recipes for system in experiment.systems]
    for number in range(1, experiment.rounds + 1):
        for recipe, system in pairs if number % 2 else pairs[::-1]:
            yield _part(experiment, recipe, system, number, out)


def _part(experiment: Experiment, recipe: Recipe, system: str, number: int, out: Path) -> Part:
    folder = out / layout.round_folder(number) / recipe.name / system
    dice = random.Random(f"{experiment.seed}/{number}/{recipe.name}/{system}")
    runs: list[Run] = []
    for batch_size in _shuffled(experiment.batch_sizes_of(recipe.name), dice):
        baseline = Run(
            Kind.BASELINE,
            f"round {number}, {recipe.name} baseline, batch size {batch_size}",
            f"{recipe.name} baseline",
            folder,
            experiment.examples_of(recipe.name),
            batch_size,
        )
        served = [
            _served(experiment, recipe, (batch_size, concurrency), folder, f"round {number}, {recipe.name} {system}")
            for concurrency in _shuffled(experiment.concurrencies_of(recipe.name), dice)
        ]
        runs += [baseline, *served] if number % 2 else [*served, baseline]
    return Part(number, recipe, system, folder, folder / layout.EXPECTED_JSON, tuple(runs))


def _shuffled(numbers: list[int], dice: random.Random) -> list[int]:
    return dice.sample(numbers, len(numbers))


def _served(experiment: Experiment, recipe: Recipe, cell: tuple[int, int], folder: Path, name: str) -> Run:
    """Return the served run of a cell (batch size, concurrency); ``name`` begins its label and ends in its system."""
    batch_size, concurrency = cell
    return Run(
        Kind.SERVED,
        f"{name}, batch size {batch_size} × {concurrency} users",
        f"{recipe.name} {name.rpartition(' ')[2]}",
        folder / layout.cell_folder(batch_size, concurrency),
        experiment.examples_of_cell(recipe.name, batch_size, concurrency),
        batch_size,
        concurrency,
    )


def _instrument(experiment: Experiment, part: Part, out: Path) -> Part:
    """Return the instrument's own runs: a recipe's cells on the null system, once in an experiment, brief."""
    recipe, folder = part.recipe, out / layout.INSTRUMENT / part.recipe.name
    runs = [
        _brief(_served(experiment, recipe, (batch_size, concurrency), folder, f"instrument, {recipe.name} null"))
        for batch_size in experiment.batch_sizes_of(recipe.name)
        for concurrency in experiment.concurrencies_of(recipe.name)
    ]
    return Part(
        0,
        recipe,
        layout.NULL_SYSTEM,
        folder,
        part.expected_json,
        tuple(runs),
        tolerated=INSTRUMENT_TOLERATES,
        has_direct_arm=False,
    )


def _brief(run: Run) -> Run:
    requests = max(INSTRUMENT_REQUESTS, INSTRUMENT_REQUESTS_PER_USER * run.concurrency)
    return replace(run, examples=min(run.examples, requests * run.batch_size))


def write(planned: list[Part], out: Path) -> None:
    """Write which runs there should be, so that a report can tell a missing run from one that nobody asked for."""
    csv_files.write_table(out / layout.PLAN_CSV, layout.PLAN_COLUMNS, _rows(planned))


def _rows(planned: list[Part]) -> Iterator[tuple[object, ...]]:
    """Yield a row for each served run; a run's order is its place among all runs of both arms."""
    first = 1
    for part in (each for each in planned if each.has_direct_arm):
        order = {run: place for place, run in enumerate(part.runs, start=first)}
        first += len(order)
        baselines = {run.batch_size: order[run] for run in part.runs if run.kind is Kind.BASELINE}
        label = systems.load(part.system).label
        for run in sorted(part.served, key=lambda run: (run.batch_size, run.concurrency)):
            cell = run.batch_size, run.concurrency, run.examples, part.examples
            yield (part.round, part.recipe.name, part.system, label, *cell, order[run], baselines[run.batch_size])
