"""Where the load finds the right answers: those of the direct arm, on this machine, to the same inputs.

Owns the look-up. The environment variable ``EXPECTED_ANSWERS`` names a file that the baseline wrote; without it the
baseline is called once, in a process of its own, and its answers are kept for the next run of the same recipe.
"""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from servecost.core import answers, recipe

CACHE = recipe.ROOT / ".cache" / "expected"


class NoExpectedAnswers(Exception):
    """The direct arm gave no answers; the message is one line that says why."""


def expected_answers(chosen: recipe.Recipe) -> list[Any]:
    """Return the direct arm's answers to the recipe's example. Raises NoExpectedAnswers when there are none."""
    given = os.environ.get("EXPECTED_ANSWERS")
    interpreter = sha256(chosen.python.encode()).hexdigest()[:8]  # another one has other versions of the libraries
    path = Path(given) if given else CACHE / f"{chosen.name}-{chosen.fingerprint()}-{interpreter}.json"
    if not path.exists():
        if given:
            raise NoExpectedAnswers(f"EXPECTED_ANSWERS names {given}, which does not exist")
        _ask_the_direct_arm(chosen, path)
    return answers.read(path)


def _ask_the_direct_arm(chosen: recipe.Recipe, path: Path) -> None:
    print(f"Calling {chosen.name} directly, once, for the answers to expect …", flush=True)
    script = recipe.ROOT / "baseline" / "generic.py"
    command = [sys.executable, str(script), "--recipe", str(chosen.folder), "--runs", "0", "--expected", str(path)]
    called = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if called.returncode:
        last_line = (called.stderr.strip().splitlines() or ["no message"])[-1]
        raise NoExpectedAnswers(f"calling {chosen.name} directly failed: {last_line}")
