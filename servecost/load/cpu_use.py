"""What a client process has had of the machine's cores: a number that the client limits is no number of the server's.

Owns the reading. CPU time is the process's own. The time in the kernel's queue for a core is known on Linux only
(``/proc/self/schedstat``): a process that others starve uses little CPU, but stands there long.
"""

import time
from pathlib import Path
from typing import NamedTuple

# Fields: ns on a core, ns ready to run but waiting for one, time slices (kernel documentation, sched-stats).
_SCHEDSTAT = Path("/proc/self/schedstat")


class Effort(NamedTuple):
    """Readings of one moment; the difference of two is what was spent between them.

    Attributes:
        elapsed_ns: on the monotonic clock.
        cpu_ns: of all of the process's threads.
        waited_ns: in the queue for a core, of its main thread, in which everything happens; 0 where that is not known.
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


def now() -> Effort:
    """Return the readings of this moment."""
    return Effort(time.perf_counter_ns(), time.process_time_ns(), _waited_ns())


def since(before: Effort) -> Effort:
    """Return what was spent since then."""
    return Effort(*(after - then for after, then in zip(now(), before, strict=True)))


def _waited_ns() -> int:
    try:
        return int(_SCHEDSTAT.read_text().split()[1])
    except (OSError, IndexError):
        return 0
