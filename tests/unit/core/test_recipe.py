"""Recipes are found, checked, copied and told apart without importing their predictors."""

import sys
from pathlib import Path

import pytest

from servecost.core import recipe, recipe_files
from tests.support import PREDICTOR, write_recipe


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


def test_a_name_of_two_recipes_is_refused(tmp_path: Path):
    """Neither is taken silently; a path says which."""
    folder = write_recipe(tmp_path / "echo")
    with pytest.raises(recipe.RecipeError, match=r"a recipe of this project and a folder here; write \./echo"):
        recipe.load("echo", tmp_path)
    assert recipe.load("./echo", tmp_path).folder == folder
    assert recipe.load("echo", recipe.RECIPES).folder == recipe.RECIPES / "echo"


def test_a_chain_of_predictors_is_refused_as_such(tmp_path: Path):
    """It is a recipe of fastDeploy's, but not one that is measured."""
    folder = write_recipe(tmp_path / "mine", predictor=None)
    (folder / "predictor_1.py").write_text(PREDICTOR)
    with pytest.raises(recipe.RecipeError, match="is a chain"):
        recipe.load(folder)


@pytest.mark.parametrize(("example", "input_type"), [(["text", {"a": [1.5, None]}], "json"), ([b"file"], "msgpack")])
def test_a_recipe_takes_files_if_its_example_holds_bytes(tmp_path: Path, example: list[object], input_type: str):
    """Any other input is sent as JSON."""
    chosen = recipe.Recipe("r", tmp_path, tuple(example))
    assert chosen.input_type == input_type
    assert list(chosen.inputs.sample) == example


def test_an_environment_of_its_own_gives_a_recipe_its_interpreter(tmp_path: Path):
    """Without one, the recipe runs on the interpreter of the bench; one that cannot be run is an error."""
    chosen = recipe.load(write_recipe(tmp_path / "mine"))
    assert (chosen.has_environment, chosen.python) == (False, sys.executable)
    own = tmp_path / "mine" / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    for break_it in (lambda: None, lambda: own.symlink_to("/usr/bin/python3.6-that-is-gone")):
        break_it()
        with pytest.raises(recipe.RecipeError, match=r"\.venv/bin/python cannot be run; make the \.venv anew"):
            recipe.load(tmp_path / "mine")
    own.unlink()
    own.symlink_to(sys.executable)
    chosen = recipe.load(tmp_path / "mine")
    assert (chosen.has_environment, chosen.python) == (True, str(own))


def test_the_fingerprint_follows_files_and_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A setting counts by its value, and only if the recipe names it."""
    folder = write_recipe(tmp_path / "mine", example="example = ['a']; settings = ['MY_WEIGHTS']")
    before = recipe.load(folder).fingerprint()
    monkeypatch.setenv("OTHER_WEIGHTS", "other")
    assert recipe.load(folder).fingerprint() == before
    monkeypatch.setenv("MY_WEIGHTS", "other")
    with_setting = recipe.load(folder).fingerprint()
    monkeypatch.setenv("MY_WEIGHTS", "")
    with_nothing = recipe.load(folder).fingerprint()
    (folder / "predictor.py").write_text("def predictor(inputs, batch_size=1): return []")
    assert len({before, with_setting, with_nothing, recipe.load(folder).fingerprint()}) == 4


def test_the_fingerprint_is_that_of_the_recipe_as_it_was_loaded(tmp_path: Path):
    """What a predictor writes during a run does not make it another one."""
    chosen = recipe.load(write_recipe(tmp_path / "mine"))
    before = chosen.fingerprint()
    (chosen.folder / "predictions.log").write_text("a")
    assert chosen.fingerprint() == before != recipe.load(chosen.folder).fingerprint()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Not as a disk that is full."""
    chosen = recipe.load(write_recipe(tmp_path / "mine"))
    refused = PermissionError(13, "Permission denied", "weights.bin")
    monkeypatch.setattr(recipe_files, "digest", lambda folder: (_ for _ in ()).throw(refused))
    with pytest.raises(recipe.RecipeError, match=r"mine: weights\.bin cannot be read: Permission denied"):
        chosen.fingerprint()
