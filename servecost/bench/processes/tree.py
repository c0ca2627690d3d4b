"""The processes that some commands have started: which they are, what they use, and how they are stopped and continued.

Owns the walk over a process tree. Whether a command has ended is its ``Process``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from servecost.bench.processes.process import Process

MIB = 2**20
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


class Tree:
    """All descendants of some commands."""

    def __init__(self, commands: Sequence[Process]) -> None:
        """``commands``: those whose descendants it is made of."""
        self._commands = commands
        self._known: list[psutil.Process] = []  # those that the last stop found

    def members(self) -> set[tuple[int, float]]:
        """Return the processes by id and start: another set means that processes ended or began.

        One that has ended is none of them, though its parent may not have taken notice.
        """
        found = set()
        for member in self._walk():
            with suppress(psutil.NoSuchProcess):
                if member.status() != psutil.STATUS_ZOMBIE:
                    found.add((member.pid, member.create_time()))
        return found

    def cpu_s(self) -> float:
        """Return the CPU seconds that the processes have used since they were started."""
        used_s = 0.0
        for member in self._walk():
            with suppress(psutil.Error):
                times = member.cpu_times()
                used_s += times.user + times.system
        return used_s

    def memory_mib(self) -> float:
        """Return the sum of the processes' peak resident sets; a page that several share counts in each."""
        return sum(_peak_bytes(member.pid) for member in self._walk()) / MIB

    def suspend(self) -> None:
        """Stop every process (SIGSTOP), those included that were just being started: they use no CPU and keep all."""
        suspended: set[int] = set()
        for member in self._known:  # at once; the walk finds those that have been started since the last one
            suspended.add(member.pid)
            with suppress(psutil.NoSuchProcess):
                member.suspend()
        while new := [member for member in self._walk() if member.pid not in suspended]:
            for member in new:
                suspended.add(member.pid)
                with suppress(psutil.NoSuchProcess):
                    member.suspend()
            self._known = [*self._known, *new]

    def resume(self) -> None:
        """Continue every process (SIGCONT)."""
        if not self._known:
            self._known = list(self._walk())
        for member in self._known:
            with suppress(psutil.NoSuchProcess):
                member.resume()

    def _walk(self) -> Iterator[psutil.Process]:
        for command in self._commands:
            with suppress(psutil.NoSuchProcess):
                yield from psutil.Process(command.pid).children(recursive=True)


def _peak_bytes(pid: int) -> int:
    """Return the largest resident set that a process has had; 0 where the kernel does not say."""
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0
