"""Sleeps a number of times for each input, and more often where the predictor is served.

``NAPS`` says how often, ``NAPS_SERVED`` how often in the served arm. A nap is a millisecond long, so that a stop, which
ends a nap early, costs next to nothing of the time.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

# A served copy has a log of its predictor's calls beside it; the direct arm has none.
_IS_SERVED = Path(__file__).with_name("_logged_calls.py").exists()
_NAPS = int(os.environ["NAPS_SERVED" if _IS_SERVED else "NAPS"])


def predictor(inputs: list[Any], batch_size: int = 1) -> list[Any]:
    """Return the inputs, after the naps."""
    for _ in range(_NAPS * len(inputs)):
        time.sleep(0.001)
    return list(inputs)
