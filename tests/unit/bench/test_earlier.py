"""Pairs that have been published are not made again."""

from __future__ import annotations

from pathlib import Path

from servecost.bench import earlier, held, store
from servecost.bench.runs import Kind
from servecost.core import csv_files, layout, systems
from tests.unit.bench.fakes import planned

KEY = ("round", "recipe", "system", "batch_size", "concurrency", "pair")


def write(out: Path, name: str, columns: tuple[str, ...], *rows: tuple[object, ...]) -> None:
    """Write a table of those that a results folder has published."""
    (out / layout.EARLIER).mkdir(exist_ok=True)
    csv_files.write_table(out / layout.EARLIER / name, columns, rows)


def test_valid_published_runs_of_every_kind_are_done(tmp_path: Path):
    """One that broke a rule is made again."""
    system = systems.default()
    broken = (1, "echo", system, 8, 1, 1, "failures")
    write(tmp_path, layout.SERVED_TABLE_CSV, (*KEY, "rule"), (1, "echo", system, 1, 4, 1, ""), broken)
    write(
        tmp_path,
        layout.SAME_TABLE_CSV,
        ("round", "recipe", "batch_size", "pair", "rule"),
        (1, "echo", 8, 1, ""),
        (2, "echo", 8, 1, "missing"),
    )
    columns = ("recipe", "system", "batch_size", "concurrency", "requests")
    write(tmp_path, layout.INSTRUMENT_TABLE_CSV, columns, ("echo", system, 1, 1, 1000), ("echo", system, 8, 1, 0))
    done = earlier.done(tmp_path)
    parts = planned(tmp_path)
    made = {(part.kind, part.round, run.batch_size, run.concurrency) for part in parts for run in part.runs}
    left = {
        (part.kind, part.round, run.batch_size, run.concurrency)
        for part, runs in store.pending(parts, done)
        for run in runs
    }
    assert len(done) == 3
    assert made - left == {(Kind.PAIR, 1, 1, 4), (Kind.SAME, 1, 8, 0), (Kind.LOAD, 0, 1, 1)}


def test_without_published_results_everything_is_to_be_made(tmp_path: Path):
    """As it always was."""
    assert earlier.done(tmp_path) == frozenset()
    assert len(store.pending(planned(tmp_path), earlier.done(tmp_path))) == len(planned(tmp_path))


def test_what_a_system_chose_in_a_published_pair_holds(tmp_path: Path):
    """The experiment goes on with it."""
    system = systems.load("fastdeploy")
    columns = (*KEY, "optimal_batch_size", "host", "rule")
    write(tmp_path, layout.SERVED_TABLE_CSV, columns, (1, "echo", "fastdeploy", 1, 4, 1, 64, "a/1", ""))
    assert held.settings(tmp_path, "echo", system) == {"OPTIMAL_BATCH_SIZE": "64"}
    assert held.settings(tmp_path, "other", system) == {}
