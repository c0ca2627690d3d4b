"""What a system chose by itself at its first start, as settings for all later ones.

A choice is a variable of an experiment: where nothing fixes it, the first one holds, and no mean is of several. Owns
where it is found: in what is published of a pair that the results folder holds, or in its manifest.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from servecost.bench import earlier
from servecost.core import layout
from servecost.core.system import System


def settings(results: Path, recipe: str, system: System) -> dict[str, str]:
    """Return the settings that hold what a system chose at its first start with a recipe; none before the first pair.

    ``results``: the results folder.
    """
    for said in chain(earlier.facts(results, recipe, system.name), _facts(results, recipe, system.name)):
        if chosen := {setting: f"{said[fact]:.15g}" for fact, setting in system.choices.items() if fact in said}:
            return chosen
    return {}


def _facts(results: Path, recipe: str, system: str) -> Iterator[dict[str, float]]:
    """Yield what the server of each pair said of itself; a damaged manifest says nothing."""
    for round_folder in sorted(results.glob(layout.ROUND_FOLDERS)):
        for path in sorted((round_folder / recipe / system).glob(f"*/{layout.MANIFEST_JSON}")):
            with suppress(OSError, ValueError, AttributeError):
                yield json.loads(path.read_text(encoding="utf-8")).get("server", {})
