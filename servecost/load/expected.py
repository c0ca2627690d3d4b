"""The answers to expect: those that the direct arm gives to the same inputs on this machine.

Owns the look-up. The environment variable ``EXPECTED_ANSWERS`` names a file that a baseline script wrote. Without it, a
baseline script is called once, in a process of its own, and its answers are kept for later runs of the same recipe.
"""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from servecost.core import answers, packages
from servecost.core.reasons import reason_in
from servecost.core.recipe import ROOT, Recipe

CACHE = ROOT / ".cache" / "expected"


class NoExpectedAnswers(Exception):
    """The direct arm gave no answers; the message is one line that says why."""


def find_expected_answers(recipe: Recipe) -> list[Any]:
    """Return the direct arm's answers to the recipe's example. Raises NoExpectedAnswers if there are none."""
    given = os.environ.get("EXPECTED_ANSWERS")
    path = Path(given) if given else CACHE / f"{recipe.name}-{recipe.fingerprint()}-{_libraries(recipe)}.json"
    if not path.exists():
        if given:
            raise NoExpectedAnswers(f"EXPECTED_ANSWERS names {given}, which does not exist")
        _call_directly(recipe, path)
    try:
        found = answers.read(path)
    except (OSError, ValueError, TypeError) as error:
        raise NoExpectedAnswers(f"{path} holds no answers ({error}); remove it, or have it written anew") from error
    if len(found) != len(recipe.example):
        raise NoExpectedAnswers(f"{path} has {len(found)} answers, the example {len(recipe.example)} inputs")
    return found


def _libraries(recipe: Recipe) -> str:
    """Return a digest of the interpreter, and of the versions of the libraries that the recipe requires."""
    versions = packages.versions_of(packages.required(recipe.requirements), recipe.python)
    return sha256(repr((recipe.python, sorted(versions.items()))).encode()).hexdigest()[:8]


def _call_directly(recipe: Recipe, path: Path) -> None:
    print(f"Calling {recipe.name} directly, once, for the answers to expect …", flush=True)
    script = ROOT / "baseline" / "generic.py"
    command = [sys.executable, str(script), "--recipe", str(recipe.folder), "--runs", "0", "--expected", str(path)]
    command += ["--inputs", recipe.inputs.digest]
    called = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if called.returncode:
        raise NoExpectedAnswers(f"calling {recipe.name} directly failed: {reason_in(called.stderr)}")
