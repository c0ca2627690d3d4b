"""The runs of an experiment: what each one makes, what it is called, and where its files go.

Owns these facts. In which order runs are made is the plan's; whether one is complete, the store's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from servecost.core import layout
from servecost.core.recipe import Recipe
from servecost.core.verdicts import Verdict

# From this batch size on, memory that a process has taken and does not give back would be felt by smaller batches: each
# such size has a baseline process of its own, after all smaller ones.
LARGE = 128
FAILED_SUFFIX = ".failed"
UNFINISHED_SUFFIX = ".unfinished"


class Kind(Enum):
    """What a run times.

    PAIR: the examples, called directly and sent to a server. SAME: the examples, called directly by two processes, as
    if one of them were a server. LOAD: the examples, sent to a server, and nothing to compare it with.
    """

    PAIR = "pair"
    SAME = "same"
    LOAD = "load"

    @property
    def required_files(self) -> tuple[str, ...]:
        """The files without which it is not complete."""
        return {
            Kind.PAIR: layout.REQUIRED_PAIR_FILES,
            Kind.SAME: layout.REQUIRED_SAME_FILES,
            Kind.LOAD: layout.LOCUST_RUN_FILES,
        }[self]


@dataclass(frozen=True)
class Run:
    """One pair of a cell in one round, with both of its arms.

    Attributes:
        kind: what is timed.
        label: what it is called on the display.
        pace: runs of one pace take about as long per example.
        place: its folder once it is complete.
        examples: how many examples each arm has.
        batch_size: examples in one request, and of the direct call.
        concurrency: number of Locust users; 0 without any.
        pair: its number among those of the cell in the round.
    """

    kind: Kind
    label: str
    pace: str
    place: Path
    examples: int
    batch_size: int
    concurrency: int = 0
    pair: int = 1

    @property
    def unfinished_place(self) -> Path:
        """Where its files are while it is made."""
        return self.place.with_name(self.place.name + UNFINISHED_SUFFIX)

    @property
    def failed_place(self) -> Path:
        """Where its files are kept, if it has failed, until it is made again."""
        return self.place.with_name(self.place.name + FAILED_SUFFIX)

    def place_for(self, verdict: Verdict) -> Path:
        """Return where its files are kept: in its place only if another run would end alike."""
        return self.place if verdict.is_lasting else self.failed_place


def large(batch_size: int) -> int:
    """Return a batch size if it is a large one, else 0: runs that agree in it share a baseline process."""
    return batch_size if batch_size >= LARGE else 0


@dataclass(frozen=True)
class Part:
    """One recipe under one system in one round: one baseline process and one server for all its runs.

    Attributes:
        round: the number of the round, from 1; 0 for the instrument's own runs.
        recipe: what is called and served.
        system: the name of the system that serves.
        folder: where its files are.
        expected_json: the file of the direct arm's answers to the example.
        runs: in the order in which they are made.
        tolerated: rules that a run may break and count all the same.
    """

    round: int
    recipe: Recipe
    system: str
    folder: Path
    expected_json: Path
    runs: tuple[Run, ...]
    tolerated: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """What its runs time: they are all of one kind."""
        return self.runs[0].kind

    @property
    def first_batch_size(self) -> int | None:
        """The largest batch size of its runs but for large ones, which comes first, untimed; None without any."""
        return max((run.batch_size for run in self.runs if not large(run.batch_size)), default=None)
