"""The plan says which pairs an experiment consists of and in which order, and starts nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from servecost.bench import plan
from servecost.bench.runs import LARGE, Kind, Part
from servecost.core import csv_files, layout, recipe, systems
from tests.unit.bench.fakes import experiment, of_kind, planned

ORDERED: dict[str, Any] = {
    "recipes": ["echo", "deepsegment_en"],
    "batch_sizes": [1, 8, 32, 64],
    "concurrencies": [1, 4, 8],
    "rounds": 4,
}
CELLS = [(size, users) for size in (1, 8, 32, 64) for users in (1, 4, 8)]


def order_of(parts: list[Part]) -> list[list[tuple[int, int]]]:
    """Return each part's pairs as batch size and concurrency."""
    return [[(run.batch_size, run.concurrency) for run in part.runs] for part in of_kind(parts, Kind.PAIR)]


def test_parts_are_shuffled_by_the_seed_and_reversed_every_other_round(tmp_path: Path):
    """A machine that becomes slower or faster favours no recipe and no system."""
    names = systems.available()[:5]

    def order(seed: int) -> list[list[tuple[str, str]]]:
        parts = of_kind(planned(tmp_path, **ORDERED, systems=names, seed=seed), Kind.PAIR)
        return [[(part.recipe.name, part.system) for part in parts if part.round == number] for number in range(1, 5)]

    first = order(1)
    assert first == order(1) != order(2)
    assert (first[1], first[3]) == (first[0][::-1], first[2][::-1])
    assert first[0] != first[2]
    assert sorted(first[0]) == sorted((recipe, name) for recipe in ORDERED["recipes"] for name in names)


def test_what_cannot_be_had_together_has_no_part(tmp_path: Path):
    """The baseline still meets itself, and another system's part finds the right answers."""
    one, other = "fastapi", "fastdeploy"
    chosen = experiment(**{**ORDERED, "systems": [one, other]})
    recipes = [recipe.load(name) for name in chosen.recipes]
    parts = plan.parts(chosen, recipes, tmp_path, {("echo", one)})
    found = {(part.recipe.name, part.system) for part in of_kind(parts, Kind.PAIR)}
    assert found == {("echo", other), ("deepsegment_en", one), ("deepsegment_en", other)}
    assert len(of_kind(parts, Kind.SAME)) == 2 * 4
    assert {(part.recipe.name, part.system) for part in of_kind(parts, Kind.LOAD)} == {
        (name, f"null+{system}") for name, system in found
    }


@pytest.mark.parametrize(("key", "kind"), [("instrument", Kind.LOAD), ("aa", Kind.SAME)])
def test_an_experiment_may_do_without_what_checks_the_instrument(tmp_path: Path, key: str, kind: Kind):
    """Its pairs are the same ones, in the same order."""
    whole, brief = planned(tmp_path, **ORDERED), planned(tmp_path, **ORDERED, **{key: False})
    assert of_kind(whole, kind)
    assert brief == [part for part in whole if part.kind is not kind]


def test_pairs_of_one_batch_size_stand_together(tmp_path: Path):
    """Memory that one size needs is not touched anew in between."""
    for order in order_of(planned(tmp_path, **ORDERED)):
        for first in range(0, len(order), 3):
            assert len({batch_size for batch_size, _ in order[first : first + 3]}) == 1


def test_large_batches_come_last_and_in_their_order(tmp_path: Path):
    """What they leave in a server's memory does not rest beside small ones."""
    sizes = {"batch_sizes": [1, 512, 8, LARGE, 64]}
    for part in of_kind(planned(tmp_path, **{**ORDERED, **sizes}), Kind.PAIR):
        order = [run.batch_size for run in part.runs]
        assert order[-6:] == [LARGE] * 3 + [512] * 3
        assert part.first_batch_size == 64
    (part, *_) = planned(tmp_path, **{**ORDERED, "batch_sizes": [512, 256]})
    assert part.first_batch_size is None


