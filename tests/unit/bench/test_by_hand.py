"""A server that is started by hand has the same conditions as one in an experiment."""

from __future__ import annotations

from pathlib import Path

import pytest

from servecost.bench import by_hand, conditions
from servecost.bench.arms.server import ServerSpec
from servecost.bench.by_hand import Session, known_baselines
from servecost.core import csv_files, layout, manifest, recipe, systems

SYSTEM = systems.default()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """Return a session whose logs are in the test's folder."""
    chosen = recipe.load("echo")
    return Session(ServerSpec(chosen, systems.load(SYSTEM), "python3", tmp_path, 480, {"OMP_NUM_THREADS": "2"}))


def write_baseline(folder: Path, batch_size: int, found: dict[str, object]) -> None:
    """Write a baseline run as an experiment leaves it."""
    csv_files.write_table(folder / layout.BASELINE_CSV, layout.BASELINE_COLUMNS, [("echo", batch_size, 1, 60, 0.5)])
    manifest.write(folder, {"conditions": found})


@pytest.mark.usefixtures("installed")
def test_a_baseline_is_known_if_it_was_made_under_the_same_conditions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: Session
):
    """Runs of another system, under other conditions, or whose manifest cannot be read are no baselines of it."""
    monkeypatch.setattr(by_hand, "ROOT", tmp_path)
    here = conditions.gather(session.subject)
    parts = [tmp_path / "results" / f"of-{number}" / "round-1" / "echo" / SYSTEM for number in range(4)]
    parts[3] = parts[3].with_name("another")
    for folder in parts:
        folder.mkdir(parents=True)
    write_baseline(parts[0], 1, here)
    write_baseline(parts[1], 8, {**here, "machine": {"host": "another"}})
    write_baseline(parts[2], 32, here)
    (parts[2] / layout.MANIFEST_JSON).write_text("{")
    write_baseline(parts[3], 64, here)
    assert [row["batch_size"] for row in known_baselines(session.subject)] == ["1"]


def test_a_session_is_of_the_interpreter_and_the_variables_that_serve(session: Session):
    """The baseline that is timed beside it has them, too."""
    assert session.subject == conditions.Subject(session.server.recipe, SYSTEM, "python3", {"OMP_NUM_THREADS": "2"})
    own = session.baseline
    assert (own.recipe, own.python, own.environment) == (session.server.recipe, "python3", {"OMP_NUM_THREADS": "2"})
    assert own.folder == session.server.logs
