"""Watches memory and disk while a run is made, so that a cell that is too large for the machine ends with a reason.

Owns the limits and their readings. A machine that swaps measures its disk; when memory runs out, the kernel kills a
process, which need not be the one that used it.
"""

import tempfile
import time
from pathlib import Path

import psutil

from servecost.core.verdicts import VALID, Verdict

INTERVAL_S = 0.25
# Below this part of memory the kernel begins to reclaim pages that are in use.
MEMORY_LEAST = 0.05
# Unused pages may be swapped out at any time; more than this means that memory is short.
SWAPPED_MOST_MIB = 64
# Of the results folder, and of the folder for temporary files, where a system may queue all requests in flight.
DISK_LEAST_MIB = 32
MIB, GIB = 2**20, 2**30


class Watch:
    """The memory and disk that were free since the run began."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is where the run's files are written."""
        self._folders = folder, Path(tempfile.gettempdir())
        self._memory_bytes = psutil.virtual_memory().available
        self._swapped_before_bytes = self._swapped_bytes = psutil.swap_memory().sout
        self._disk_bytes = self._free_bytes()
        self._looked_s = float("-inf")

    def look(self) -> Verdict:
        """Return whether enough memory and disk are free now; cheap enough to be called often."""
        if time.monotonic() - self._looked_s < INTERVAL_S:
            return VALID
        self._looked_s = time.monotonic()
        memory = psutil.virtual_memory()
        self._memory_bytes = min(self._memory_bytes, memory.available)
        self._swapped_bytes = psutil.swap_memory().sout
        self._disk_bytes = min(self._disk_bytes, self._free_bytes())
        if memory.available < MEMORY_LEAST * memory.total:
            return Verdict(
                "memory",
                f"{memory.available / MIB:,.0f} MiB of {memory.total / MIB:,.0f} MiB were left; it was stopped",
            )
        if self.swapped_mib > SWAPPED_MOST_MIB:
            return Verdict("memory", f"{self.swapped_mib:,.0f} MiB were swapped out; it was stopped")
        if self._disk_bytes < DISK_LEAST_MIB * MIB:
            return Verdict("disk", f"{self._disk_bytes / MIB:,.0f} MiB of disk were left; it was stopped")
        return VALID

    @property
    def swapped_mib(self) -> float:
        """MiB swapped out since the run began."""
        return (self._swapped_bytes - self._swapped_before_bytes) / MIB

    def found(self) -> dict[str, float]:
        """Return the lowest free memory and disk, and what was swapped out, for the manifest."""
        return {
            "memory_free_least_gib": round(self._memory_bytes / GIB, 2),
            "swapped_out_mib": round(self.swapped_mib, 1),
            "disk_free_least_gib": round(self._disk_bytes / GIB, 2),
        }

    def _free_bytes(self) -> int:
        return min(psutil.disk_usage(str(folder)).free for folder in self._folders)
