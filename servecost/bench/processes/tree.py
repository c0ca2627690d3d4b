"""The processes that some commands have started: which they are, what they use, and how they are stopped and continued.

Owns the walk over a process tree. Whether a command has ended is its ``Process``'s.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from servecost.bench.processes.process import Process

MIB = 2**20
# The states of a thread that runs no more: stopped, traced, ended; or waiting for a disk or for a child to begin, after
# which it stops.
AT_REST = set("TtZXD")
STOP_LIMIT_S, STOP_POLL_S = 1.0, 0.0005
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


class Tree:
    """All descendants of some commands."""

    def __init__(self, commands: Sequence[Process]) -> None:
        """``commands``: those whose descendants it is made of."""
        self._commands = commands
        self._known: list[psutil.Process] = []  # those that a walk has found

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

    def groups(self) -> set[int]:
        """Return the groups of the processes that are known; those that a walk finds, if none is."""
        if not self._known:
            self._known = list(self._walk())
        return _groups(self._known)

    def stop(self) -> None:
        """Send SIGSTOP to every process that is known, a group at a time: they use no CPU any more, and keep all."""
        _tell(_groups(self._known), signal.SIGSTOP)

    def settle(self) -> bool:
        """Wait until all are stopped, and stop those that a walk finds besides; return whether any of these ran.

        A fork that has begun ends before its process stops, and only then its child is found. What is in a group that
        has been told is stopped already.
        """
        _wait_until_at_rest(self._known)
        one_ran = False
        while new := set(self._walk()) - set(self._known):
            one_ran = one_ran or not all(is_at_rest(member.pid) for member in new)
            _tell(_groups(new), signal.SIGSTOP)
            _wait_until_at_rest(new)
            self._known += new
        self._known = [member for member in self._known if member.is_running()]
        return one_ran

    def resume(self, groups: Iterable[int] | None = None) -> None:
        """Continue every process (SIGCONT). ``groups``: those that ``groups`` has returned before, to lose no time."""
        _tell(self.groups() if groups is None else groups, signal.SIGCONT)

    def _walk(self) -> Iterator[psutil.Process]:
        for command in self._commands:
            with suppress(psutil.NoSuchProcess):
                yield from psutil.Process(command.pid).children(recursive=True)


def _tell(groups: Iterable[int], number: signal.Signals) -> None:
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):  # what cannot be stopped is seen by what it uses
            os.killpg(group, number)


def _groups(members: Iterable[psutil.Process]) -> set[int]:
    found = set()
    for member in members:
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            if member.is_running():  # and its id is not another process's by now
                found.add(os.getpgid(member.pid))
    return found


def _wait_until_at_rest(members: Iterable[psutil.Process]) -> None:
    deadline_s = time.monotonic() + STOP_LIMIT_S
    for member in members:
        while not is_at_rest(member.pid) and time.monotonic() < deadline_s:
            time.sleep(STOP_POLL_S)


def is_at_rest(pid: int) -> bool:
    """Return whether no thread of a process runs, nor will by itself; one that has ended has none."""
    states = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                states.append((thread / "stat").read_bytes().rpartition(b")")[2].split()[0].decode())
    return all(state in AT_REST for state in states)


def _peak_bytes(pid: int) -> int:
    """Return the largest resident set that a process has had; 0 where the kernel does not say."""
    try:
        found = _PEAK.search(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0
