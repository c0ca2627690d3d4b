"""The command lines of the two arms' own programs, and the baseline script run by hand.

Owns which script belongs to a recipe.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servecost.bench.processes.process import Command, Process, running
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


def baseline_command(recipe: Recipe, python: str, expected: Path) -> list[str]:
    """Return the command of the direct arm on an interpreter; it writes its answers to the example to ``expected``."""
    script = script_of("baseline", recipe)
    names_recipe = ["--recipe", str(recipe.folder)] if script.stem == "generic" else []
    inputs = ["--inputs", recipe.inputs.digest]
    return [python, str(script), *names_recipe, "--this-python", *inputs, "--expected", str(expected)]


def locust_command(recipe: Recipe, log: Path, options: Mapping[str, object], variables: Mapping[str, str]) -> Command:
    """Return the command of a Locust of a recipe, which works in the folder of its log.

    What decides how it makes a run is given here: it is out of reach of a user's configuration, which Locust looks for
    in variables (none is inherited), in the home folder and where it is started.
    """
    words = [sys.executable, "-m", "locust", "-f", str(script_of("locustfiles", recipe))]
    words += [str(word) for option in options.items() for word in option if word != ""]
    own = {"RECIPE": str(recipe.folder), layout.INPUTS: recipe.inputs.digest}
    own |= {"HOME": str(log.parent), "PYTHONPATH": str(ROOT)}
    return Command("locust", words, log, {**variables, **own}, log.parent)


@dataclass(frozen=True)
class Baseline:
    """The direct arm, called by hand.

    Attributes:
        recipe: what is called.
        python: the interpreter that calls it.
        folder: where its log and its answers are.
        environment: variables set for both arms.
    """

    recipe: Recipe
    python: str
    folder: Path
    environment: Mapping[str, str]

    @contextmanager
    def answers(self) -> Iterator[Callable[[], list[Any]]]:
        """Ask for the answers to the example, in a process of its own.

        Yields a function that waits for them and returns them, or raises RunFailed.
        """
        with running(self._command("--runs", "0")) as process:

            def wait() -> list[Any]:
                _wait(process)
                return answers.read(self._expected)

            yield wait

    def time(self, batch_sizes: Iterable[int], examples: int, path: Path) -> None:
        """Time one run at each batch size, and append the runs to a CSV file. Raises RunFailed."""
        options = ["--runs", "1", "--examples", str(examples), "--csv", str(path)]
        with running(self._command(*options, "--batch-size", *map(str, batch_sizes))) as process:
            _wait(process)

    @property
    def _expected(self) -> Path:
        return self.folder / layout.EXPECTED_JSON

    def _command(self, *options: str) -> Command:
        words = [*baseline_command(self.recipe, self.python, self._expected), *options]
        return Command("baseline", words, self.folder / "baseline.log", self.environment)


def _wait(process: Process) -> None:
    while (exit_code := process.exit_code) is None:
        time.sleep(POLL_S)
    if exit_code:
        raise RunFailed(process.explain_end())
