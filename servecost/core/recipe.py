"""A recipe folder in fastDeploy's own format: where it is, what its example is, which inputs a run sends.

Owns finding and checking a recipe. It reads ``example.py`` only: importing the predictor, which may load gigabytes, is
left to the code that predicts.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servecost.core import example as examples
from servecost.core import plain, recipe_files
from servecost.core.encodings import JSON, MSGPACK
from servecost.core.inputs import ExampleInputs, Inputs
from servecost.core.reasons import printable
from servecost.core.recipe_files import ROOT

__all__ = ["RECIPES", "ROOT", "Recipe", "RecipeError", "available", "copy_to", "find_folder", "load"]
RECIPES = ROOT / "recipes"


class RecipeError(ValueError):
    """A recipe cannot be used; the message is one line that says why and what would be right."""


@dataclass(frozen=True)
class Recipe:
    """One recipe, ready to be served or called.

    Attributes:
        name: the folder's name; the recipe's name in every table and file.
        folder: absolute path of the folder that holds ``predictor.py`` and ``example.py``.
        example: the inputs of the example, at least one.
        settings: names of the environment variables that change this recipe's answers (``settings`` in example.py).
    """

    name: str
    folder: Path
    example: tuple[Any, ...]
    settings: tuple[str, ...] = ()
    _fingerprints: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def python(self) -> str:
        """The interpreter that it is called by: of its own environment, ``.venv``, where it has one."""
        return str(self._own_python) if self.has_environment else sys.executable

    @property
    def has_environment(self) -> bool:
        """Whether it has an environment of its own."""
        return self._own_python.exists()

    @property
    def _own_python(self) -> Path:
        return self.folder / ".venv" / "bin" / "python"

    @property
    def input_type(self) -> str:
        """``json``, or ``msgpack`` (FILE input) when the example holds what JSON cannot: bytes."""
        return MSGPACK if plain.holds_bytes(self.example) else JSON

    @property
    def inputs(self) -> Inputs:
        """The inputs that a run sends: those of the example, over and over."""
        return ExampleInputs(self.example)

    @property
    def requirements(self) -> Path:
        """The path of its requirements file, which need not exist."""
        return self.folder / "requirements.txt"

    def check_inputs(self, digest: str) -> None:
        """Raise RecipeError unless this process has read the inputs that another has, by the digest of those."""
        if self.inputs.digest != digest:
            raise RecipeError(f"{self.folder / 'example.py'} gives other inputs in each process; fix its seed")

    def fingerprint(self) -> str:
        """Return a digest of everything in a recipe that decides its answers: its files, and its settings' values.

        They are read once: what happens to the folder later is not what was served. Raises RecipeError.
        """
        if not self._fingerprints:
            try:
                digest = recipe_files.digest(self.folder)
            except OSError as error:
                raise RecipeError(f"recipe {self.folder}: {error.filename} cannot be read: {error.strerror}") from error
            for setting in self.settings:
                value = os.environ.get(setting)
                digest.update("\0{}{}".format(setting, "" if value is None else "=" + value).encode())
            self._fingerprints.append(digest.hexdigest()[:16])
        return self._fingerprints[0]


def copy_to(recipe: Recipe, folder: Path) -> Path:
    """Copy a recipe into ``folder``, to be served or called there; return the copy, which keeps the recipe's name.

    Servers and predictors write into the folder that they work in, and fastDeploy takes the recipe's name from it.
    """
    copy = Path(folder, recipe.name)
    recipe_files.copy(recipe.folder, copy)
    return copy


def available() -> list[str]:
    """Return the names of the recipes that this project ships."""
    return sorted(path.parent.name for path in RECIPES.glob("*/predictor.py"))


def find_folder(name_or_path: str, base: Path) -> Path:
    """Return the folder of a shipped recipe's name, or of a path (relative to ``base``) to somebody else's recipe.

    Raises RecipeError if there is none, or if a name is that of a shipped recipe and of another folder at ``base``.
    """
    if not name_or_path:
        raise RecipeError("no recipe is named; name one of {}, or a recipe folder".format(", ".join(available())))
    path = Path(base, os.path.expanduser(name_or_path)).resolve()
    if name_or_path in available():
        shipped = RECIPES / name_or_path
        if (path / "predictor.py").exists() and path != shipped.resolve():
            raise RecipeError(
                f"'{name_or_path}' is a recipe of this project and a folder here; write ./{name_or_path} for the "
                f"folder, or {shipped} for the recipe"
            )
        return shipped
    if not path.is_dir():
        raise RecipeError(
            "unknown recipe '{}': it is neither one of {} nor a folder".format(name_or_path, ", ".join(available()))
        )
    return path


def load(name_or_path: str | Path, base: Path = Path()) -> Recipe:
    """Return the recipe of that name or path. Raises RecipeError when it is unknown, incomplete, or cannot be used."""
    folder = find_folder(str(name_or_path), base)
    _check_files(folder)
    try:
        found = examples.read(folder)
    except examples.BadExample as error:
        raise RecipeError(str(error)) from error
    return Recipe(folder.name, folder, found.inputs, found.settings)


def _check_files(folder: Path) -> None:
    if not folder.name.isprintable():
        raise RecipeError(
            f"recipe {printable(str(folder))}: its name has a character that cannot be printed, such as a line's end; "
            "rename the folder"
        )
    if (folder / "predictor_1.py").is_file() and not (folder / "predictor.py").exists():
        raise RecipeError(f"recipe {folder} is a chain (predictor_1.py …); recipes of one predictor.py are measured")
    for required in ("predictor.py", "example.py"):
        if not (folder / required).is_file():
            raise RecipeError(f"recipe {folder} has no {required}; a recipe has both predictor.py and example.py")
    python = folder / ".venv" / "bin" / "python"
    if os.path.lexists(str(folder / ".venv")) and not os.access(str(python), os.X_OK):
        raise RecipeError(f"recipe {folder}: .venv/bin/python cannot be run; make the .venv anew, or remove it")
