"""Reads a recipe's ``example.py`` as fastDeploy does: from within its folder, as the module ``example``.

Owns the import, and the checks of the names that are read from it. Whatever the file imports from its own folder is
forgotten afterwards, so that two recipes share no module.
"""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Iterator, NamedTuple

from servecost.core import plain
from servecost.core.recipe_files import ROOT

NAME = "example"


class BadExample(ValueError):
    """The file cannot be used; the message is one line that says why and what would be right."""


class Example(NamedTuple):
    """What a recipe's example says.

    Attributes:
        inputs: at least one.
        settings: names of the environment variables that change the recipe's answers.
    """

    inputs: tuple[Any, ...]
    settings: tuple[str, ...]


def read(folder: Path) -> Example:
    """Return the example of a recipe folder, which is read twice: it has to be the same each time.

    Raises BadExample.
    """
    path = folder / "example.py"
    first, second = (_checked(path, _import(folder)) for _ in range(2))
    if plain.digest(first.inputs) != plain.digest(second.inputs):
        raise BadExample("{} gives other inputs each time it is imported; fix its seed".format(path))
    return first


def _import(folder: Path) -> Any:
    """Import the file anew and return the module. Raises BadExample, whatever the file raises."""
    path = folder / "example.py"
    with _within(folder):
        try:
            return importlib.import_module(NAME)
        except (Exception, SystemExit) as error:  # a foreign file may raise anything; the user gets one line
            said = " ".join(str(error).split())
            raise BadExample("{} cannot be imported: {}: {}".format(path, type(error).__name__, said)) from error


def search_path(folder: Path) -> list[str]:
    """Return where a recipe's modules are searched: in its folder first, and never among this project's own folders.

    A package of this project would be taken for a folder of the recipe's that has the same name, such as ``tests``.
    """
    others = [entry for entry in sys.path if os.path.realpath(entry or os.getcwd()) != str(ROOT)]
    return [str(folder), *others]


@contextmanager
def _within(folder: Path) -> Iterator[None]:
    """Work in a folder whose modules can be imported; afterwards everything is as before, and they are forgotten."""
    place, search, known = os.getcwd(), list(sys.path), dict(sys.modules)
    writes_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # the folder is left as it is
    sys.modules.pop(NAME, None)
    sys.path[:] = search_path(folder)
    importlib.invalidate_caches()
    os.chdir(str(folder))
    try:
        yield
    finally:
        os.chdir(place)
        sys.path[:], sys.dont_write_bytecode = search, writes_bytecode
        for name in [name for name in sys.modules if name not in known]:
            if name == NAME or _is_in(sys.modules[name], folder):
                del sys.modules[name]
        if NAME in known:
            sys.modules[NAME] = known[NAME]


def _is_in(module: Any, folder: Path) -> bool:
    file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), "")
    return str(file).startswith(str(folder) + os.sep)


def _checked(path: Path, module: Any) -> Example:
    inputs = getattr(module, "example", None)
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise BadExample("{}: 'example' has to be a list with at least one input".format(path))
    settings = getattr(module, "settings", ())
    if not isinstance(settings, (list, tuple)) or not all(isinstance(name, str) and name for name in settings):
        raise BadExample("{}: 'settings' has to be a list of names of environment variables".format(path))
    _check_inputs(path, inputs)
    return Example(tuple(inputs), tuple(settings))


def _check_inputs(path: Path, inputs: Any) -> None:
    """Raise BadExample for an input that cannot be sent."""
    has_bytes = False
    with suppress(RecursionError):  # which the digest of that input says
        has_bytes = plain.holds_bytes(inputs)
    for number, each in enumerate(inputs):
        try:
            plain.digest(each, has_bytes)
        except plain.NotPlain as error:
            what = "{}: input {} holds {}".format(path, number, error)
            raise BadExample(what + "; what a client can send is JSON, or bytes among it") from None
