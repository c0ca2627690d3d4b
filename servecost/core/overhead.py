"""What the numbers are: seconds per 10,000 examples, and the overhead of serving them.

Owns the unit and the formula, for one number as for a column of numbers (a pandas Series). Source: fastDeploy's
benchmark page, whose columns the published table has.
"""

from __future__ import annotations

import math
from typing import Any

EXAMPLES = 10_000
# Untimed calls of the predictor, or requests of each user, before a clock starts.
WARM_UPS = 3
# A row whose interval lies within this part of its larger arm is equal to the baseline; an experiment may say another.
EQUAL_WITHIN = 0.05
# Fewer rounds (or pairs, if there is one round) know little of their own spread.
LEAST_ROUNDS = 4


def per_examples(total_s: Any, examples: Any) -> Any:
    """Return the seconds that EXAMPLES examples take where ``examples`` take ``total_s``."""
    return total_s * EXAMPLES / examples


def overhead_s(served_s: Any, baseline_s: Any) -> Any:
    """Return what serving adds; both arguments and the result are seconds per EXAMPLES examples."""
    return served_s - baseline_s


def requests_of(examples: int, batch_size: int) -> int:
    """Return in how many requests the examples are sent: ceil(examples / batch_size)."""
    return math.ceil(examples / batch_size)
