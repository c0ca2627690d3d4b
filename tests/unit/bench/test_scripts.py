"""The bench starts the same scripts that a user starts by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from servecost.bench.scripts import baseline_command, script_of
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
    ending = ["--this-python", "--expected", str(tmp_path / "expected.json")]
    assert generic == ["own/python", str(ROOT / "baseline/generic.py"), "--recipe", str(chosen.folder), *ending]
    shipped = baseline_command(recipe.load("deepsegment_en"), "own/python", tmp_path / "expected.json")
    assert shipped == ["own/python", str(ROOT / "baseline/deepsegment_en.py"), *ending]