def test_cells_are_shuffled_anew_in_every_round_by_a_recorded_seed(tmp_path: Path):
    """The same seed gives the same order again, and another seed another."""
    orders = order_of(planned(tmp_path, **ORDERED))
    assert orders == order_of(planned(tmp_path, **ORDERED, seed=1))
    assert orders != order_of(planned(tmp_path, **ORDERED, seed=2))
    assert len({str(order) for order in orders}) > 4


def test_every_round_has_every_cell_once(tmp_path: Path):
    """Shuffling loses none."""
    orders = order_of(planned(tmp_path, **ORDERED))
    assert len(orders) == 2 * 4
    for order in orders:
        assert sorted(order) == CELLS


def test_a_cell_has_no_further_rounds_than_its_examples_take(tmp_path: Path):
    """Others go on; a round in which nothing is left has no part."""
    parts = planned(tmp_path, rounds=8, examples=60, max_examples=160, batch_sizes=[8, 40], examples_total=300)
    rounds = {
        (run.batch_size, run.concurrency): max(part.round for part in of_kind(parts, Kind.PAIR) if run in part.runs)
        for part in of_kind(parts, Kind.PAIR)
        for run in part.runs
    }
    assert rounds == {(8, 1): 5, (8, 4): 5, (40, 1): 5, (40, 4): 4}
    assert [part.round for part in of_kind(parts, Kind.SAME)] == [1, 2, 3, 4, 5]


def test_a_cell_may_have_several_pairs_in_a_round(tmp_path: Path):
    """Each has a place and a label of its own, and all cells have theirs before the next pair of any."""
    parts = planned(tmp_path, rounds=1, pairs=3)
    (cells,), (same,) = (of_kind(parts, kind) for kind in (Kind.PAIR, Kind.SAME))
    assert [run.pair for run in cells.runs] == [1] * 4 + [2] * 4 + [3] * 4
    assert len({run.place for run in cells.runs}) == len({run.label for run in cells.runs}) == 12
    assert [run.place.name for run in same.runs] == ["b8-c0", "b8-c0-p2", "b8-c0-p3"]
    assert sum(len(part.runs) for part in of_kind(parts, Kind.LOAD)) == 4


def test_every_system_has_a_part_in_every_round(tmp_path: Path):
    """Each has files and answers of its own, below the round and the recipe."""
    names = systems.available()[:2]
    parts = of_kind(planned(tmp_path, systems=names), Kind.PAIR)
    assert sorted((part.round, part.system) for part in parts) == [
        (number, name) for number in (1, 2) for name in names
    ]
    for part in parts:
        assert part.folder == tmp_path / f"round-{part.round}" / "echo" / part.system
        assert part.expected_json == part.folder / layout.EXPECTED_JSON
        assert {run.place for run in part.runs} == {
            part.folder / layout.cell_folder(run.batch_size, run.concurrency) for run in part.runs
        }
        assert all(part.system in run.label for run in part.runs)


def test_runs_of_one_pace_are_of_one_recipe_under_one_system(tmp_path: Path):
    """Only such runs take about as long per example."""
    parts = planned(tmp_path, **ORDERED)
    paces: dict[tuple[str, str], set[str]] = {}
    for part in parts:
        paces.setdefault((part.recipe.name, plan.system_of(part)), set()).update(run.pace for run in part.runs)
    assert all(len(found) == 1 for found in paces.values())
    assert len({pace for found in paces.values() for pace in found}) == len(paces) == 2 * 3


def test_a_recipe_may_differ_from_the_others(tmp_path: Path):
    """What its table leaves out is as for all."""
    own = {"echo": {"examples": 7, "batch_sizes": [2]}}
    parts = of_kind(planned(tmp_path, recipes=["echo", "deepsegment_en"], recipe=own), Kind.PAIR)[:2]
    found = {
        part.recipe.name: ({run.examples for run in part.runs}, {run.batch_size for run in part.runs}) for part in parts
    }
    assert found == {"echo": ({7}, {2}), "deepsegment_en": ({60}, {1, 8})}


