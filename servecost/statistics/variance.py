"""Where the spread of a table's cells comes from: from within its rounds, or from the start of new processes in each.

Owns the split of the variance. All pairs of a round have the same processes, so what a start makes slower or faster
shifts all of them together; what is left differs from pair to pair.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Advice = Literal["more rounds", "longer runs"]
# With fewer rounds, what they have in common is not known well enough to say what would narrow an interval.
LEAST_ROUNDS = 4


class Split(NamedTuple):
    """The two parts of the spread of a cell's rounds.

    Attributes:
        within_sd: what differs between the pairs of a round, from slice to slice: longer runs make it smaller.
        rounds_sd: what all pairs of a round have in common; 0 if the pairs explain all of it.
        advice: what narrows the interval of a mean over rounds at the least cost, or None for fewer than LEAST_ROUNDS.
    """

    within_sd: float
    rounds_sd: float
    advice: Advice | None


def split(cells: Sequence[Sequence[float]] | NDArray[np.float64]) -> Split:
    """Return the parts of the spread of a table of values, a row for each cell and a column for each round.

    Two-way analysis of variance without replication, with random effects of the rounds, by the method of moments
    (H. Scheffé, The Analysis of Variance, 1959, section 7.4): the mean square of the residuals, and by how much that of
    the rounds is larger, over the number of cells. NaN for fewer than two cells or rounds.
    """
    values = np.asarray(cells, dtype=float)
    if values.ndim != 2 or min(values.shape) < 2:
        return Split(float("nan"), float("nan"), None)
    number, rounds = values.shape
    centred = values - values.mean(axis=1, keepdims=True)
    common = centred.mean(axis=0)
    residual = float(((centred - common) ** 2).sum()) / ((number - 1) * (rounds - 1))
    of_rounds = max(0.0, (number * float((common**2).sum()) / (rounds - 1) - residual) / number)
    advice: Advice | None = "longer runs" if residual > of_rounds else "more rounds"
    return Split(float(np.sqrt(residual)), float(np.sqrt(of_rounds)), advice if rounds >= LEAST_ROUNDS else None)
