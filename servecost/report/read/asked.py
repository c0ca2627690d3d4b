"""What an experiment asks of its rows, from the file that says what it is.

Owns which of the experiment's keys a report knows.
"""

import json
from pathlib import Path

from servecost.core.overhead import EQUAL_WITHIN
from servecost.report.read.tables import Asked, Setting


def read(experiment: Path) -> Asked:
    """Return what the experiment of a results folder asks; without the file, nothing."""
    try:
        content = json.loads(experiment.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Asked()
    own = {"": content.get("system", {})}
    own |= {recipe: keys.get("system") or {} for recipe, keys in content.get("recipe", {}).items()}
    settings = tuple(
        Setting(system, recipe, name, value)
        for recipe, by_system in own.items()
        for system, values in by_system.items()
        for name, value in values.items()
    )
    return Asked(
        precision=content.get("precision"),
        equal_within=content.get("equal_within", EQUAL_WITHIN),
        holds_choices=content.get("hold_choices", False),
        settings=settings,
    )