def test_a_cell_with_fewer_requests_than_users_may_have_more_examples(tmp_path: Path):
    """It has as many as it takes for a request per user, in both of its arms, if that is allowed."""
    part = planned(tmp_path, batch_sizes=[1, 50, 100], examples=100, max_examples=200)[0]
    examples = {(run.batch_size, run.concurrency): run.examples for run in part.runs}
    assert examples == {(1, 1): 100, (1, 4): 100, (50, 1): 100, (50, 4): 200, (100, 1): 100, (100, 4): 100}


def test_large_batches_may_have_more_examples(tmp_path: Path):
    """As many as it takes for the requests that are asked for, up to the limit, but never fewer than the others."""
    own = {"batch_sizes": [1, 8, 50], "examples": 100, "max_examples": 300, "min_requests": 20, "recipes": ["echo"]}
    part = planned(tmp_path, **own)[0]
    examples = {(run.batch_size, run.concurrency): run.examples for run in part.runs}
    assert examples == {(1, 1): 100, (1, 4): 100, (8, 1): 160, (8, 4): 160, (50, 1): 300, (50, 4): 300}
    part = planned(tmp_path, **own, recipe={"echo": {"min_requests": 2}})[0]
    assert {run.examples for run in part.runs if run.concurrency == 1} == {100}


@pytest.mark.parametrize(
    ("sizes", "nearest"), [([60], 60), ([1, 8], 8), ([32, 1], 1), ([4, 12], 4), ([1, 8, 32, 64, 128, 256, 512], 8)]
)
def test_the_baseline_meets_itself_once_in_every_round_of_every_recipe(tmp_path: Path, sizes: list[int], nearest: int):
    """That is a pair at the batch size nearest to 8, after the recipe's first system; its folder is its own."""
    names = systems.available()[:2]
    parts = planned(tmp_path, **{**ORDERED, "batch_sizes": sizes, "systems": names})
    found = of_kind(parts, Kind.SAME)
    assert sorted((part.round, part.recipe.name) for part in found) == [
        (number, name) for number in range(1, 5) for name in ("deepsegment_en", "echo")
    ]
    for part in found:
        before = parts[parts.index(part) - 1]
        assert (before.system, before.round, before.recipe) == (names[0], part.round, part.recipe)
        (run,) = part.runs
        assert (run.batch_size, run.concurrency, run.examples) == (nearest, 0, 60)
        assert part.folder == tmp_path / layout.round_folder(part.round) / part.recipe.name / layout.SAME
        assert run.place == part.folder / layout.cell_folder(nearest, 0)


def test_the_instruments_own_runs_follow_the_first_part_of_each_recipe_and_wire(tmp_path: Path):
    """They are made once, on the null system in the system's wire, with the answers that the part before finds."""
    parts = planned(tmp_path, **ORDERED, systems=["fastapi", "fastapi+batch", "fastdeploy"])
    found = of_kind(parts, Kind.LOAD)
    assert len(found) == len(ORDERED["recipes"]) * 2
    for instrument in found:
        before = [part for part in parts[: parts.index(instrument)] if part.kind is Kind.PAIR][-1]
        wire = systems.folder_of(before.system).name
        assert (instrument.system, instrument.round) == (f"{layout.NULL_SYSTEM}+{wire}", 0)
        assert (instrument.recipe, instrument.expected_json) == (before.recipe, before.expected_json)
        assert instrument.folder == tmp_path / layout.INSTRUMENT / before.recipe.name / wire
        assert set(instrument.tolerated) == {"client-cpu", "concurrency"}
        assert [(run.batch_size, run.concurrency) for run in instrument.runs] == CELLS


