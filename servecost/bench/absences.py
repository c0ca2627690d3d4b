"""Which recipes and systems of an experiment cannot be had together, and why: rows that a table will not have.

Owns their file. What they need is had, or refused, by ``servecost.bench.environments``, before anything is timed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from servecost.bench.environments import EnvironmentRefused, Environments, Incompatible
from servecost.core import csv_files, layout, systems
from servecost.core.recipe import Recipe


class Absence(NamedTuple):
    """A recipe and a system that cannot be had together.

    Attributes:
        recipe: the recipe's name.
        system: the system's name.
        system_label: what it is called in print.
        reason: why, in one line.
    """

    recipe: str
    system: str
    system_label: str
    reason: str

    def __str__(self) -> str:
        return f"{self.recipe} under {self.system_label} is absent: {self.reason}"


def find(wanted: Iterable[tuple[Recipe, str]], environments: Environments) -> list[Absence]:
    """Build the environments of recipes under systems as far as they are missing; return those that cannot be had.

    One that fails for another reason, such as a network that is down, is tried again when its turn comes.
    """
    found = []
    for recipe, name in wanted:
        system = systems.load(name)
        try:
            environments.python_for(recipe, system)
        except Incompatible as error:
            found.append(Absence(recipe.name, name, system.label, str(error)))
            environments.say(str(found[-1]))
        except EnvironmentRefused as error:
            environments.say(str(error))
    return found


def write(absences: Iterable[Absence], out: Path) -> None:
    """Write which pairs are absent, so that a report can say so."""
    csv_files.write_table(out / layout.ABSENT_CSV, layout.ABSENT_COLUMNS, absences)
