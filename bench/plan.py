"""Which runs an experiment consists of, in which order, and where each one's files are.

Pure: owns the enumeration. Whether a run is done already is read from its files by whoever runs it.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import systems
from bench.experiment import Experiment
from contract import results
from contract.recipe import Recipe


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
    """One recipe in one round: a baseline process, and one server per system, each for all the cells.

    Attributes:
        round: the number of the round, from 1.
        recipe: what is called and served.
        folder: where its files are.
        batch_sizes: of the baseline's runs.
        examples: examples in each run.
        served: the served runs of each system.
    """

    round: int
    recipe: Recipe
    folder: Path
    batch_sizes: list[int]
    examples: int
    served: dict[str, list[ServedRun]]

    @property
    def baseline_csv(self) -> Path:
        """The file of the baseline's runs."""
        return self.folder / results.BASELINE_CSV

    @property
    def expected_json(self) -> Path:
        """The file of the direct arm's answers to the example."""
        return self.folder / results.EXPECTED_JSON


def parts(experiment: Experiment, recipes: list[Recipe], out: Path) -> list[Part]:
    """Return an experiment's parts in the order in which they are run."""
    return [
        _part(experiment, recipe, number, out / results.round_folder(number) / recipe.name)
        for number in range(1, experiment.rounds + 1)
        for recipe in recipes
    ]


def _part(experiment: Experiment, recipe: Recipe, number: int, folder: Path) -> Part:
    batch_sizes, examples = experiment.batch_sizes_of(recipe.name), experiment.examples_of(recipe.name)
    served = {
        system: [
            ServedRun(batch_size, concurrency, examples, folder / system / results.cell_folder(batch_size, concurrency))
            for batch_size in batch_sizes
            for concurrency in experiment.concurrencies_of(recipe.name)
        ]
        for system in experiment.systems
    }
    return Part(number, recipe, folder, batch_sizes, examples, served)


def write(planned: list[Part], out: Path) -> None:
    """Write which runs there should be, so that a report can tell a missing one from one that nobody asked for."""
    with (out / results.PLAN_CSV).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(results.PLAN_COLUMNS)
        for part in planned:
            for system, runs in part.served.items():
                label = systems.load(system).LABEL
                for run in runs:
                    writer.writerow(
                        (part.round, part.recipe.name, system, label, run.batch_size, run.concurrency, run.examples)
                    )
