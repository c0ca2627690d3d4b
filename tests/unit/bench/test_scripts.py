"""The bench starts the same scripts that a user starts by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from servecost.bench.scripts import baseline_command, locust_command, script_of
from servecost.core import recipe
from servecost.core.recipe import ROOT
from tests.support import write_recipe


@pytest.mark.parametrize("stage", ["baseline", "locustfiles"])
@pytest.mark.parametrize("name", recipe.available())
def test_a_shipped_recipe_has_its_own_script_or_the_generic_one(stage: str, name: str):
    """The script is there."""
    script = script_of(stage, recipe.load(name))
    assert script.is_file()
    assert script.stem == (name if (ROOT / stage / f"{name}.py").exists() else "generic")


@pytest.mark.parametrize("stage", ["baseline", "locustfiles"])
def test_a_recipe_of_somebody_elses_has_the_generic_script(tmp_path: Path, stage: str):
    """Its name may be that of a shipped one."""
    chosen = recipe.load(write_recipe(tmp_path / "deepsegment_en"))
    assert script_of(stage, chosen) == ROOT / stage / "generic.py"


def test_the_direct_arm_runs_on_the_given_interpreter(tmp_path: Path):
    """The generic script is given the recipe, and both leave the expected answers in the file."""
    chosen = recipe.load(write_recipe(tmp_path / "mine"))
    generic = baseline_command(chosen, "own/python", tmp_path / "expected.json")

    def ending(of: recipe.Recipe) -> list[str]:
        return ["--this-python", "--inputs", of.inputs.digest, "--expected", str(tmp_path / "expected.json")]

    script = str(ROOT / "baseline/generic.py")
    assert generic == ["own/python", script, "--recipe", str(chosen.folder), *ending(chosen)]
    shipped = recipe.load("deepsegment_en")
    command = baseline_command(shipped, "own/python", tmp_path / "expected.json")
    assert command == ["own/python", str(ROOT / "baseline/deepsegment_en.py"), *ending(shipped)]


def test_no_configuration_of_the_users_reaches_the_benchs_locust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Locust looks for it in variables, in the home folder, and where it is started."""
    for name in ("LOCUST_TAGS", "LOCUST_PROCESSES", "LOCUST_RUN_TIME"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    command = locust_command(recipe.load("echo"), tmp_path / "locust.log", {"--web-port": 1}, {"OMP_NUM_THREADS": "2"})
    assert not [name for name in command.variables if name.startswith("LOCUST_")]
    assert (command.variables["HOME"], command.folder) == (str(tmp_path), tmp_path)
    assert command.variables["OMP_NUM_THREADS"] == "2"
    assert command.words[-2:] == ["--web-port", "1"]
