"""Lets the processes of one arm run for a while, and keeps count of when they ran and what they used at rest.

Owns the order in which an arm is stopped and continued, the file in which its own processes read their stops, and the
readings of CPU time that show whether a stopped arm really rests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from servecost.bench.processes.tree import Tree
from servecost.core import stops
from servecost.core.stops import Stop


class Slice(NamedTuple):
    """A stretch of time in which an arm ran.

    Attributes:
        begin_ns: before its first process was continued.
        end_ns: after its last process had been told to stop.
    """

    begin_ns: int
    end_ns: int


@dataclass
class Use:
    """What an arm was given and what it used, since the count was begun.

    Attributes:
        slices: when it ran.
        cpu_s: the CPU seconds of its first tree while it ran.
        rested_s: how long it was stopped.
        idle_cpu_s: the CPU seconds of all its processes while they were stopped.
    """

    slices: list[Slice] = field(default_factory=list)
    cpu_s: float = 0.0
    rested_s: float = 0.0
    idle_cpu_s: float = 0.0

    def ran_s(self, until_ns: int) -> float:
        """Return for how long the arm had run at a moment."""
        return sum(max(0, min(each.end_ns, until_ns) - each.begin_ns) for each in self.slices) / 1e9


class Pauses:
    """The stops of one arm."""

    def __init__(self, trees: Callable[[], list[Tree]], stops_csv: Path) -> None:
        """``trees``: returns the arm's process trees, the one whose CPU time counts first.

        They are stopped in this order and continued in the reverse. ``stops_csv``: the file that its processes read.
        """
        self._trees = trees
        self._stops_csv = stops_csv
        self._stopped_ns: int | None = None
        self._rests_since_ns = 0
        self._cpu_s_of_rest = 0.0
        self.use = Use()

    def begin(self) -> Use:
        """Begin a new count; return the one so far, to which nothing is added any more."""
        if self._stopped_ns is not None:
            self._count_rest(time.perf_counter_ns())
        counted, self.use = self.use, Use()
        return counted

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have the arm run for as long as the ``with`` block lasts."""
        before_s = self._first_cpu_s()  # at rest, and not on the arm's clock
        begin_ns = self.resume()
        try:
            yield
        finally:
            self.use.slices.append(Slice(begin_ns, self.suspend()))
            self.use.cpu_s += self._first_cpu_s() - before_s

    def suspend(self) -> int:
        """Stop every process of the arm; return when the last was told to stop."""
        for tree in self._trees():
            tree.stop()
        stopped_ns = time.perf_counter_ns()
        for tree in self._trees():
            if tree.settle():
                stopped_ns = time.perf_counter_ns()
        self._stopped_ns, self._rests_since_ns = stopped_ns, time.perf_counter_ns()
        self._cpu_s_of_rest = self._cpu_s()
        return stopped_ns

    def resume(self) -> int:
        """Write down the stop, and continue every process of the arm; return when the first is continued."""
        found = [(tree, tree.groups()) for tree in reversed(self._trees())]  # at rest, and not on the arm's clock
        if self._stopped_ns is not None:
            self._count_rest(time.perf_counter_ns())
        now_ns = time.perf_counter_ns()
        if self._stopped_ns is not None:
            stops.append(self._stops_csv, Stop(self._stopped_ns, now_ns))
            self._stopped_ns = None
        for tree, groups in found:
            tree.resume(groups)
        return now_ns

    def _count_rest(self, now_ns: int) -> None:
        used_s = self._cpu_s()
        self.use.rested_s += (now_ns - self._rests_since_ns) / 1e9
        self.use.idle_cpu_s += used_s - self._cpu_s_of_rest
        self._rests_since_ns, self._cpu_s_of_rest = now_ns, used_s

    def _cpu_s(self) -> float:
        return sum(tree.cpu_s() for tree in self._trees())

    def _first_cpu_s(self) -> float:
        trees = self._trees()
        return trees[0].cpu_s() if trees else 0.0
