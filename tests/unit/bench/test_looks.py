"""A cell is looked at after planned numbers of rounds, once each, and one that is known well enough stops there."""

from __future__ import annotations

from math import isnan, log
from pathlib import Path

import pytest

from servecost.bench.experiment import Experiment
from servecost.bench.looks import Cell, Looks, cell_of, log_ratio
from servecost.bench.runs import Kind, Part, Run
from servecost.core import csv_files, layout, manifest, systems
from servecost.statistics import looks as planned_looks
from servecost.statistics import paired
from tests.unit.bench.fakes import experiment, of_kind, planned, write_pair

ROUNDS = {"rounds": {"least": 2, "most": 8}, "precision": 0.1, "batch_sizes": [8], "concurrencies": [1, 4]}
SYSTEM = systems.default()
QUIET: Cell = ("echo", SYSTEM, 8, 1)
NOISY: Cell = ("echo", SYSTEM, 8, 4)
SAME: Cell = ("echo", layout.SAME, 8, 0)


class Folder:
    """The results folder of an experiment whose pairs are made by the test.

    Attributes:
        served_s: what a cell's served arm takes by round, where the baseline takes a second; 1.25 without an entry.
    """

    def __init__(self, out: Path, **changes: object) -> None:
        self.out = out
        self.experiment: Experiment = experiment(**{**ROUNDS, **changes})
        self.parts = planned(out, **{**ROUNDS, **changes})
        self.served_s: dict[Cell, list[float]] = {NOISY: [1.0, 2.0] * 4, SAME: [1.0] * 8}

    @property
    def looks(self) -> Looks:
        """Looks as a new command has them."""
        return Looks(self.experiment, self.parts, self.out)

    @property
    def rows(self) -> list[dict[str, str]]:
        return csv_files.rows(self.out / layout.LOOKS_CSV)

    def stopped(self) -> dict[Cell, int]:
        return {
            (row["recipe"], row["system"], int(row["batch_size"]), int(row["concurrency"])): int(row["rounds"])
            for row in self.rows
            if row["stops"] == "1"
        }

    def make(self, rounds: int) -> None:
        """Make every pair that is wanted of the first rounds."""
        for part, run in self.runs():
            if part.round <= rounds and self.looks.is_wanted(part, run) and not run.place.exists():
                served_s = self.served_s.get(cell_of(part, run), [1.25] * 8)[part.round - 1]
                write_pair(run.place, run, {layout.BASELINE: 1.0, layout.SERVED: served_s})

    def runs(self) -> list[tuple[Part, Run]]:
        return [(part, run) for part in self.parts if part.kind is not Kind.LOAD for run in part.runs]

    def wanted(self) -> dict[Cell, set[int]]:
        """Return the rounds that each cell needs."""
        found: dict[Cell, set[int]] = {}
        for part, run in self.runs():
            if self.looks.is_wanted(part, run):
                found.setdefault(cell_of(part, run), set()).add(part.round)
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return a folder of an experiment of which nothing is made."""
    return Folder(tmp_path)


def test_before_any_look_every_round_is_wanted(folder: Folder):
    """The baseline's pair with itself is a cell as the others are."""
    assert folder.wanted() == {cell: set(range(1, 9)) for cell in (QUIET, NOISY, SAME)}


def test_a_cell_stops_at_the_look_at_which_its_interval_is_narrow(folder: Folder):
    """Its later rounds are not wanted any more; those before it still are, should one be missing."""
    folder.make(2)
    folder.looks.look(2)
    assert folder.stopped() == {QUIET: 2, SAME: 2}
    assert folder.wanted() == {QUIET: {1, 2}, SAME: {1, 2}, NOISY: set(range(1, 9))}


def test_every_look_is_written_down_with_what_was_known(folder: Folder):
    """Its interval is wider than one of 95 % that nobody looks at in between."""
    folder.make(2)
    folder.looks.look(2)
    rows = {(row["system"], row["concurrency"]): row for row in folder.rows}
    assert tuple(folder.rows[0]) == layout.LOOKS_COLUMNS
    assert {(row["recipe"], row["rounds"]) for row in folder.rows} == {("echo", "2")}
    noisy = rows[SYSTEM, "4"]
    level = planned_looks.confidence(folder.experiment.looks, 2)
    values = [log(each) for each in (1.0, 2.0)]
    spread = paired.Spread(abs(values[1] - values[0]) / 2**0.5, 1, False)
    assert float(noisy["half_width"]) == pytest.approx(paired.half_width(2, spread, level))
    assert (noisy["stops"], rows[SYSTEM, "1"]["stops"], rows[layout.SAME, "0"]["stops"]) == ("0", "1", "1")


def test_a_cell_that_has_stopped_is_not_looked_at_again(folder: Folder):
    """Those that go on are, at every planned look."""
    for rounds in folder.experiment.looks:
        folder.make(rounds)
        folder.looks.look(rounds)
    assert folder.stopped() == {QUIET: 2, SAME: 2}
    looked = [int(row["rounds"]) for row in folder.rows if row["concurrency"] == "4"]
    assert tuple(looked) == folder.experiment.looks
    assert len(folder.rows) == len(looked) + 2


