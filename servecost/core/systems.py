"""Finds serving systems: each is a folder in ``systems/`` with a module ``system.py`` that defines ``system``.

Owns the names. There is no other list of them.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from pathlib import Path

from servecost.core.recipe import SYSTEMS
from servecost.core.system import System

FOLDER = SYSTEMS
# The file that names the system that is taken where none is named.
DEFAULT = FOLDER / "DEFAULT"


class UnknownSystem(ValueError):
    """There is no system of that name, or its folder has no system; the message is one line that says which."""


def available() -> list[str]:
    """Return the names of all systems, in alphabetical order."""
    return sorted(path.parent.name for path in FOLDER.glob("*/system.py"))


def default() -> str:
    """Return the name of the system that is taken where none is named."""
    return DEFAULT.read_text().strip()


def load(name: str) -> System:
    """Return the system of that name. Raises UnknownSystem if there is none."""
    if name not in available():
        raise UnknownSystem("unknown system '{}'; there are: {}".format(name, ", ".join(available())))
    _make_importable()
    found = getattr(importlib.import_module("systems.{}.system".format(name)), "system", None)
    if not isinstance(found, System):
        raise UnknownSystem("{} defines no 'system'".format(FOLDER / name / "system.py"))
    return found


def requirements(name: str) -> Path:
    """Return the path of a system's requirements file, which need not exist."""
    return FOLDER / name / "requirements.txt"


def _make_importable() -> None:
    """Let the folder be imported as the package ``systems``, from wherever this process was started."""
    if "systems" not in sys.modules:
        spec = importlib.machinery.ModuleSpec("systems", None, is_package=True)
        spec.submodule_search_locations = [str(FOLDER)]
        sys.modules["systems"] = importlib.util.module_from_spec(spec)
