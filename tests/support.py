"""What the tests share besides fixtures: recipes that they write, and files that they read."""

import csv
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from servecost.core import recipe

ROOT = recipe.ROOT
TEST_RECIPES = ROOT / "tests" / "recipes"

PREDICTOR = "def predictor(inputs, batch_size=1): return list(inputs)\n"

MEASURED = """
recipes = ["echo"]
batch_sizes = [1]
concurrencies = [1, 4]
examples = 200
rounds = 3
"""

# Where a shell has started the tests in the background, they and all that they start would be deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def write_recipe(folder: Path, example: str | None = "example = ['a']", predictor: str | None = PREDICTOR) -> Path:
    """Make a recipe of the two files that it needs, or without one of them (None); return its folder."""
    folder.mkdir()
    for name, content in (("example.py", example), ("predictor.py", predictor)):
        if content is not None:
            (folder / name).write_text(content)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open() as file:
        return list(csv.DictReader(file))


def by_type(prefix: Path) -> dict[str, dict[str, str]]:
    """Return the rows of Locust's own statistics file, of ``--csv PREFIX``, by their type."""
    return {row["Type"]: row for row in rows(prefix.with_name(prefix.name + "_stats.csv"))}


def verdict_on(requests: int, users: int) -> tuple[int, str]:
    """Return the exit code and the word for a run in which all goes well: it needs a request for each user."""
    return (1, "INVALID(concurrency)") if requests < users else (0, "VALID")
