"""Cells that were measured again, on another day or host: a section of the published page, whatever it says.

Owns that section. How a change is judged is ``compare``'s.
"""

from pathlib import Path

from servecost.report.compare import compare
from servecost.report.computed import Computed
from servecost.report.read import results
from servecost.report.write import wording
from servecost.report.write.caption import caption

TITLE = "### Some cells, measured again"
# Another day may have another machine and a later state of this project; what differs is said. The ratio is compared:
# it has both arms on the same machine.
MAY_DIFFER = ("machine", "code")


def section(published: Path, again: Path) -> str:
    """Return the section on the published tables of cells that were measured again, as Markdown.

    Raises NoResults and Unlike as ``compare`` does.
    """
    found = compare(published, again, "ratio", 0.0, MAY_DIFFER)
    both = found.table["B"] != wording.NOT_PLANNED
    return "\n\n".join(
        [
            TITLE,
            "Cells that were drawn by a seed and measured on another day, or on another machine, whatever they say: "
            "served / baseline as above (A), and as it was then (B).",
            wording.markdown(found.table[both].drop(columns="System")),
            "\n".join(found.notes[1:]),
            caption(Computed(results.read(again, MAY_DIFFER))),
        ]
    )
