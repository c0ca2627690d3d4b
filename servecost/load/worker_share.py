"""The users of one process and the requests that they share: who is ready, what is next, what came of it.

Owns the state of a run within one process. It reads no clock: times are given to it. It knows nothing of HTTP, nor of
whether the run is conducted from this process or from another.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from gevent.event import Event

from servecost.core.verdicts import VALID, Verdict
from servecost.load.leases import Lease
from servecost.load.payloads import Load, Request
from servecost.load.records import Record, Records

WRONG_ANSWER = "wrong answer"  # how the failure of a request begins whose answer is not the direct arm's


class Tally(NamedTuple):
    """How much of a run a process has done.

    Attributes:
        requests_issued: requests that users have taken to send.
        requests_answered: those of them that got a right answer.
        requests_failed: those that did not.
        examples_issued: the examples in the requests issued.
        examples_answered: the examples in the requests answered.
        examples_failed: the examples in the requests failed.
    """

    requests_issued: int = 0
    requests_answered: int = 0
    requests_failed: int = 0
    examples_issued: int = 0
    examples_answered: int = 0
    examples_failed: int = 0


class Superior(Protocol):
    """What a section tells whoever conducts the run."""

    def arrived(self, users: int) -> None:
        """Tell how many users of this section are connected and warm."""

    def refused(self, verdict: Verdict, is_host: bool) -> None:
        """Tell that a user cannot take part; ``is_host`` if that is because nobody answers at the given address."""

    def wants(self) -> None:
        """Tell that the section is running low on requests."""

    def abandoned(self) -> None:
        """Tell that the section issues no further request: the run cannot become valid."""

    def done(self, last_answered_ns: int | None) -> None:
        """Tell that every request of the section has ended; the last at that time, on this process's clock."""


class Section:
    """One process's part of a run.

    Users arrive, wait for the release, and take requests until none is left. Whoever conducts supplies the requests.
    """

    def __init__(self, load: Load, superior: Superior) -> None:
        self.records = Records()
        self.released = Event()
        self.refusal = VALID
        self.is_closed = False
        self._load = load
        self._superior = superior
        self._users = 0
        self._stock: deque[range] = deque()
        self._stocked = 0
        self._is_last = False
        self._is_asking = False
        self._is_done = False
        self._restocked = Event()
        self._issued = self._examples_issued = 0
        self._failed = self._examples_failed = self._examples_ended = 0

    @property
    def tally(self) -> Tally:
        """How much of the run this section has done so far."""
        answered = len(self.records) - self._failed
        examples = self._examples_issued, self._examples_ended - self._examples_failed, self._examples_failed
        return Tally(self._issued, answered, self._failed, *examples)

    def arrive(self) -> int:
        """Report one user connected and warm. Returns the user's number, from 0."""
        self._users += 1
        self._superior.arrived(self._users)
        return self._users - 1

    def refuse(self, verdict: Verdict, is_host: bool = False) -> None:
        """Report that a user cannot take part, or not any more; the first reason counts."""
        if self.refusal.is_valid:
            self.refusal = verdict
            self._superior.refused(verdict, is_host)

    def supply(self, lease: Lease) -> None:
        """Add requests to those that the users take."""
        if lease.requests:
            self._stock.append(range(lease.first, lease.first + lease.requests))
            self._stocked += lease.requests
        self._is_last, self._is_asking = self._is_last or lease.is_last, False
        self._restocked.set()
        self._ask_if_low()
        self._end_if_done()

    def requests(self) -> Iterator[Request]:
        """Yield to one user the next requests that nobody has taken, one at a time, until none is left."""
        while (number := self._take()) is not None:
            request = self._load.request(number)
            self._issued += 1
            self._examples_issued += request.examples
            yield request

    def record(self, record: Record) -> None:
        """Note what came of a request; the last one ends the section's run."""
        self.records.append(record)
        self._examples_ended += record.examples
        if record.failure:
            self._failed += 1
            self._examples_failed += record.examples
        self._end_if_done()

    def close(self) -> None:
        """Count nothing that ends from now on: the records are handed in."""
        self.is_closed = True
        self._drop_stock()

    def abandon(self, is_told: bool = False) -> None:
        """Issue no further request: the run cannot become valid any more. Says so unless it ``is_told`` so."""
        self._drop_stock()
        if not is_told:
            self._superior.abandoned()
        self._end_if_done()

    def _drop_stock(self) -> None:
        self._stock.clear()
        self._stocked, self._is_last = 0, True
        self._restocked.set()

    def _take(self) -> int | None:
        while not self._stock:
            if self._is_last:
                return None
            self._restocked.clear()
            self._restocked.wait()
        numbers = self._stock[0]
        if len(numbers) > 1:
            self._stock[0] = numbers[1:]
        else:
            self._stock.popleft()
        self._stocked -= 1
        self._ask_if_low()
        return numbers[0]

    def _ask_if_low(self) -> None:
        """Ask for more while each user still has one request: its answer takes longer than the next lease."""
        if self._stocked < self._users and not self._is_last and not self._is_asking:
            self._is_asking = True
            self._superior.wants()

    def _end_if_done(self) -> None:
        if self._is_last and not self._stock and len(self.records) == self._issued and not self._is_done:
            self._is_done = True
            self._superior.done(max((record.answered_ns for record in self.records), default=None))
