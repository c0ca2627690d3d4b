"""What a pair of the baseline with itself shows: the resolution of the machine on that day.

Owns the estimate of each recipe. Both arms of such a pair are the same, so what differs from zero is not serving.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from servecost.report.overhead import units
from servecost.statistics import paired


class Resolution(NamedTuple):
    """What the pairs of a recipe's baseline with itself gave.

    Attributes:
        recipe: the recipe's name.
        batch_size: of the baseline's calls.
        by: by what part the second run took longer; 0.01 for 1 %.
        half_width: half the width of its 95 % interval, over rounds, or over the pairs of the only one; NaN for one
            pair.
    """

    recipe: str
    batch_size: int
    by: float
    half_width: float


def of_baseline(same: pd.DataFrame) -> Iterator[Resolution]:
    """Yield the resolution at each recipe and batch size that has a valid pair of the baseline with itself."""
    valid = same[same["rule"] == ""]
    for (recipe, batch_size), own in valid.groupby(["recipe", "batch_size"], sort=False):
        each = units(own, ["total_s", "again_s"])
        found = paired.ratio(each["again_s"].to_numpy(float), each["total_s"].to_numpy(float))
        yield Resolution(str(recipe), int(str(batch_size)), found.value - 1, found.half_width)
