"""Which pairs an experiment consists of, and in which order they are made.

Pure: owns the enumeration and its order. Whether a pair is complete is read from its files by the store.

The parts of a round, recipes under systems, are shuffled by the seed, and in reverse order in the next round, so that a
machine that becomes slower or faster favours no system; batch sizes, and the concurrencies of each, are shuffled anew
in every round.
"""

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from servecost.bench.experiment import Experiment
from servecost.bench.runs import Kind, Part, Run, large
from servecost.core import csv_files, layout, systems
from servecost.core.recipe import Recipe
from servecost.core.system import VARIANT_SIGN

# Of a run on the null system: enough for a mean, few enough to be brief. It has so many requests even where the run
# whose share it tells has fewer, unless they are large.
INSTRUMENT_REQUESTS = 1000
INSTRUMENT_REQUESTS_PER_USER = 4
INSTRUMENT_LEAST_EXAMPLES = 8192
# On the null system the client reaches its limit, and small cells have few requests: both are its purpose.
INSTRUMENT_TOLERATES = ("client-cpu", "concurrency")
# A baseline meets itself at the batch size nearest to this one.
SAME_BATCH_SIZE = 8

Absent = Collection[tuple[str, str]]


def parts(
    experiment: Experiment, recipes: list[Recipe], out: Path, absent: Absent = (), done: Collection[Path] = ()
) -> list[Part]:
    """Return an experiment's parts in the order in which they are made, the instrument's own among them.

    After the first part of each recipe under a system or a variant of it that is to be made, which finds the right
    answers, come the recipe's runs on the null system in that system's wire; in every round, a pair of the baseline
    with itself comes after one part of each recipe. An experiment may do without either. ``absent``: names of recipes
    and systems that cannot be had together; ``done``: the places of runs that are not to be made.
    """
    found: list[Part] = []
    with_instrument = set[tuple[str, str]]()
    for part in _rounds(experiment, recipes, out, absent):
        found.append(part)
        wire = part.recipe.name, systems.folder_of(part.system).name
        if experiment.aa and part.system == _first_system(experiment, part.recipe, absent):
            found.append(_same(experiment, part, out))
        is_made = any(run.place not in done for run in part.runs)
        if experiment.instrument and is_made and wire not in with_instrument:
            with_instrument.add(wire)
            found.append(_instrument(experiment, part, out))
    return found


def _first_system(experiment: Experiment, recipe: Recipe, absent: Absent) -> str:
    return next(system for system in experiment.systems if (recipe.name, system) not in absent)


def _rounds(experiment: Experiment, recipes: list[Recipe], out: Path, absent: Absent) -> Iterator[Part]:
    both = [
        (recipe, system) for recipe in recipes for system in experiment.systems if (recipe.name, system) not in absent
    ]
    for number in range(1, experiment.rounds + 1):
        dice = random.Random(f"{experiment.seed}/{(number + 1) // 2}")
        order = dice.sample(both, len(both))
        for recipe, system in order if number % 2 else order[::-1]:
            if (part := _part(experiment, recipe, system, number, out)).runs:
                yield part


def _part(experiment: Experiment, recipe: Recipe, system: str, number: int, out: Path) -> Part:
    folder = out / layout.round_folder(number) / recipe.name / system
    dice = random.Random(f"{experiment.seed}/{number}/{recipe.name}/{system}")
    runs = [
        _cell(experiment, recipe, (batch_size, concurrency), folder, f"round {number}, {recipe.name} {system}", pair)
        for pair in range(1, experiment.pairs + 1)
        for batch_size in _shuffled(experiment.batch_sizes_of(recipe.name), dice)
        for concurrency in _shuffled(experiment.concurrencies_of(recipe.name), dice)
        if number <= experiment.rounds_of_cell(recipe.name, batch_size, concurrency)
    ]
    runs.sort(key=lambda run: large(run.batch_size))
    return Part(number, recipe, system, folder, folder / layout.EXPECTED_JSON, tuple(runs))


