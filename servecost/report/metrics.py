"""What two results folders can be compared by.

Owns the names, for the command line, too, which knows them before it imports what a comparison needs.
"""

from servecost.core.overhead import EXAMPLES

# By name: the column of a table of cells, and what it holds in words.
METRICS = {
    "served": ("served_s", f"served seconds per {EXAMPLES:,} examples"),
    "baseline": ("baseline_s", f"baseline seconds per {EXAMPLES:,} examples"),
    "ratio": ("ratio", "served / baseline, paired within a round"),
}
