"""The processes that some commands have started: which they are, what they use, and how they are stopped and continued.

Owns the walk over a process tree. Whether a command has ended is its ``Process``'s.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from servecost.bench.processes.process import Process

MIB = 2**20
# What a process may be in that forks no more: one that waits for a disk or for a child to begin cannot fork meanwhile.
AT_REST = {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP, psutil.STATUS_ZOMBIE, psutil.STATUS_DISK_SLEEP}
STOP_LIMIT_S, STOP_POLL_S = 1.0, 0.0005
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
        _stop(self._known)  # at once; the walk finds those that have been started since the last one
        suspended = {member.pid for member in self._known}
        while new := [member for member in self._walk() if member.pid not in suspended]:
            _stop(new)
            suspended |= {member.pid for member in new}
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


def _stop(members: list[psutil.Process]) -> None:
    """Stop processes, and wait until they are: a fork that has begun ends first, and only then its child is found."""
    for member in members:
        with suppress(psutil.NoSuchProcess):
            member.suspend()
    deadline_s = time.monotonic() + STOP_LIMIT_S
    for member in members:
        with suppress(psutil.NoSuchProcess):
            while member.status() not in AT_REST and time.monotonic() < deadline_s:
                time.sleep(STOP_POLL_S)


def _peak_bytes(pid: int) -> int:
    """Return the largest resident set that a process has had; 0 where the kernel does not say."""
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0