def _same(experiment: Experiment, part: Part, out: Path) -> Part:
    """Return the pairs of a recipe's baseline with itself in a round, at its batch size nearest to SAME_BATCH_SIZE."""
    recipe = part.recipe
    batch_size = min(experiment.batch_sizes_of(recipe.name), key=lambda size: (abs(size - SAME_BATCH_SIZE), size))
    folder = out / layout.round_folder(part.round) / recipe.name / layout.SAME
    runs = tuple(
        Run(
            Kind.SAME,
            f"round {part.round}, {recipe.name} baseline against itself, batch size {batch_size}{_pair(pair)}",
            f"{recipe.name} baseline",
            folder / layout.cell_folder(batch_size, 0, pair),
            experiment.examples_of_cell(recipe.name, batch_size, 1),
            batch_size,
            pair=pair,
        )
        for pair in range(1, experiment.pairs + 1)
    )
    return Part(part.round, recipe, part.system, folder, folder / layout.EXPECTED_JSON, runs)


def _pair(number: int) -> str:
    return f", pair {number}" if number > 1 else ""


def _shuffled(numbers: list[int], dice: random.Random) -> list[int]:
    return dice.sample(numbers, len(numbers))


def _cell(experiment: Experiment, recipe: Recipe, cell: tuple[int, int], folder: Path, name: str, pair: int = 1) -> Run:
    """Return a pair of a cell (batch size, concurrency); ``name`` begins its label and ends in its system."""
    batch_size, concurrency = cell
    return Run(
        Kind.PAIR,
        f"{name}, batch size {batch_size} × {concurrency} users{_pair(pair)}",
        f"{recipe.name} {name.rpartition(' ')[2]}",
        folder / layout.cell_folder(batch_size, concurrency, pair),
        experiment.examples_of_cell(recipe.name, batch_size, concurrency),
        batch_size,
        concurrency,
        pair,
    )


def _instrument(experiment: Experiment, part: Part, out: Path) -> Part:
    """Return the instrument's own runs: a recipe's cells in a system's wire on the null system, once, brief."""
    recipe, speaks = part.recipe, systems.folder_of(part.system).name
    null = VARIANT_SIGN.join((layout.NULL_SYSTEM, speaks))
    folder = out / layout.INSTRUMENT / part.recipe.name / speaks
    runs = [
        _brief(_cell(experiment, recipe, (batch_size, concurrency), folder, f"instrument, {recipe.name} {null}"))
        for batch_size in experiment.batch_sizes_of(recipe.name)
        for concurrency in experiment.concurrencies_of(recipe.name)
    ]
    return Part(
        0,
        recipe,
        null,
        folder,
        part.expected_json,
        tuple(runs),
        tolerated=INSTRUMENT_TOLERATES,
    )


def _brief(run: Run) -> Run:
    requests = max(INSTRUMENT_REQUESTS, INSTRUMENT_REQUESTS_PER_USER * run.concurrency)
    at_most = max(run.examples, INSTRUMENT_LEAST_EXAMPLES)
    return replace(run, kind=Kind.LOAD, examples=min(at_most, requests * run.batch_size))


def write(planned: list[Part], out: Path, recipes: Sequence[str] = (), names: Sequence[str] = ()) -> None:
    """Write which runs there should be, so that a report can tell a missing run from one that nobody asked for.

    A reader finds them by round, then in the order of ``recipes`` and of systems, ``names``; each says when it is made.
    """
    of_recipe = {name: place for place, name in enumerate(recipes)}
    of_system = {name: place for place, name in enumerate(names)}

    def place_of(row: Sequence[Any]) -> tuple[int, int, int]:
        return row[0], of_recipe.get(row[1], 0), of_system.get(row[2], len(of_system))

    csv_files.write_table(out / layout.PLAN_CSV, layout.PLAN_COLUMNS, sorted(_rows(planned), key=place_of))


def _rows(planned: list[Part]) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each pair; its order is its place among all of them."""
    first = 1
    for part in (each for each in planned if each.kind is not Kind.LOAD):
        order = {run: place for place, run in enumerate(part.runs, start=first)}
        first += len(order)
        name, label = system_of(part), layout.SAME_LABEL if part.kind is Kind.SAME else systems.load(part.system).label
        for run in sorted(part.runs, key=lambda run: (run.batch_size, run.concurrency, run.pair)):
            yield (
                part.round,
                part.recipe.name,
                name,
                label,
                run.batch_size,
                run.concurrency,
                run.pair,
                run.examples,
                order[run],
            )


def system_of(part: Part) -> str:
    """Return what stands for a part's system in the results: a name of its own where the baseline meets itself."""
    return layout.SAME if part.kind is Kind.SAME else part.system
