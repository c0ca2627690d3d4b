"""When the requests of a run are due.

Pure: owns the schedule. It reads no clock and waits for nothing; a user asks it before each request and waits itself.
"""

from typing import Protocol


class Arrivals(Protocol):
    """The schedule of a run's requests."""

    def due_ns(self, request: int) -> int | None:
        """Return when a request is due, in ns since the release, or None for "as soon as a user is free".

        Requests are numbered from 0 over the whole run, whichever worker sends them.
        """


class ClosedLoop:
    """A schedule without due times: each user sends its next request once the last one is answered."""

    def due_ns(self, request: int) -> int | None:
        """Return None: the next free user sends the request."""
        return None
