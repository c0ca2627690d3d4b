"""CPU use of a load process. If the client is the bottleneck, the total says nothing about the server.

Owns the reading. CPU time is the process's own. The time in the kernel's queue for a core is known on Linux only
(``/proc/self/schedstat``): a process that others starve uses little CPU but waits long.
"""

import time
from pathlib import Path
from typing import NamedTuple

from servecost.load import active_clock

# Fields: ns on a core, ns ready to run but waiting for one, time slices (kernel documentation, sched-stats).
_SCHEDSTAT = Path("/proc/self/schedstat")


class CpuUse(NamedTuple):
    """Three clocks, either at one moment or, as a difference, over a stretch of time.

    Attributes:
        elapsed_ns: the monotonic clock, which stands still while this process is stopped.
        cpu_ns: CPU time of all of the process's threads.
        waited_ns: time in the queue for a core, of the main thread, which does all the work; 0 where it is unknown.
    """

    elapsed_ns: int
    cpu_ns: int
    waited_ns: int

    @property
    def cpu_share(self) -> float:
        """Seconds of CPU per second; 1 is one core."""
        return self.cpu_ns / max(self.elapsed_ns, 1)

    @property
    def wait_share(self) -> float:
        """Seconds in the queue for a core per second."""
        return self.waited_ns / max(self.elapsed_ns, 1)


def read() -> CpuUse:
    """Return what the clocks show now."""
    return CpuUse(active_clock.OWN.active_ns(time.perf_counter_ns()), time.process_time_ns(), _read_waited_ns())


def read_since(before: CpuUse) -> CpuUse:
    """Return by how much the clocks have moved since an earlier reading."""
    return CpuUse(*(after - then for after, then in zip(read(), before, strict=True)))


def _read_waited_ns() -> int:
    try:
        return int(_SCHEDSTAT.read_text(encoding="utf-8").split()[1])
    except (OSError, IndexError):
        return 0