def test_the_instruments_own_runs_wait_for_the_first_part_that_is_made(tmp_path: Path):
    """A part that is done gives no answers any more."""
    chosen = experiment(rounds=3)
    recipes = [recipe.load(name) for name in chosen.recipes]
    first, second, _ = of_kind(plan.parts(chosen, recipes, tmp_path), Kind.PAIR)
    begun = {run.place for run in (*first.runs, second.runs[0])}
    (instrument,) = of_kind(plan.parts(chosen, recipes, tmp_path, done=begun), Kind.LOAD)
    assert instrument.expected_json == second.expected_json


@pytest.mark.parametrize(
    ("examples", "batch_size", "users", "brief"),
    [
        (60, 8, 4, 8 * 1000),
        (10_000, 1, 4, 1000),
        (10_000, 1, 300, 1200),
        (60, 32, 4, 8192),
        (30_000, 32, 4, 30_000),
        (60_000, 32, 4, 32 * 1000),
    ],
)
def test_the_instruments_own_runs_are_brief(tmp_path: Path, examples: int, batch_size: int, users: int, brief: int):
    """A thousand requests, or four for each user, whatever the run has; fewer only where they are large."""
    cell = {"batch_sizes": [batch_size], "concurrencies": [users], "examples": examples}
    ((run,),) = (part.runs for part in of_kind(planned(tmp_path, **cell), Kind.LOAD))
    assert run.examples == brief


def test_no_other_part_tolerates_a_broken_rule(tmp_path: Path):
    """A pair's number counts only by all rules."""
    parts = planned(tmp_path, **ORDERED)
    assert {part.tolerated for kind in (Kind.PAIR, Kind.SAME) for part in of_kind(parts, kind)} == {()}


def written(out: Path, **changes: object) -> list[dict[str, str]]:
    """Return the rows of an experiment's plan."""
    plan.write(planned(out, **changes), out)
    return csv_files.rows(out / layout.PLAN_CSV)


def test_the_plan_names_every_pair_of_every_round(tmp_path: Path):
    """A report finds in the plan's file what there should be, without the instrument's own runs."""
    rows = written(tmp_path)
    assert tuple(rows[0]) == layout.PLAN_COLUMNS
    cells = {(row["round"], row["system"], row["batch_size"], row["concurrency"]) for row in rows}
    assert len(rows) == len(cells) == 2 * (2 * 2 + 1)
    label = systems.load(systems.default()).label
    assert {(row["system"], row["system_label"]) for row in rows} == {
        (systems.default(), label),
        (layout.SAME, layout.SAME_LABEL),
    }
    assert {row["examples"] for row in rows} == {"60"}
    assert {row["concurrency"] for row in rows if row["system"] == layout.SAME} == {"0"}


def test_the_plan_has_the_examples_of_each_pair(tmp_path: Path):
    """A cell may have more of them than others."""
    rows = written(tmp_path, batch_sizes=[1, 50], examples=100, max_examples=200)
    examples = {(row["batch_size"], row["concurrency"]): row["examples"] for row in rows if row["round"] == "1"}
    assert examples == {("1", "0"): "100", ("1", "1"): "100", ("1", "4"): "100", ("50", "1"): "100", ("50", "4"): "200"}


def test_the_order_is_in_the_plan(tmp_path: Path):
    """Each pair has its place among all pairs."""
    parts = planned(tmp_path, **ORDERED)
    rows = written(tmp_path, **ORDERED)
    pairs = 2 * 4 * (4 * 3 + 1)
    assert sorted(int(row["order"]) for row in rows) == list(range(1, pairs + 1))
    by_order = {int(row["order"]): row for row in rows}
    made = [(part, run) for part in parts if part.kind is not Kind.LOAD for run in part.runs]
    assert len(made) == pairs
    for order, (part, run) in enumerate(made, start=1):
        row = by_order[order]
        assert (int(row["round"]), row["recipe"], row["system"]) == (part.round, part.recipe.name, plan.system_of(part))
        assert (int(row["batch_size"]), int(row["concurrency"])) == (run.batch_size, run.concurrency)
