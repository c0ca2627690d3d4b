"""The plan says which runs an experiment consists of and in which order, and starts nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from servecost.bench import plan
from servecost.bench.runs import Kind, Part
from servecost.core import csv_files, layout, systems
from tests.unit.bench.fakes import planned

ORDERED = {
    "recipes": ["echo", "deepsegment_en"],
    "batch_sizes": [1, 8, 32, 64],
    "concurrencies": [1, 4, 8],
    "rounds": 4,
}


def rounds_of(parts: list[Part]) -> list[Part]:
    """Return the parts of the comparison, without the instrument's own."""
    return [part for part in parts if part.has_direct_arm]


def order_of(parts: list[Part]) -> list[list[tuple[int, int]]]:
    """Return each part's runs as batch size and concurrency, which is 0 for a baseline run."""
    return [[(run.batch_size, run.concurrency) for run in part.runs] for part in rounds_of(parts)]


def test_arms_alternate_and_their_order_is_reversed_every_other_round(tmp_path: Path):
    """A batch size's baseline run is right before its served runs, or right after them; recipes change places, too."""
    parts = rounds_of(planned(tmp_path, **ORDERED))
    assert [(part.round, part.recipe.name) for part in parts[:4]] == [
        (1, "echo"),
        (1, "deepsegment_en"),
        (2, "deepsegment_en"),
        (2, "echo"),
    ]
    for part in parts:
        for first in range(0, len(part.runs), 4):
            group = part.runs[first : first + 4]
            assert len({run.batch_size for run in group}) == 1
            place = 0 if part.round % 2 else 3
            assert [run.kind is Kind.BASELINE for run in group] == [at == place for at in range(4)]
            assert {run.concurrency for run in group if run.kind is Kind.SERVED} == {1, 4, 8}


def test_cells_are_shuffled_anew_in_every_round_by_a_recorded_seed(tmp_path: Path):
    """The same seed gives the same order again, and another seed another."""
    orders = order_of(planned(tmp_path, **ORDERED))
    assert orders == order_of(planned(tmp_path, **ORDERED, seed=1))
    assert orders != order_of(planned(tmp_path, **ORDERED, seed=2))
    assert len({str(order) for order in orders}) > 4


def test_every_round_has_every_cell_once(tmp_path: Path):
    """Shuffling loses none."""
    for order in order_of(planned(tmp_path, **ORDERED)):
        assert sorted(order) == [(size, users) for size in (1, 8, 32, 64) for users in (0, 1, 4, 8)]


def test_every_system_has_a_part_in_every_round(tmp_path: Path):
    """Each has files and answers of its own, below the round and the recipe."""
    names = systems.available()[:2]
    parts = rounds_of(planned(tmp_path, systems=names))
    assert [(part.round, part.system) for part in parts] == [
        (1, names[0]),
        (1, names[1]),
        (2, names[1]),
        (2, names[0]),
    ]
    for part in parts:
        assert part.folder == tmp_path / f"round-{part.round}" / "echo" / part.system
        assert part.expected_json == part.folder / layout.EXPECTED_JSON
        assert {run.place.parent for run in part.served} == {part.folder}
        assert all(part.system in run.label for run in part.served)


def test_runs_of_one_pace_are_of_one_arm_of_one_recipe(tmp_path: Path):
    """Only such runs take about as long per example."""
    parts = rounds_of(planned(tmp_path, **ORDERED))
    paces: dict[tuple[Kind, str], set[str]] = {
        (run.kind, part.recipe.name): set() for part in parts for run in part.runs
    }
    for part in parts:
        for run in part.runs:
            paces[run.kind, part.recipe.name].add(run.pace)
    assert all(len(found) == 1 for found in paces.values())
    assert len({pace for found in paces.values() for pace in found}) == 4


def test_a_recipe_may_differ_from_the_others(tmp_path: Path):
    """What its table leaves out is as for all."""
    own = {"echo": {"examples": 7, "batch_sizes": [2]}}
    parts = rounds_of(planned(tmp_path, recipes=["echo", "deepsegment_en"], recipe=own, rounds=1))
    assert [(part.recipe.name, part.examples, {run.batch_size for run in part.runs}) for part in parts] == [
        ("echo", 7, {2}),
        ("deepsegment_en", 60, {1, 8}),
    ]


def test_a_cell_with_fewer_requests_than_users_may_have_more_examples(tmp_path: Path):
    """It has as many as it takes for a request per user, if that is allowed; the baseline runs stay as they are."""
    part = planned(tmp_path, batch_sizes=[1, 50, 100], examples=100, max_examples=200)[0]
    examples = {(run.batch_size, run.concurrency): run.examples for run in part.served}
    assert examples == {(1, 1): 100, (1, 4): 100, (50, 1): 100, (50, 4): 200, (100, 1): 100, (100, 4): 100}
    assert {run.examples for run in part.runs if run.kind is Kind.BASELINE} == {100}


def test_the_instruments_own_runs_follow_the_first_part_of_each_recipe(tmp_path: Path):
    """They are made once, on the null system, with the answers that the first part finds."""
    parts = planned(tmp_path, **ORDERED)
    own = [place for place, part in enumerate(parts) if not part.has_direct_arm]
    assert own == [1, 3]
    for place in own:
        instrument, before = parts[place], parts[place - 1]
        assert (instrument.system, instrument.round) == (layout.NULL_SYSTEM, 0)
        assert (instrument.recipe, instrument.expected_json) == (before.recipe, before.expected_json)
        assert instrument.folder == tmp_path / layout.INSTRUMENT / before.recipe.name
        assert set(instrument.tolerated) == {"client-cpu", "concurrency"}
        assert {run.kind for run in instrument.runs} == {Kind.SERVED}
        assert len(instrument.runs) == 4 * 3


@pytest.mark.parametrize(
    ("examples", "batch_size", "users", "brief"),
    [(60, 8, 4, 60), (10_000, 8, 4, 8 * 1000), (10_000, 1, 4, 1000), (10_000, 1, 300, 1200)],
)
def test_the_instruments_own_runs_are_brief(tmp_path: Path, examples: int, batch_size: int, users: int, brief: int):
    """A thousand requests are enough, or four for each user."""
    cell = {"batch_sizes": [batch_size], "concurrencies": [users], "examples": examples}
    (run,) = planned(tmp_path, **cell)[1].runs
    assert run.examples == brief


def test_the_plan_names_every_cell_of_every_round(tmp_path: Path):
    """A report finds in the plan's file what there should be, without the instrument's own runs."""
    plan.write(planned(tmp_path), tmp_path)
    rows = csv_files.rows(tmp_path / layout.PLAN_CSV)
    assert tuple(rows[0]) == layout.PLAN_COLUMNS
    cells = {(row["round"], row["batch_size"], row["concurrency"]) for row in rows}
    assert len(rows) == len(cells) == 2 * 2 * 2
    label = systems.load(systems.default()).label
    assert {(row["system"], row["system_label"]) for row in rows} == {(systems.default(), label)}
    assert {(row["examples"], row["baseline_examples"]) for row in rows} == {("60", "60")}


def test_the_order_is_in_the_plan(tmp_path: Path):
    """A run has its place among all runs of both arms, and its baseline run another."""
    plan.write(planned(tmp_path, **ORDERED), tmp_path)
    rows = csv_files.rows(tmp_path / layout.PLAN_CSV)
    places = {int(row[column]) for row in rows for column in ("order", "baseline_order")}
    assert places == set(range(1, 4 * 2 * 4 * 4 + 1))
    for row in rows:
        assert (int(row["baseline_order"]) < int(row["order"])) == (int(row["round"]) % 2 == 1)
