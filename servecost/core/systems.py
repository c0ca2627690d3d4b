"""Finds serving systems: each is a folder in ``systems/`` with a module ``system.py`` that defines ``system``.

Owns the names. There is no other list of them. A system's variants are named after it: ``name+variant``.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from pathlib import Path

from servecost.core.recipe_files import SYSTEMS
from servecost.core.system import VARIANT_SIGN, System

FOLDER = SYSTEMS
# The file that names the system that is taken where none is named.
DEFAULT = FOLDER / "DEFAULT"


class UnknownSystem(ValueError):
    """There is no system of that name, or its folder has no system; the message is one line that says which."""


def available() -> list[str]:
    """Return the names of all systems, in alphabetical order, each followed by its variants."""
    return [
        name for folder in sorted(path.parent.name for path in FOLDER.glob("*/system.py")) for name in _named(folder)
    ]


def default() -> str:
    """Return the name of the system that is taken where none is named."""
    return DEFAULT.read_text(encoding="utf-8").strip()


def load(name: str) -> System:
    """Return the system, or the variant of one, of that name. Raises UnknownSystem if there is none."""
    folder, _, variant = name.partition(VARIANT_SIGN)
    if not (FOLDER / folder / "system.py").is_file() or not folder:
        raise _unknown(name)
    _make_importable()
    found = getattr(importlib.import_module("systems.{}.system".format(folder)), "system", None)
    if not isinstance(found, System):
        raise UnknownSystem("{} defines no 'system'".format(FOLDER / folder / "system.py"))
    if name == folder:
        return found
    try:
        return found.as_variant(variant)
    except KeyError:
        raise _unknown(name) from None


def folder_of(name: str) -> Path:
    """Return the folder of the system of that name, which its variants share."""
    return FOLDER / name.partition(VARIANT_SIGN)[0]


def configuring() -> tuple[str, ...]:
    """Return the beginnings of the names of all variables by which users configure some system."""
    found: set[str] = set()
    for folder in sorted(path.parent.name for path in FOLDER.glob("*/system.py")):
        try:
            found.update(load(folder).configured_by)
        except Exception:  # noqa: BLE001  # a system's own code may raise anything, and hides no other system
            continue
    return tuple(sorted(found))


def requirements(name: str) -> Path:
    """Return the path of a system's requirements file, which need not exist."""
    return folder_of(name) / "requirements.txt"


def _unknown(name: str) -> UnknownSystem:
    return UnknownSystem("unknown system {!r}; there are: {}".format(name, ", ".join(available())))


def _named(folder: str) -> list[str]:
    """Return the names that a folder stands for; one whose module cannot be imported says so when it is loaded."""
    try:
        variants = load(folder).variants
    except Exception:  # noqa: BLE001  # a system's own code may raise anything, and hides no other system
        variants = {}
    return [folder, *(VARIANT_SIGN.join((folder, variant)) for variant in variants)]


def _make_importable() -> None:
    """Let the folder be imported as the package ``systems``, from wherever this process was started."""
    if "systems" not in sys.modules:
        spec = importlib.machinery.ModuleSpec("systems", None, is_package=True)
        spec.submodule_search_locations = [str(FOLDER)]
        sys.modules["systems"] = importlib.util.module_from_spec(spec)
