"""The cells of a summary, as a report speaks of them.

Owns which of them are decided, and how a place in the table is named.
"""

from typing import Any

import pandas as pd

UNDECIDED = "undecided"
SLOWER, FASTER, EQUAL = "slower", "faster", "equal"


def decided(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of which it is known whether they are slower, faster or equal: nothing is said of any other."""
    return summary[summary["claim"].isin([SLOWER, FASTER, EQUAL])]


def place(row: Any) -> str:
    """Return batch size × concurrency of a row."""
    return f"{row.batch_size} × {row.concurrency}"


def name_of(row: Any) -> str:
    """Return the name of a row's cell in a sentence."""
    return f"{row.label}, {place(row)}"
