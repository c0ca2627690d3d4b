"""A results folder is used by one experiment, one bench at a time, under the same conditions."""

from __future__ import annotations

import fcntl
import json
import re
from pathlib import Path
from typing import Any

import pytest

from servecost.bench.results_folder import ResultsFolderError, check_alike, check_same, claimed
from servecost.core import layout, manifest
from tests.unit.bench.fakes import experiment

HERE = {"machine": {"host": "a"}, "load": {"versions": {"locust": "2.47.0"}}}
THERE = {"machine": {"host": "b"}, "load": {"versions": {"locust": "2.47.0"}}}


def hold(out: Path, conditions: dict[str, object]) -> None:
    """Have a results folder hold a run that was made under some conditions."""
    (out / "round-1" / "b1-c1").mkdir(parents=True)
    manifest.write(out / "round-1" / "b1-c1", {"conditions": conditions})


def test_a_folder_is_made_and_marked_with_its_experiment(tmp_path: Path):
    """The same experiment may go on in it."""
    out = tmp_path / "new" / "out"
    chosen = experiment(rounds=6, precision=0.03)
    for _ in range(2):
        with claimed(out, chosen, [HERE], []):
            assert json.loads((out / layout.EXPERIMENT_JSON).read_text()) == chosen.model_dump(mode="json")
    assert sorted(path.name for path in out.iterdir()) == [".lock", layout.EXPERIMENT_JSON]


def test_a_folder_of_another_experiment_is_not_touched(tmp_path: Path):
    """The line says what differs and what to do."""
    with claimed(tmp_path, experiment(), [HERE], []):
        before = (tmp_path / layout.EXPERIMENT_JSON).read_text()
    says = rf"^{tmp_path} was made by a different experiment \(examples, seed differ\); choose another with --out$"
    with pytest.raises(ResultsFolderError, match=says), claimed(tmp_path, experiment(examples=61, seed=4), [], []):
        pass
    assert (tmp_path / layout.EXPERIMENT_JSON).read_text() == before


def test_a_key_that_only_one_of_two_experiments_has_is_a_difference(tmp_path: Path):
    """A newer version may know more keys."""
    with pytest.raises(ResultsFolderError, match=r"\(new, old differ\)"):
        check_same({"old": 1, "seed": 1}, {"new": 1, "seed": 1}, tmp_path)


def publish(folder: Path, conditions: dict[str, Any], version: int = layout.SCHEMA_VERSION, **changes: Any) -> Path:
    """Return a folder with what says how published results were made."""
    folder.mkdir()
    made_with = [{"schema_version": version, "conditions": conditions}]
    (folder / layout.MADE_WITH_JSON).write_text(json.dumps(made_with))
    (folder / layout.EXPERIMENT_JSON).write_text(experiment(**changes).model_dump_json())
    return folder


def test_published_results_of_another_host_are_taken_over(tmp_path: Path):
    """A later publication takes the place of an earlier one, and without one the folder keeps what it has."""
    out = tmp_path / "out"
    for name in ("first", "second"):
        published = publish(tmp_path / name, THERE)
        (published / name).touch()
        with claimed(out, experiment(), [HERE], [], published):
            assert (out / layout.EARLIER / name).is_file()
    with claimed(out, experiment(), [HERE], []):
        assert sorted(path.name for path in (out / layout.EARLIER).iterdir()) == [
            layout.EXPERIMENT_JSON,
            layout.MADE_WITH_JSON,
            "second",
        ]


@pytest.mark.parametrize(
    ("load", "version", "changes", "says"),
    [
        ("2.47.0", layout.SCHEMA_VERSION, {"examples": 61}, "made by a different experiment (examples differ)"),
        ("2.46.0", layout.SCHEMA_VERSION, {}, "load.versions.locust (2.46.0 / 2.47.0)"),
        ("2.47.0", 3, {}, "published by another version of this project"),
    ],
)
def test_published_results_of_something_else_are_refused(
    tmp_path: Path, load: str, version: int, changes: dict[str, Any], says: str
):
    """The line says what differs, and nothing is taken over."""
    conditions = {**THERE, "load": {"versions": {"locust": load}}}
    published = publish(tmp_path / "published", conditions, version, **changes)
    out = tmp_path / "out"
    with pytest.raises(ResultsFolderError, match=re.escape(says)), claimed(out, experiment(), [HERE], [], published):
        pass
    assert not (out / layout.EARLIER).exists()


def test_a_folder_without_published_results_is_refused(tmp_path: Path):
    """The line says what would be right."""
    says = rf"^{tmp_path} has no published results; give a folder like docs/results/page$"
    with pytest.raises(ResultsFolderError, match=says), claimed(tmp_path / "out", experiment(), [HERE], [], tmp_path):
        pass