def test_an_experiment_that_goes_on_does_not_look_twice(folder: Folder):
    """Whoever looks as often as it takes finds what they look for."""
    folder.make(2)
    folder.looks.look(2)
    before = folder.rows
    folder.served_s[NOISY] = [1.0] * 8
    for part, run in folder.runs():
        if cell_of(part, run) == NOISY and run.place.exists():
            (run.place / layout.BASELINE_CSV).unlink()
            write_pair(run.place, run, {layout.BASELINE: 1.0, layout.SERVED: 1.0})
    folder.looks.look(2)
    assert folder.rows == before
    folder.looks.look(4)
    assert NOISY not in {cell for cell, rounds in folder.stopped().items() if rounds == 2}


def test_a_look_is_at_the_rounds_up_to_it(folder: Folder):
    """Whatever else is there already, from a command that was interrupted."""
    folder.served_s[NOISY] = [1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    folder.make(8)
    folder.looks.look(2)
    assert folder.stopped() == {QUIET: 2, NOISY: 2, SAME: 2}


def test_a_cell_with_too_few_rounds_for_an_interval_goes_on(folder: Folder):
    """A pair that has failed is missing; with another spread in each cell, one round alone has no interval."""
    folder.served_s[QUIET] = [1.25, 1.26] * 4
    folder.make(2)
    for part, run in folder.runs():
        if cell_of(part, run) == QUIET and part.round == 2:
            (run.place / layout.MANIFEST_JSON).unlink()
    folder.looks.look(2)
    (row,) = [row for row in folder.rows if row["concurrency"] == "1"]
    assert (isnan(float(row["half_width"])), row["stops"]) == (True, "0")


def test_without_a_precision_nothing_stops_and_nobody_looks(tmp_path: Path):
    """Every cell has all rounds."""
    folder = Folder(tmp_path, rounds=8, precision=None)
    folder.make(8)
    folder.looks.look(8)
    assert folder.rows == []
    assert folder.wanted() == {cell: set(range(1, 9)) for cell in (QUIET, NOISY, SAME)}


def test_the_cells_of_a_recipe_under_a_system_share_their_spread(tmp_path: Path):
    """Where they agree, all of their rounds tell how far the rounds of each lie apart, as in the report."""
    folder = Folder(tmp_path, recipes=["echo", "deepsegment_en"])
    apart = {"echo": 0.01, "deepsegment_en": 0.3}
    for part, run in folder.runs():
        by = apart[part.recipe.name]
        folder.served_s[cell_of(part, run)] = [1.0 + by, 1.0 - by] * 4
    folder.make(2)
    folder.looks.look(2)
    level = planned_looks.confidence(folder.experiment.looks, 2)
    for name, by in apart.items():
        sd = (log(1 + by) - log(1 - by)) / 2**0.5
        for system, cells in ((SYSTEM, 2), (layout.SAME, 1)):
            rows = [row for row in folder.rows if (row["recipe"], row["system"]) == (name, system)]
            spread = paired.Spread(sd, cells, cells > 1)  # one degree of freedom for each cell
            half_width = paired.half_width(2, spread, level)
            assert [float(row["half_width"]) for row in rows] == pytest.approx([half_width] * cells)
    assert folder.stopped().keys() == {("echo", SYSTEM, 8, 1), ("echo", SYSTEM, 8, 4)}


@pytest.mark.parametrize("kind", [Kind.PAIR, Kind.SAME])
def test_a_pairs_number_is_the_logarithm_of_served_over_baseline(tmp_path: Path, kind: Kind):
    """In the baseline's pair with itself, the second run stands for the served one."""
    run = of_kind(planned(tmp_path), kind)[0].runs[0]
    write_pair(run.place, run, {layout.BASELINE: 2.0, layout.SERVED: 3.0})
    assert log_ratio(run) == pytest.approx(log(1.5))


@pytest.mark.parametrize("kind", [Kind.PAIR, Kind.SAME])
def test_a_pair_that_is_not_whole_has_no_number(tmp_path: Path, kind: Kind):
    """It is left out, and no error."""
    run = of_kind(planned(tmp_path), kind)[0].runs[0]
    write_pair(run.place, run)
    csv_files.write_table(run.place / layout.BASELINE_CSV, layout.BASELINE_COLUMNS, [])
    assert log_ratio(run) is None


def test_a_pair_that_broke_a_rule_has_no_number(tmp_path: Path):
    """A rule that lasts leaves the pair in its place."""
    run = of_kind(planned(tmp_path), Kind.PAIR)[0].runs[0]
    write_pair(run.place, run)
    (run.place / layout.LOCUST_RUN_JSON).write_text('{"total_s": 0.5, "rule": "concurrency"}')
    manifest.write(run.place, {"conditions": {}}, layout.PAIR_FILES)
    assert log_ratio(run) is None
