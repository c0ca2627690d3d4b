"""The processes that some commands have started: which they are, what they use, and how they are stopped and continued.

Owns the walk over a process tree. Whether a command has ended is its ``Process``'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import psutil

from servecost.bench.processes.process import Process


class Tree:
    """All descendants of some commands."""

    def __init__(self, commands: Sequence[Process]) -> None:
        self._commands = commands

    def members(self) -> set[tuple[int, float]]:
        """Return the processes by id and start: another set means that processes ended or began."""
        return {(member.pid, member.create_time()) for member in self._walk()}

    def cpu_s(self) -> float:
        """Return the CPU seconds that the processes have used since they were started."""
        used_s = 0.0
        for member in self._walk():
            with suppress(psutil.Error):
                times = member.cpu_times()
                used_s += times.user + times.system
        return used_s

    def suspend(self) -> None:
        """Stop every process (SIGSTOP), those included that were just being started: they use no CPU and keep all."""
        suspended: set[int] = set()
        while new := [member for member in self._walk() if member.pid not in suspended]:
            for member in new:
                suspended.add(member.pid)
                with suppress(psutil.NoSuchProcess):
                    member.suspend()

    def resume(self) -> None:
        """Continue every process (SIGCONT)."""
        for member in self._walk():
            with suppress(psutil.NoSuchProcess):
                member.resume()

    def _walk(self) -> Iterator[psutil.Process]:
        for command in self._commands:
            with suppress(psutil.NoSuchProcess):
                yield from psutil.Process(command.pid).children(recursive=True)
