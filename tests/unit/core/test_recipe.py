"""Recipes are found, checked, copied and told apart without importing their predictors."""

import sys
from pathlib import Path

import pytest

from servecost.core import recipe
from tests.support import write_recipe


@pytest.mark.parametrize("name", recipe.available())
def test_every_shipped_recipe_loads_without_its_predictor(name: str):
    """A process that only sends the example imports no model library."""
    heavy = {"torch", "tensorflow"} & sys.modules.keys()
    assert recipe.load(name).name == name
    assert {"torch", "tensorflow"} & sys.modules.keys() == heavy


def test_a_recipe_of_somebody_elses_needs_two_files_and_no_more(tmp_path: Path):
    """The folder gives the name."""
    folder = write_recipe(tmp_path / "mine")
    chosen = recipe.load("mine", tmp_path)
    assert (chosen.name, chosen.folder, chosen.example, chosen.settings) == ("mine", folder, ("a",), ())
    assert not chosen.requirements.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"example": None}, "has no example.py"),
        ({"predictor": None}, "has no predictor.py"),
        ({"example": "example = []"}, "'example' has to be a list with at least one input"),
        ({"example": "example = 'text'"}, "'example' has to be a list with at least one input"),
        ({"example": "import nowhere"}, "ModuleNotFoundError"),
    ],
)
def test_an_incomplete_recipe_is_refused_in_one_line(tmp_path: Path, content: dict[str, str | None], says: str):
    """The line names the file and what is wrong with it."""
    folder = write_recipe(tmp_path / "mine", **content)
    with pytest.raises(recipe.RecipeError, match=says) as refused:
        recipe.load(folder)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "nope"])
def test_an_unknown_recipe_is_refused_with_a_list_of_the_known_ones(name: str):
    """A user who mistypes a name reads the names."""
    with pytest.raises(recipe.RecipeError, match=", ".join(recipe.available())):
        recipe.load(name)


def test_two_examples_do_not_collide_and_may_import_from_their_own_folders(tmp_path: Path):
    """The search path is the same afterwards."""
    before = list(sys.path)
    folders = [write_recipe(tmp_path / name, f"import {name}_texts as own\nexample = [own.text]") for name in "ab"]
    for folder in folders:
        (folder / f"{folder.name}_texts.py").write_text(f"text = 'of {folder.name}'\n")
    assert [recipe.load(folder).example for folder in folders] == [("of a",), ("of b",)]
    assert sys.path == before


@pytest.mark.parametrize(("example", "input_type"), [(["text", {"a": [1.5, None]}], "json"), ([b"file"], "msgpack")])
def test_a_recipe_takes_files_if_its_example_holds_bytes(tmp_path: Path, example: list[object], input_type: str):
    """Any other input is sent as JSON."""
    chosen = recipe.Recipe("r", tmp_path, tuple(example))
    assert chosen.input_type == input_type
    assert list(chosen.inputs.sample) == example


def test_an_environment_of_its_own_gives_a_recipe_its_interpreter(tmp_path: Path):
    """Without one, the recipe runs on the interpreter of the bench."""
    chosen = recipe.load(write_recipe(tmp_path / "mine"))
    assert (chosen.has_environment, chosen.python) == (False, sys.executable)
    own = tmp_path / "mine" / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.touch()
    assert (chosen.has_environment, chosen.python) == (True, str(own))


def test_the_fingerprint_follows_files_and_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A setting counts by its value, and only if the recipe names it."""
    folder = write_recipe(tmp_path / "mine", example="example = ['a']; settings = ['MY_WEIGHTS']")
    before = recipe.load(folder).fingerprint()
    monkeypatch.setenv("OTHER_WEIGHTS", "other")
    assert recipe.load(folder).fingerprint() == before
    monkeypatch.setenv("MY_WEIGHTS", "other")
    with_setting = recipe.load(folder).fingerprint()
    (folder / "predictor.py").write_text("def predictor(inputs, batch_size=1): return []")
    assert len({before, with_setting, recipe.load(folder).fingerprint()}) == 3


@pytest.mark.parametrize("name", sorted(recipe.not_served()))
def test_what_servers_and_interpreters_leave_behind_is_no_part_of_a_recipe(tmp_path: Path, name: str):
    """The fingerprint ignores leftovers, and a copy is made without them."""
    folder = write_recipe(tmp_path / "mine")
    chosen = recipe.load(folder)
    before = chosen.fingerprint()
    (folder / "weights").mkdir()
    for place in (folder, folder / "weights"):
        (place / name).mkdir()
        (place / name / "left.db").write_text("rows")
    assert chosen.fingerprint() == before
    copy = recipe.copy_to(chosen, tmp_path / "served")
    assert {path.name for path in copy.rglob("*")} == {"example.py", "predictor.py", "weights"}
    assert copy.name == "mine"


def test_each_system_names_its_own_leftovers():
    """The names that every interpreter leaves are always among them."""
    left = [path.read_text().split() for path in recipe.SYSTEMS.glob(f"*/{recipe.LEFTOVERS}")]
    assert recipe.not_served() == {"__pycache__", ".venv", *(name for names in left for name in names)}
