"""fastDeploy is started with every setting given, and its own records are read."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from servecost.core import systems
from servecost.core.system import Served

SYSTEM = systems.load("fastdeploy")


@pytest.fixture
def served(tmp_path: Path) -> Served:
    """Return a copy that is served with settings of its own."""
    settings = {**SYSTEM.settings, "WORKERS": "1"}
    return Served(tmp_path / "mine", "own/python", "127.0.0.1", (8080,), 60, settings)


def database_of(served: Served) -> sqlite3.Connection:
    """Return the database of a server, which has no tables yet."""
    (served.copy / "fastdeploy_dbs").mkdir(parents=True)
    return sqlite3.connect(served.copy / "fastdeploy_dbs" / "main_index.db")


def test_the_loop_is_started_before_the_rest_process(served: Served):
    """The loop makes the tables that the REST process needs."""
    loop, rest = SYSTEM.processes(served)
    assert (loop.name, rest.name) == ("loop", "rest")
    for process in (loop, rest):
        assert process.command == (
            "own/python",
            "-m",
            "fastdeploy",
            f"--{process.name}",
            "--recipe",
            str(served.copy),
        )
        assert (process.environment["HOST"], process.environment["PORT"]) == ("127.0.0.1", "8080")
        assert (process.environment["TIMEOUT"], process.environment["WORKERS"]) == ("60", "1")
        assert process.environment["ALLOW_PICKLE"] == "false"


def test_the_loop_is_up_once_it_has_chosen_its_batch_size(served: Served):
    """Before there is a file, a table or a row, nothing is chosen."""
    loop, _ = SYSTEM.processes(served)
    assert (loop.is_up(), SYSTEM.facts(served)) == (False, {})
    with database_of(served) as database:
        assert (loop.is_up(), SYSTEM.facts(served)) == (False, {})
        database.execute("CREATE TABLE meta_index (id TEXT, optimal_batch_size INTEGER, time_per_example REAL)")
        database.commit()
        assert (loop.is_up(), SYSTEM.facts(served)) == (False, {})
        database.execute("INSERT INTO meta_index VALUES ('0', 8, 0.25)")
        database.commit()
    assert SYSTEM.facts(served) == {"optimal_batch_size": 8, "time_per_example_s": 0.25}
    assert loop.is_up()


def test_the_stages_of_a_runs_requests_are_read(served: Served):
    """Requests of other runs, and requests that have not been answered, are left out."""
    with database_of(served) as database:
        columns = '"-1.received_at", "0.received_at", "0.predicted_at", "-1.predicted_at"'
        database.execute(f"CREATE TABLE main_index (integer_id INTEGER, id TEXT, {columns})")
        rows = [
            (2, "run-1-1", 20.0, 21.0, 22.0, 23.0),
            (1, "run-1-0", 10.0, 11.0, 12.0, 13.0),
            (3, "run-2-0", 30.0, 31.0, 32.0, 33.0),
            (4, "run-1-2", 40.0, 0.0, 0.0, 0.0),
        ]
        database.executemany("INSERT INTO main_index VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.commit()
        stages = [tuple(each) for each in SYSTEM.stages(served, "run-1")]
    assert stages == [
        (f"run-1-{number}", stage, at_s)
        for number, first_s in enumerate((10.0, 20.0))
        for stage, at_s in zip(
            ("received", "fetched", "predicted", "answered"), (first_s + step for step in range(4)), strict=True
        )
    ]
