"""The command lines of the two arms' programs, and what is said of one that has ended.

Owns which script is a recipe's.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from servecost.bench.processes.process import Process, ending, running
from servecost.core import answers, layout
from servecost.core.recipe import ROOT, Recipe

POLL_S = 0.2


class RunFailed(Exception):
    """A program gave no result; the message says why in one line and names the log."""


def script_of(stage: str, recipe: Recipe) -> Path:
    """Return the script of a stage for a recipe: its own if it has one, else the generic one."""
    own = ROOT / stage / f"{recipe.name}.py"
    is_shipped = recipe.folder.parent == ROOT / "recipes"
    return own if is_shipped and own.exists() else ROOT / stage / "generic.py"


def baseline_command(recipe: Recipe, expected: Path) -> list[str]:
    """Return the command of the direct arm, which writes its answers to the example to ``expected``."""
    script = script_of("baseline", recipe)
    names_recipe = ["--recipe", str(recipe.folder)] if script.stem == "generic" else []
    return [sys.executable, str(script), *names_recipe, "--expected", str(expected)]


@contextmanager
def direct_answers(recipe: Recipe, folder: Path, environment: Mapping[str, str]) -> Iterator[Callable[[], list[Any]]]:
    """Ask the direct arm, in a process of its own, for its answers to the recipe's example.

    Yields a function that waits for them and returns them, or raises RunFailed.
    """
    path = folder / layout.EXPECTED_JSON
    with running("baseline", [*baseline_command(recipe, path), "--runs", "0"], environment, _log(folder)) as process:

        def wait() -> list[Any]:
            _wait(process)
            return answers.read(path)

        yield wait


def time_baseline(
    recipe: Recipe, folder: Path, environment: Mapping[str, str], batch_sizes: Iterable[int], examples: int, path: Path
) -> None:
    """Time the direct arm once for each batch size, and append the runs to a CSV file. Raises RunFailed."""
    command = [*baseline_command(recipe, folder / layout.EXPECTED_JSON), "--runs", "1", "--examples", str(examples)]
    _call_baseline([*command, "--csv", str(path), "--batch-size", *map(str, batch_sizes)], environment, folder)


def _call_baseline(command: list[str], environment: Mapping[str, str], folder: Path) -> None:
    with running("baseline", command, environment, _log(folder)) as process:
        _wait(process)


def _log(folder: Path) -> Path:
    return folder / "baseline.log"


def _wait(process: Process) -> None:
    while (exit_code := process.wait(POLL_S)) is None:
        pass
    if exit_code:
        raise RunFailed(reason_of(process, exit_code))


def reason_of(process: Process, exit_code: int) -> str:
    """Return why a process has ended, in one line: the last of its log."""
    last_line = process.last_lines(1) or "it printed nothing"
    return f"{process.name} {ending(exit_code)}: {last_line} (log: {process.log})"
