"""What a running system says of itself (``System.facts``): which of that it chose, and how it is put in words.

Owns the difference between a choice, which makes it another system, and a time that it measured.
"""

from __future__ import annotations

from typing import Mapping

MEASURED = "_s"  # what the name of a fact ends in if it is a time that the system took, not a choice


def is_choice(name: str) -> bool:
    """Return whether a fact of this name is a choice of the system's."""
    return not name.endswith(MEASURED)


def in_words(facts: Mapping[str, float]) -> str:
    """Return facts as names with their values; nothing if there are none."""
    return ", ".join("{} {:g}".format(name, value) for name, value in facts.items())
