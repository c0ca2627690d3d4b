"""A recipe folder in fastDeploy's own format: where it is, what its example is, which inputs a run sends.

Owns finding and checking a recipe. It reads ``example.py`` only: importing the predictor, which may load gigabytes, is
left to the code that predicts.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from servecost.core.inputs import ExampleInputs, Inputs

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "recipes"
SYSTEMS = ROOT / "systems"
# What an interpreter leaves behind in a recipe folder, and its environment; systems add what they leave, each in a file
# of its folder.
_NOT_SERVED = ("__pycache__", ".venv")
LEFTOVERS = "leftovers.txt"


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
        try:
            json.dumps(self.example)
        except TypeError:
            return "msgpack"
        return "json"

    @property
    def inputs(self) -> Inputs:
        """The inputs that a run sends: those of the example, over and over."""
        return ExampleInputs(self.example, self.input_type)

    @property
    def requirements(self) -> Path:
        """The path of its requirements file, which need not exist."""
        return self.folder / "requirements.txt"

    def fingerprint(self) -> str:
        """Return a digest of everything in a recipe that decides its answers: its files, and its settings' values."""
        digest = hashlib.sha256()
        for path in served_files(self.folder):
            digest.update(str(path.relative_to(self.folder)).encode() + b"\0" + path.read_bytes())
        for setting in self.settings:
            digest.update("\0{}={}".format(setting, os.environ.get(setting, "")).encode())
        return digest.hexdigest()[:16]


def served_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a recipe folder that are served, in a fixed order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not not_served() & set(path.relative_to(folder).parts):
            yield path


@lru_cache(maxsize=None)
def not_served() -> frozenset[str]:
    """Return the names of files and folders that may lie in a recipe folder and are no part of what is served."""
    left = [name for path in SYSTEMS.glob("*/" + LEFTOVERS) for name in path.read_text().split()]
    return frozenset([*_NOT_SERVED, *left])


def copy_to(recipe: Recipe, folder: Path) -> Path:
    """Copy a recipe into ``folder``, to be served from there; return the copy, which keeps the recipe's name.

    A server writes into the folder that it serves, and fastDeploy takes the recipe's name from it.
    """
    copy = Path(folder, recipe.name)
    shutil.copytree(str(recipe.folder), str(copy), ignore=shutil.ignore_patterns(*not_served()))
    return copy


def available() -> list[str]:
    """Return the names of the recipes that this project ships."""
    return sorted(path.parent.name for path in RECIPES.glob("*/predictor.py"))


def find_folder(name_or_path: str, base: Path) -> Path:
    """Return the folder of a shipped recipe's name, or of a path (relative to ``base``) to somebody else's recipe."""
    if not name_or_path:
        raise RecipeError("no recipe is named; name one of {}, or a recipe folder".format(", ".join(available())))
    if name_or_path in available():
        return RECIPES / name_or_path
    path = Path(base, os.path.expanduser(name_or_path)).resolve()
    if not path.is_dir():
        raise RecipeError(
            "unknown recipe '{}': it is neither one of {} nor a folder".format(name_or_path, ", ".join(available()))
        )
    return path


def load(name_or_path: str | Path, base: Path = Path()) -> Recipe:
    """Return the recipe of that name or path. Raises RecipeError when it is unknown or incomplete."""
    folder = find_folder(str(name_or_path), base)
    for required in ("predictor.py", "example.py"):
        if not (folder / required).is_file():
            raise RecipeError(f"recipe {folder} has no {required}; a recipe has both predictor.py and example.py")
    module = _import_example(folder)
    example = getattr(module, "example", None)
    if not isinstance(example, (list, tuple)) or not example:
        raise RecipeError("{}: 'example' has to be a list with at least one input".format(folder / "example.py"))
    return Recipe(folder.name, folder, tuple(example), tuple(getattr(module, "settings", ())))


def _import_example(folder: Path) -> Any:
    """Import ``example.py`` under a name of its own, so that the examples of two recipes do not collide."""
    path = folder / "example.py"
    spec = importlib.util.spec_from_file_location("example_of_" + folder.name, str(path))
    if spec is None or spec.loader is None:
        raise RecipeError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.path.append(str(folder))
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a foreign file may raise anything; the user gets one line that names the file
        raise RecipeError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(folder))
    return module
