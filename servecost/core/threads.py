"""The environment variables that set the model libraries' thread counts.

Owns their names. Without them, each library chooses a count of its own.
"""

from __future__ import annotations

import os

# OpenMP's (torch, oneDNN, NumPy's linear algebra), and TensorFlow's own: within an operation, and between operations.
NAMES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def variables(count: int | None = None) -> dict[str, str]:
    """Return the variables for ``count`` threads; without it as the shell has them, or one for each usable core."""
    return {name: str(count or os.environ.get(name) or usable_cores()) for name in NAMES}


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
