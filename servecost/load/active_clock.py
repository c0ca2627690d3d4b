"""The clock of a process that may be stopped for a while: it stands still meanwhile.

Owns when the file of this process's stops is read again. The file and the clock's arithmetic are those of
``servecost.core.stops``. Without such a file it costs nothing, and a time is the monotonic clock's own.
"""

import os
from pathlib import Path

from servecost.core import stops
from servecost.core.stops import Stops


class ActiveClock:
    """The monotonic clock less the stops that a file names."""

    def __init__(self, path: Path | None) -> None:
        """``path``: the file of the stops, which grows while this process is stopped; None if it never is."""
        self._path = path
        self._stops, self._size = Stops(), 0

    @property
    def stops(self) -> Stops:
        """The stops until now."""
        if self._path is not None and (size := self._find_size(self._path)) != self._size:
            self._stops, self._size = stops.read(self._path), size
        return self._stops

    def active_ns(self, at_ns: int) -> int:
        """Return a time of the monotonic clock less all the stops before it."""
        return at_ns if self._path is None else self.stops.active_ns(at_ns)

    def between_ns(self, begin_ns: int, end_ns: int) -> int:
        """Return how long it is from one time of the monotonic clock to another, less the stops between them."""
        return end_ns - begin_ns if self._path is None else self.stops.between_ns(begin_ns, end_ns)

    def _find_size(self, path: Path) -> int:
        try:
            return os.stat(path).st_size  # noqa: PTH116  # once for each request, so as quick as it can be
        except FileNotFoundError:  # as long as there was no stop
            return 0


_named = os.environ.get(stops.VARIABLE)
OWN = ActiveClock(Path(_named) if _named else None)
