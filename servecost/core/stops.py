"""When an arm was stopped, and the clock that does not run meanwhile.

While one arm of a pair runs, every process of the other is stopped. The bench writes each stop into a file before it
continues the arm, whose processes read it: so a time is less the stops that it overlaps wherever it is written. Owns
the file's format and this clock. Times are ns of the machine's monotonic clock, which all of its processes share.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from pathlib import Path
from typing import Iterable, NamedTuple

# Names the file of the stops, in the environment of a process that may be stopped.
VARIABLE = "STOPS_CSV"


class Stop(NamedTuple):
    """One stretch of time in which no process of an arm ran.

    Attributes:
        begin_ns: when the last process was told to stop.
        end_ns: when the first was continued.
    """

    begin_ns: int
    end_ns: int


class Stops:
    """The stops of an arm, in their order."""

    def __init__(self, stops: Iterable[Stop] = ()) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []
        self._stopped_ns: list[int] = [0]  # in all stops before the one at this place
        for stop in stops:
            self.add(stop)

    def add(self, stop: Stop) -> None:
        """Add a stop that begins after all others have ended."""
        self._begins.append(stop.begin_ns)
        self._ends.append(stop.end_ns)
        self._stopped_ns.append(self._stopped_ns[-1] + stop.end_ns - stop.begin_ns)

    def active_ns(self, at_ns: int) -> int:
        """Return a time less all the stops before it; the difference of two such times is less the stops between."""
        place = bisect_right(self._begins, at_ns)
        if not place:
            return at_ns
        in_stop_ns = max(0, self._ends[place - 1] - at_ns)  # a time within a stop counts as the stop's begin
        return at_ns - self._stopped_ns[place] + in_stop_ns

    def between_ns(self, begin_ns: int, end_ns: int) -> int:
        """Return how long it is from one time to another, less the stops between them."""
        return self.active_ns(end_ns) - self.active_ns(begin_ns)

    def __len__(self) -> int:
        return len(self._begins)


def append(path: Path, stop: Stop) -> None:
    """Add a stop to the file at ``path``."""
    with path.open("a", encoding="utf-8") as file:
        file.write("{},{}\n".format(stop.begin_ns, stop.end_ns))


def read(path: Path | None) -> Stops:
    """Return the stops in a file; none without one."""
    if path is None or not path.exists():
        return Stops()
    lines = path.read_text(encoding="utf-8").splitlines()
    return Stops(Stop(*map(int, line.split(","))) for line in lines)


def own() -> Stops:
    """Return the stops of this process until now, from the file that its environment names."""
    named = os.environ.get(VARIABLE)
    return read(Path(named) if named else None)
