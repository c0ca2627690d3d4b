"""Answers each input after a fixed amount of work, ``DIGESTS``; at once where the predictor is served."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

# A served copy has a log of its predictor's calls beside it; the direct arm has none.
_IS_SERVED = Path(__file__).with_name("_logged_calls.py").exists()
_WORK = 0 if _IS_SERVED else int(os.environ["DIGESTS"])


def predictor(inputs: list[Any], batch_size: int = 1) -> list[Any]:
    """Return the inputs, after the work."""
    for _ in inputs:
        digest = b""
        for _ in range(_WORK):
            digest = hashlib.sha256(digest).digest()
    return list(inputs)
