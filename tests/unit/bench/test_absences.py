"""What cannot be had together is found before anything is timed, written down, and has no part."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from servecost.bench import absences, plan, run
from servecost.bench.environments import EnvironmentRefused, Environments, Incompatible
from servecost.bench.experiment import ExperimentError
from servecost.bench.progress import Display
from servecost.core import csv_files, layout, recipe
from servecost.core.recipe import Recipe
from servecost.core.system import System
from tests.unit.bench.fakes import experiment, write_pair

REASONS = {
    "fastapi": Incompatible("it needs numpy<2"),
    "mosec": EnvironmentRefused("no index was reached"),
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return which environments are asked for; those of two systems are refused, for different reasons."""
    noted: list[tuple[str, str]] = []

    def python_for(self: Environments, chosen: Recipe, system: System) -> str:
        noted.append((chosen.name, system.name))
        if system.name in REASONS:
            raise REASONS[system.name]
        return "python3"

    monkeypatch.setattr(Environments, "python_for", python_for)
    return noted


def environments() -> Environments:
    display = Display((), Console(file=io.StringIO()))
    return Environments(display.tick, display.say)


def present(out: Path, *systems: str) -> list[str]:
    """Return the systems of the parts that an experiment has."""
    chosen = experiment(systems=list(systems))
    parts = run.present(chosen, [recipe.load("echo")], out, environments())
    return sorted({part.system for part in parts if part.round})


@pytest.mark.usefixtures("asked")
def test_a_pair_that_cannot_be_had_together_is_absent(tmp_path: Path):
    """Its reason is in a file, and the plan does not have it; one that may be had another time has its parts."""
    assert present(tmp_path, "fastapi", "fastdeploy", "mosec") == ["fastdeploy", "mosec"]
    (row,) = csv_files.rows(tmp_path / layout.ABSENT_CSV)
    assert row == {
        "recipe": "echo",
        "system": "fastapi",
        "system_label": "FastAPI by hand",
        "reason": "it needs numpy<2",
    }
    assert {row["system"] for row in csv_files.rows(tmp_path / layout.PLAN_CSV)} == {"fastdeploy", "mosec", layout.SAME}


@pytest.mark.usefixtures("asked")
def test_an_experiment_without_any_pair_is_refused(tmp_path: Path):
    """Each reason is a line."""
    with pytest.raises(ExperimentError) as refused:
        present(tmp_path, "fastapi")
    assert str(refused.value).splitlines() == [
        "there is nothing to measure",
        "echo under FastAPI by hand is absent: it needs numpy<2",
    ]


def test_no_environment_is_built_for_what_is_complete(tmp_path: Path, asked: list[tuple[str, str]]):
    """Results can be looked at without an installation."""
    chosen = experiment(systems=["fastdeploy", "litserve"])
    for part in plan.parts(chosen, [recipe.load("echo")], tmp_path):
        if part.system == "litserve":
            for each in part.runs:
                write_pair(each.place, each)
    present(tmp_path, "fastdeploy", "litserve")
    assert asked == [("echo", "fastdeploy")]


def test_the_line_names_both(tmp_path: Path):
    """As a reader of the table would."""
    absence = absences.Absence("echo", "ray+batch", "Ray Serve, batching", "why")
    assert str(absence) == "echo under Ray Serve, batching is absent: why"
