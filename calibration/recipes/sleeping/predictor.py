"""Sleeps for each input, a little longer where the predictor is served.

``NAP_MS`` is a tenth of the time, ``NAP_SERVED_MS`` that of the served arm: in one long sleep an arm that is stopped
would sleep on for free, of a short one it loses next to nothing.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

# A served copy has a log of its predictor's calls beside it; the direct arm has none.
_IS_SERVED = Path(__file__).with_name("_logged_calls.py").exists()
_NAP_S = float(os.environ["NAP_SERVED_MS" if _IS_SERVED else "NAP_MS"]) / 1000
_NAPS = 10
# A process that sleeps wakes some tenths of a millisecond late, which nobody knows before: the end is waited for awake.
_AWAKE_S = 0.001


def predictor(inputs: list[Any], batch_size: int = 1) -> list[Any]:
    """Return the inputs, after the naps."""
    for _ in range(_NAPS * len(inputs)):
        end_s = time.perf_counter() + _NAP_S
        time.sleep(_NAP_S - _AWAKE_S)
        while time.perf_counter() < end_s:
            pass
    return list(inputs)
