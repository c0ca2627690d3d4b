"""A server that is started by hand has the same conditions as one in an experiment."""

from __future__ import annotations

from pathlib import Path

import pytest

from servecost.bench import by_hand, conditions, scripts
from servecost.bench.arms.server import ServerSpec
from servecost.bench.by_hand import Session, Web, known_baselines
from servecost.bench.experiment import SLICE_S
from servecost.core import csv_files, layout, manifest, recipe, systems
from tests.unit.bench.fakes import planned, write_baseline

SYSTEM = systems.default()
pytestmark = pytest.mark.usefixtures("installed")


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Return a session whose logs, and the project's results, are in the test's folder."""
    monkeypatch.setattr(by_hand, "ROOT", tmp_path)
    (tmp_path / "served").mkdir()
    chosen = recipe.load("echo")
    server = ServerSpec(chosen, systems.load(SYSTEM), "python3", tmp_path / "served", 480, {"OMP_NUM_THREADS": "2"})
    return Session(server, SLICE_S)


def here(session: Session, slice_s: float = SLICE_S) -> dict[str, object]:
    return conditions.gather(session.subject, slice_s)


def write(session: Session, batch_size: int, found: dict[str, object], **changes: str) -> Path:
    """Write a pair of these conditions as an experiment leaves it; return its folder."""
    parts = planned(
        session.server.logs.parent / "results" / f"of-{batch_size}", batch_sizes=[batch_size], concurrencies=[1]
    )
    run = parts[0].runs[0]
    folder = run.place.parent / changes.get("name", run.place.name)
    if "system" in changes:
        folder = folder.parents[1] / changes["system"] / folder.name
    folder.mkdir(parents=True, exist_ok=True)
    write_baseline(folder, run)
    manifest.write(folder, {"conditions": found})
    return folder


def sizes_known(session: Session, slice_s: float = SLICE_S) -> list[int]:
    return [int(row["batch_size"]) for row in known_baselines(session.subject, slice_s)]


def test_a_baseline_is_known_if_it_was_made_under_the_same_conditions(session: Session):
    """Runs of another system, under other conditions, or whose manifest cannot be read are no baselines of it."""
    write(session, 1, here(session))
    write(session, 8, {**here(session), "machine": {"host": "another"}})
    (write(session, 32, here(session)) / layout.MANIFEST_JSON).write_text("{")
    write(session, 64, here(session), system="another")
    assert sizes_known(session) == [1]


@pytest.mark.parametrize("suffix", [".failed", ".unfinished"])
def test_a_pair_that_has_no_number_has_no_baseline(session: Session, suffix: str):
    """Its files show why it failed, and nothing else."""
    write(session, 1, here(session), name=f"b1-c1{suffix}")
    assert sizes_known(session) == []


def test_every_pair_of_a_batch_size_has_a_baseline_run(session: Session):
    """The known seconds are the mean of all of them."""
    for name in ("b8-c1", "b8-c4"):
        write(session, 8, here(session), name=name)
    assert sizes_known(session) == [8, 8]


def test_a_baseline_in_slices_of_another_length_is_not_known(session: Session):
    """They are a condition, as in an experiment."""
    write(session, 8, here(session, slice_s=0.0))
    assert sizes_known(session) == []
    assert sizes_known(session, slice_s=0.0) == [8]


def test_a_session_is_of_the_interpreter_and_the_variables_that_serve(session: Session):
    """The baseline that is timed beside it has them, too."""
    assert session.subject == conditions.Subject(session.server.recipe, SYSTEM, "python3", {"OMP_NUM_THREADS": "2"})
    own = session.baseline
    assert (own.recipe, own.python, own.environment) == (session.server.recipe, "python3", {"OMP_NUM_THREADS": "2"})
    assert own.folder == session.server.logs


def test_known_baselines_are_at_hand_for_the_web_interface(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Those that are asked for are timed, and stand in the same file."""

    def time(own: scripts.Baseline, batch_sizes: tuple[int, ...], examples: int, path: Path) -> None:
        rows = [("echo", batch_size, 1, examples, 0.25) for batch_size in batch_sizes]
        csv_files.append(path, layout.BASELINE_COLUMNS, rows)

    monkeypatch.setattr(scripts.Baseline, "time", time)
    write(session, 1, here(session))
    path = by_hand._gather_baselines(session, Web(8089, 0, (8, 64), 100))
    assert [(row["batch_size"], row["examples"]) for row in csv_files.rows(path)] == [
        ("1", "60"),
        ("8", "100"),
        ("64", "100"),
    ]
    assert capsys.readouterr().out.splitlines() == [
        "Timing the baseline: 100 examples, batch sizes 8, 64 …",
        "Baseline known for batch sizes 1, 8, 64",
    ]


def test_without_a_known_baseline_it_is_said_how_to_have_one(session: Session, capsys: pytest.CaptureFixture[str]):
    """There is no overhead without one."""
    path = by_hand._gather_baselines(session, Web(8089, 0, (), 100))
    assert csv_files.rows(path) == []
    assert "`--baseline 8` times one first" in capsys.readouterr().out
