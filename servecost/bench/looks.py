"""Which cells have been repeated often enough: looked at after planned numbers of rounds, never in between.

Owns the looks of an experiment and their file. When to look, and how wide an interval is, are
``servecost.statistics``'s.
"""

from __future__ import annotations

import json
from collections import defaultdict
from math import isfinite, log
from pathlib import Path
from typing import TYPE_CHECKING

from servecost.bench import plan
from servecost.bench.experiment import Experiment
from servecost.bench.runs import Kind, Part, Run
from servecost.bench.store import is_complete
from servecost.core import csv_files, layout

if TYPE_CHECKING:
    from servecost.statistics.paired import Interval

Cell = tuple[str, str, int, int]


def cell_of(part: Part, run: Run) -> Cell:
    """Return what identifies a run's cell in the results."""
    return part.recipe.name, plan.system_of(part), run.batch_size, run.concurrency


class Looks:
    """The looks at one experiment's cells."""

    def __init__(self, experiment: Experiment, planned: list[Part], out: Path) -> None:
        self._experiment = experiment
        self._planned = [part for part in planned if part.kind is not Kind.LOAD]
        self._path = out / layout.LOOKS_CSV
        self._stopped = self._read_stopped()

    def is_wanted(self, part: Part, run: Run) -> bool:
        """Say whether a run belongs to a round that its cell needs, by the looks so far."""
        return part.round <= self._stopped.get(cell_of(part, run), part.round)

    def look(self, rounds: int) -> None:
        """Look at every cell that has just come to so many rounds, and write down what is known of it."""
        precision = self._experiment.precision
        if precision is None:
            return
        from servecost.statistics import looks  # noqa: PLC0415  # as below

        looked_at = {(*self._cell(row), int(row["rounds"])) for row in csv_files.rows(self._path)}
        rows = []
        for recipe, system in sorted({(part.recipe.name, plan.system_of(part)) for part in self._planned}):
            for cell, interval in self._intervals(recipe, system, rounds).items():
                stops = isfinite(interval.half_width) and looks.stops(interval.half_width, precision)
                if (*cell, rounds) not in looked_at:
                    rows.append((*cell, rounds, repr(interval.half_width), int(stops)))
        csv_files.append(self._path, layout.LOOKS_COLUMNS, rows)
        self._stopped = self._read_stopped()

    def _intervals(self, recipe: str, system: str, rounds: int) -> dict[Cell, Interval]:
        """Return the interval of each cell of a recipe under a system, if it is still repeated.

        The others only share their spread, as they do in the report.
        """
        from servecost.statistics import looks, paired  # noqa: PLC0415  # scipy doubles the start of every command

        values: dict[Cell, list[float]] = defaultdict(list)
        for part in self._planned:
            is_one = (part.recipe.name, plan.system_of(part)) == (recipe, system)
            for run in part.runs if is_one and part.round <= rounds else ():
                if is_complete(run) and (ratio := log_ratio(run)) is not None:
                    values[cell_of(part, run)].append(ratio)
        spreads, stopped = paired.spreads(values), self._stopped
        level = looks.confidence(self._experiment.looks, rounds)
        return {cell: paired.interval(own, spreads[cell], level) for cell, own in values.items() if cell not in stopped}

    def _read_stopped(self) -> dict[Cell, int]:
        return {self._cell(row): int(row["rounds"]) for row in csv_files.rows(self._path) if row["stops"] == "1"}

    @staticmethod
    def _cell(row: dict[str, str]) -> Cell:
        return row["recipe"], row["system"], int(row["batch_size"]), int(row["concurrency"])


def log_ratio(run: Run) -> float | None:
    """Return the logarithm of served / baseline of a complete pair; None if it has no number."""
    totals = [float(row["total_s"]) for row in csv_files.rows(run.place / layout.BASELINE_CSV)]
    if run.kind is Kind.SAME:
        return log(totals[1] / totals[0]) if len(totals) == 2 else None
    served = json.loads((run.place / layout.LOCUST_RUN_JSON).read_text(encoding="utf-8"))
    if served["rule"] or not totals:
        return None
    return log(served["total_s"] / totals[0])
