"""The runs of an experiment: what each one makes, what it is called, and where its files go.

Owns these facts. In which order runs are made is the plan's; whether one is complete, the store's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from servecost.core import layout
from servecost.core.recipe import Recipe


class Kind(Enum):
    """What a run times.

    BASELINE: one direct call with all examples. SERVED: the examples, sent to a server. CALLS: separate direct calls of
    the sizes that the server made.
    """

    BASELINE = "baseline"
    SERVED = "served"
    CALLS = "calls"


@dataclass(frozen=True)
class Run:
    """One run of one arm in one round.

    Attributes:
        kind: what is timed.
        label: what it is called on the display.
        pace: runs of one pace take about as long per example.
        place: a served run's own folder once it is complete; else the folder of the part.
        examples: how many examples it has.
        batch_size: examples in one request, or of the direct call; 0 for separate calls, which have many.
        concurrency: number of Locust users; 0 without any.
    """

    kind: Kind
    label: str
    pace: str
    place: Path
    examples: int
    batch_size: int = 0
    concurrency: int = 0


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
        has_direct_arm: whether it has a baseline process; without one, ``expected_json`` has to be there already.
    """

    round: int
    recipe: Recipe
    system: str
    folder: Path
    expected_json: Path
    runs: tuple[Run, ...]
    tolerated: tuple[str, ...] = ()
    has_direct_arm: bool = True

    @property
    def served(self) -> list[Run]:
        """The served runs."""
        return [run for run in self.runs if run.kind is Kind.SERVED]

    @property
    def examples(self) -> int:
        """Examples in each baseline run; 0 without any."""
        return next((run.examples for run in self.runs if run.kind is Kind.BASELINE), 0)

    @property
    def baseline_csv(self) -> Path:
        """The file of the baseline runs."""
        return self.folder / layout.BASELINE_CSV

    @property
    def direct_calls_csv(self) -> Path:
        """The file of the separate direct calls."""
        return self.folder / layout.DIRECT_CALLS_CSV

    @property
    def calls_run(self) -> Run:
        """The timing of separate direct calls, which comes last."""
        label = f"round {self.round}, {self.recipe.name} baseline, separate calls as {self.system} made them"
        return Run(Kind.CALLS, label, f"{self.recipe.name} calls", self.folder, self.examples)
