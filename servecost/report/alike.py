"""Whether two results may be compared: the conditions of their runs, and how much was measured.

Owns which of a plan's numbers are conditions. Which fields of a manifest are, is ``servecost.core.manifest``'s.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from servecost.core import manifest
from servecost.report.read.tables import CELL, Results

Counts = dict[tuple[Any, ...], int]


def check(both: Sequence[Results], allowed: Sequence[str]) -> list[str]:
    """Return the conditions in which two results differ although they are ``allowed`` to.

    Beside those of the manifests: ``examples`` of each cell that both have, and the ``settings`` that the
    experiment fixed. Raises Unlike if anything else differs.
    """
    planned = [_examples(found.plan) for found in both]
    common = [cell for cell in planned[0] if cell in planned[1]]
    runs = [each.conditions for found in both for each in found.made_with]
    asked = [
        {
            "examples": _by_recipe({cell: examples[cell] for cell in common}),
            "settings": _settings(found),
        }
        for found, examples in zip(both, planned, strict=True)
    ]
    return manifest.check_alike([*runs, *asked], allowed)


def _examples(plan: pd.DataFrame) -> Counts:
    """Return the examples of each planned cell."""
    cells = zip(*(plan[name].tolist() for name in CELL), strict=True)
    return dict(zip(cells, plan["examples"].tolist(), strict=True))


def _by_recipe(examples: Counts) -> dict[str, str]:
    """Return the examples of each recipe's cells in words: one number if all have the same."""
    found: dict[str, list[int]] = {}
    for (recipe, *_), count in examples.items():
        found.setdefault(recipe, []).append(count)
    return {
        recipe: " ".join(map(str, counts[:1] if len(set(counts)) == 1 else counts)) for recipe, counts in found.items()
    }


def _settings(found: Results) -> str:
    """Return what the experiment fixed of the systems, in words."""
    each = [
        " ".join(filter(None, (setting.system, setting.recipe, f"{setting.name}={setting.value}")))
        for setting in found.asked.settings
    ]
    return ", ".join(sorted(each)) or "defaults"
