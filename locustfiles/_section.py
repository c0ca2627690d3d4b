"""The users of one process and the requests that they share: who is ready, what is next, what came of it.

Owns the state of a run within one process. It reads no clock: times are given to it. It knows nothing of HTTP, nor of
whether other processes take part.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from _requests import Request
from gevent.event import Event


@dataclass(frozen=True)
class Record:
    """What came of one request.

    Attributes:
        request: the request's number in the run.
        user: the number of the user that sent it.
        examples: how many inputs it sent.
        sent_ns: when its first byte was sent, on this process's monotonic clock.
        answered_ns: when its answer was complete, or its failure known, on the same clock.
        failure: what went wrong in one line, or nothing.
    """

    request: int
    user: int
    examples: int
    sent_ns: int
    answered_ns: int
    failure: str


class Section:
    """One process's part of a run.

    Users arrive, wait for the release, and take requests until none is left. Whoever conducts the run waits for
    ``gathered``, releases, and waits for ``finished``.
    """

    def __init__(self, users: int, requests: Iterable[Request]) -> None:
        self.users = users
        self.records: list[Record] = []
        self.arrived = 0
        self.refusal = ""
        self.refused_for_host = False
        self.gathered = Event()
        self.released = Event()
        self.finished = Event()
        self._waiting = iter(requests)
        self._in_flight = 0
        self._next: Request | None = next(self._waiting, None)

    def arrive(self) -> int:
        """Report one user connected and warm. Returns the user's number, from 0."""
        self.arrived += 1
        if self.arrived == self.users:
            self.gathered.set()
        return self.arrived - 1

    def refuse(self, reason: str, is_host: bool) -> None:
        """Report that a user cannot take part, so that the run does not start; ``is_host`` if nobody answered it."""
        if not self.refusal:
            self.refusal, self.refused_for_host = reason, is_host
        self.gathered.set()

    def requests(self) -> Iterator[Request]:
        """Yield to one user the next requests that nobody has taken, one at a time, until none is left."""
        while self._next is not None:
            request, self._next = self._next, next(self._waiting, None)
            self._in_flight += 1
            yield request

    def abandon(self) -> None:
        """Issue no further request: the run cannot become valid any more."""
        self._next = None

    def record(self, record: Record) -> None:
        """Note what came of a request; the last one ends the section's run."""
        self.records.append(record)
        self._in_flight -= 1
        if self._next is None and not self._in_flight:
            self.finished.set()
