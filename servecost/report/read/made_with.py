"""What runs were made with, as their manifests say: the machine, the versions, the commit and the day.

Owns which of a manifest's fields a report knows. The fields themselves are those that the bench writes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from servecost.core import packages

NO_QUOTA = "none"
DAY = len("2026-01-02")


class Machine(NamedTuple):
    """The machine that client and server share, as a caption names it; ``cpu_quota``: of its cores' time, or none."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    cpu_quota: float | str = NO_QUOTA


class Stack(NamedTuple):
    """The versions of Python (``python``) and of the packages that a recipe and a system require, as they name them."""

    recipe: str
    system: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class MadeWith:
    """What one run, or several alike, were made with.

    Attributes:
        written_at: when the manifest, or the last of several, was written: UTC in ISO 8601.
        schema_version: the version of the format that it was written in.
        commit: the commit of the code, with ``+changes`` if it had been changed since; None if that is not known.
        conditions: the tree of fields that have to be alike where results are merged or compared.
    """

    written_at: str
    schema_version: int
    commit: str | None
    conditions: Mapping[str, Any]

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "MadeWith":
        """Return the fields of a manifest that a report needs. Raises KeyError if one is not there."""
        names = "written_at", "schema_version", "commit", "conditions"
        return cls(**{name: manifest[name] for name in names})

    @property
    def day(self) -> str:
        """The day on which it was written: ``2026-01-02``."""
        return self.written_at[:DAY]

    @property
    def machine(self) -> Machine:
        """The machine that client and server shared."""
        return Machine(**{name: value for name, value in self.conditions["machine"].items() if name in Machine._fields})

    @property
    def load_versions(self) -> Mapping[str, str]:
        """The versions of the client that sent the load, by package, and of its Python."""
        return dict(self.conditions["load"]["versions"])

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that the experiment set for both arms."""
        return dict(self.conditions["environment"])

    def stacks(self) -> Iterator[Stack]:
        """Yield the stack of each recipe under each system."""
        for recipe, systems in self.conditions["stacks"].items():
            for system, stack in systems.items():
                yield Stack(recipe, system, _of_required(stack))


def _of_required(stack: Mapping[str, Any]) -> Mapping[str, str]:
    versions: Mapping[str, str] = stack["versions"]
    if "required" not in stack:  # published when no other versions were recorded
        return versions
    names = {packages.PYTHON: packages.PYTHON, **{name: packages.normalized(name) for name in stack["required"]}}
    return {name: versions[normalized] for name, normalized in names.items() if normalized in versions}


def merged_by_day(made_with: Iterable[MadeWith]) -> list[MadeWith]:
    """Return one for all that differ in nothing but the time of day: the latest; in the order of their times."""
    latest: dict[str, MadeWith] = {}
    for each in sorted(made_with, key=lambda each: each.written_at, reverse=True):
        latest.setdefault(str(asdict(replace(each, written_at=each.day))), each)
    return list(latest.values())[::-1]


def stacks_of(made_with: Iterable[MadeWith]) -> list[Stack]:
    """Return the stack of each recipe under each system, once: the last where several are merged."""
    found = {(stack.recipe, stack.system): stack for each in made_with for stack in each.stacks()}
    return list(found.values())