HELD: dict[str, Any] = {
    "recipes": ["echo", "mine/model"],
    "systems": ["fastdeploy"],
    "rounds": 2,
    "seed": 1,
    "system": {"fastdeploy": {"WORKERS": "1"}},
    "recipe": {"echo": {"examples": 60, "batch_sizes": None, "system": {}}},
}


@pytest.mark.parametrize(
    "change",
    [
        {"rounds": 5},
        {"recipes": ["echo", "/home/me/mine/model", "other"], "recipe": {**HELD["recipe"], "other": {"examples": 7}}},
        {"systems": ["fastapi", "fastdeploy"], "system": {**HELD["system"], "fastapi": {"WORKERS": "2"}}},
        {"recipe": {"echo": {"examples": 60, "batch_sizes": [1, 8]}}},
        {"batch_sizes": [1, 8], "concurrencies": [1], "examples_total": 500, "aa": False},
    ],
)
def test_s21_what_only_adds_runs_is_no_other_experiment(tmp_path: Path, change: dict[str, Any]):
    """More rounds, cells, recipes and systems, and another way to write a path."""
    check_same(HELD, {**HELD, **change}, tmp_path)
    check_same({**HELD, **change}, HELD, tmp_path)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"recipe": {"echo": {"examples": 61}}}, "recipe.echo.examples"),
        ({"recipe": {}}, "recipe.echo.examples"),
        ({"recipe": {**HELD["recipe"], "model": {"examples": 7}}}, "recipe.model.examples"),
        ({"system": {}}, "system.fastdeploy"),
        ({"recipe": {"echo": {"examples": 60, "system": {"fastdeploy": {"A": "1"}}}}}, "recipe.echo.system.fastdeploy"),
        ({"seed": 2}, "seed"),
    ],
)
def test_what_decides_a_run_that_there_is_makes_another_experiment(tmp_path: Path, change: dict[str, Any], key: str):
    """The line names it as the file has it."""
    with pytest.raises(ResultsFolderError, match=rf"\({re.escape(key)} differ\)"):
        check_same(HELD, {**HELD, **change}, tmp_path)


@pytest.mark.parametrize("name", ["thesis.txt", ".hidden"])
def test_a_folder_that_holds_something_else_is_not_touched(tmp_path: Path, name: str):
    """It may be a home folder."""
    (tmp_path / name).write_text("words")
    with (
        pytest.raises(ResultsFolderError, match="holds something else than results; choose another folder"),
        claimed(tmp_path, experiment(), [], []),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_is_no_folder(tmp_path: Path):
    """Its content stays."""
    (tmp_path / "out").write_text("words")
    with pytest.raises(ResultsFolderError, match="out is no folder"), claimed(tmp_path / "out", experiment(), [], []):
        pass
    assert (tmp_path / "out").read_text() == "words"


def test_a_folder_that_cannot_be_written_to_is_refused():
    """The line has the reason of the operating system."""
    with (
        pytest.raises(ResultsFolderError, match=r"^/proc/results cannot be written to \(.+\); choose another"),
        claimed(Path("/proc/results"), experiment(), [], []),
    ):
        pass


def test_a_folder_that_another_bench_writes_to_is_left_to_it(tmp_path: Path):
    """Two would make the same runs, and disturb each other's; after the other has ended, the folder is free."""
    with claimed(tmp_path, experiment(), [], []):
        pass
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with (
            pytest.raises(ResultsFolderError, match="is being written by another bench"),
            claimed(tmp_path, experiment(), [], []),
        ):
            pass
    with claimed(tmp_path, experiment(), [], []):
        pass


def test_a_record_that_cannot_be_read_is_refused(tmp_path: Path):
    """It was cut short, say."""
    (tmp_path / layout.EXPERIMENT_JSON).write_text("{")
    with (
        pytest.raises(ResultsFolderError, match=rf"{layout.EXPERIMENT_JSON} cannot be read"),
        claimed(tmp_path, experiment(), [], []),
    ):
        pass


def test_runs_under_other_conditions_are_refused_unless_the_field_is_allowed(tmp_path: Path):
    """The line names the field and its values."""
    hold(tmp_path, HERE)
    check_alike(tmp_path, [HERE], [])
    says = r"made under other conditions: machine.host \(a / b\); .*--allow-different FIELD$"
    with pytest.raises(ResultsFolderError, match=says):
        check_alike(tmp_path, [THERE], [])
    check_alike(tmp_path, [THERE], ["machine.host"])


def test_conditions_are_checked_before_anything_is_made(tmp_path: Path):
    """A folder that goes on elsewhere is refused as a whole."""
    with claimed(tmp_path, experiment(), [HERE], []):
        hold(tmp_path, HERE)
    with pytest.raises(ResultsFolderError, match="other conditions"), claimed(tmp_path, experiment(), [THERE], []):
        pass
    with claimed(tmp_path, experiment(), [THERE], ["host"]):
        pass
