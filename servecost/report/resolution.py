"""What a pair of the baseline with itself shows: the resolution of the machine on that day.

Owns the estimate of each recipe. Both arms of such a pair are the same, so what differs from zero is not serving.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from servecost.report.overhead import CONFIDENCE
from servecost.statistics import paired


class Resolution(NamedTuple):
    """What the pairs of a recipe's baseline with itself gave.

    Attributes:
        recipe: the recipe's name.
        batch_size: of the baseline's calls.
        by: by what part the second run took longer; 0.01 for 1 %.
        half_width: half the width of its 95 % interval; NaN for one round.
        rounds: how many of them there are.
    """

    recipe: str
    batch_size: int
    by: float
    half_width: float
    rounds: int


def of_baseline(same: pd.DataFrame) -> Iterator[Resolution]:
    """Yield the resolution at each recipe and batch size that has a valid pair of the baseline with itself."""
    for (recipe, batch_size), own in same.dropna(subset=["log_ratio"]).groupby(["recipe", "batch_size"], sort=False):
        values = [float(value) for value in own["log_ratio"]]
        (spread,) = paired.spreads({0: values}).values()
        found = paired.interval(values, spread, CONFIDENCE)
        by, half_width = paired.seconds(1.0, found)
        yield Resolution(str(recipe), int(str(batch_size)), by, half_width, len(values))
