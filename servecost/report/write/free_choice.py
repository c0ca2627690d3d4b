"""What a system's own choice costs: an experiment that left it free, as a section of the published page.

Owns that section, and how often each choice came in words.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from servecost.core import facts
from servecost.report.computed import Computed
from servecost.report.read.tables import CELL, PART, fact_names
from servecost.report.write import wording
from servecost.report.write.caption import caption
from servecost.report.write.cells import place
from servecost.report.write.notes import under_table
from servecost.report.write.numbers import number

TITLE = "### What the system's own choice costs"


def section(numbers: Computed) -> str:
    """Return the section on an experiment of one system, in whose rounds it chose by itself, as Markdown."""
    found, summary = numbers.found, numbers.summary
    label = wording.system_label(summary)
    chosen = {name: words for name, words in in_words(found.served).items() if facts.is_choice(name)}
    listed = "\n".join(f"- `{name}`: {words}." for name, words in chosen.items()) or "- nothing"
    return "\n\n".join(
        [
            TITLE,
            f"The table above holds {label}'s choice fixed. Left to itself, {label} chose at its starts, one in each "
            "round:",
            listed,
            "The rounds of a choice are rows of their own:",
            wording.markdown(wording.published_table(summary)),
            caption(numbers),
            under_table(summary, found.asked),
            "\n".join(_differences(summary)),
        ]
    )


def in_words(served: pd.DataFrame) -> dict[str, str]:
    """Return what the system chose or measured by itself, and in how many rounds: recipes with values, by fact."""
    words = {}
    for fact in fact_names(served):
        rounds = served.dropna(subset=[fact]).drop_duplicates([*PART, fact])
        by_recipe = [
            f"`{name}`: {_values(own[fact].value_counts().sort_index())}"
            for name, own in rounds.groupby("recipe", sort=False)
        ]
        if by_recipe:
            words[fact] = "; ".join(by_recipe)
    return words


def _values(counts: "pd.Series[int]") -> str:
    if len(counts) == 1:
        return f"{counts.index[0]:g}"
    return " or ".join(f"{value:g} (in {count} of {counts.sum()} rounds)" for value, count in counts.items())


def _differences(summary: pd.DataFrame) -> Iterator[str]:
    """Yield for each cell how far its best and its worst choice lie apart, if their intervals do."""
    for _, own in summary.groupby(CELL, sort=False):
        rows: list[Any] = list(own.itertuples())
        best, worst = min(rows, key=lambda row: row.ratio_high), max(rows, key=lambda row: row.ratio_low)
        cell = f"- {best.recipe}, {place(best)}"
        if worst.ratio_low > best.ratio_high:
            times = number(worst.ratio / best.ratio)
            yield f"{cell}: served, {worst.choice} takes {times} × as long as {best.choice}."
        else:
            yield f"{cell}: no choice is told from another."
