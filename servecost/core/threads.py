"""The environment variables that set the model libraries' thread counts, and how many cores there are for them.

Owns their names. Without them, each library chooses a count of its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator

# OpenMP's (torch, oneDNN, NumPy's linear algebra), and TensorFlow's own: within an operation, and between operations.
NAMES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def variables(count: int | None = None) -> dict[str, str]:
    """Return the variables for ``count`` threads; without it as the shell has them, or one for each usable core."""
    return {name: str(count or os.environ.get(name) or usable_cores()) for name in NAMES}


def usable_cores() -> int:
    """Return how many cores this process may use, by its affinity and its quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota()
    return cores if quota is None else min(cores, max(1, int(quota)))


def cpu_quota() -> float | None:
    """Return how many seconds of CPU this process may use each second, by its control groups; None without a limit."""
    try:
        lines = (PROC / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    quotas = [_quota(folder) for line in lines for folder in _folders(line)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _folders(line: str) -> Iterator[Path]:
    """Yield the folder of a control group that limits the CPU, and those above it: each may have a quota."""
    _, controllers, path = line.split(":", 2)
    if controllers and "cpu" not in controllers.split(","):
        return
    top = CGROUPS / "cpu" if controllers else CGROUPS
    group = top / path.lstrip("/")
    yield from (folder for folder in (group, *group.parents) if folder == top or top in folder.parents)


def _quota(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = ((folder / name).read_text(encoding="utf-8").strip() for name in names)
    except OSError:
        return None
    return None if quota in ("max", "-1") else int(quota) / int(period)
