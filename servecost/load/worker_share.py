"""One process's share of a run: its users, the requests that they take, and the records of these requests.

Owns the state of a run within one process. It reads no clock; times are arguments. It knows nothing of HTTP, nor of
whether the run is directed from this process or from a master.
"""

from collections import deque
from collections.abc import Iterator
from typing import Protocol

from gevent.event import Event

from servecost.core.verdicts import VALID, Verdict
from servecost.load.leases import Lease
from servecost.load.payloads import Load, Request
from servecost.load.records import Record, Records
from servecost.load.tally import Tally
from servecost.load.waves import Wave, Waves


class WorkerListener(Protocol):
    """Receives one worker's events."""

    def on_users_ready(self, users: int) -> None:
        """Receive the number of users that are connected and have been answered."""

    def on_refused(self, verdict: Verdict, is_misuse: bool) -> None:
        """Receive why the run cannot be made; ``is_misuse`` if an option is wrong, such as the server's address."""

    def on_warmed(self, wave: Wave) -> None:
        """Receive a wave of untimed requests that is over."""

    def on_requests_low(self) -> None:
        """Receive the wish for another lease."""

    def on_abandoned(self) -> None:
        """Receive the news that no further request is issued because the run cannot become valid."""

    def on_done(self, last_answered_ns: int | None) -> None:
        """Receive the news that all requests have ended, the last at that time on this process's clock."""


class WorkerShare:
    """One process's share of a run: users report themselves, warm up, and take requests from the release to the end.

    Attributes:
        records: the records of the requests that have ended.
        waves: the untimed requests before the release.
        released: set once the users may begin.
        released_ns: when that was, on this process's clock.
        refusal: why the run cannot be made; valid if nothing speaks against it.
        reconnections: how often a user's connection was opened anew since the release.
        is_closed: whether the records have been collected, so that nothing counts any more.
    """

    def __init__(self, load: Load, listener: WorkerListener) -> None:
        self.records = Records()
        self.released = Event()
        self.released_ns: int | None = None
        self.refusal = VALID
        self.reconnections = 0
        self.is_closed = False
        self.waves = Waves(listener.on_warmed)
        self._load = load
        self._listener = listener
        self._users = 0
        self._stock: deque[range] = deque()
        self._stocked = 0
        self._is_last = False
        self._is_asking = False
        self._is_done = self._is_abandoned = False
        self._restocked = Event()
        self._issued = self._examples_issued = 0
        self._failed = self._examples_failed = self._examples_ended = 0

    @property
    def tally(self) -> Tally:
        """How much of this share is done."""
        answered = len(self.records) - self._failed
        examples = self._examples_issued, self._examples_ended - self._examples_failed, self._examples_failed
        return Tally(self._issued, answered, self._failed, *examples, self.reconnections)

    def add_user(self) -> int:
        """Count one more user as connected; return the user's number, from 0."""
        self._users += 1
        self._listener.on_users_ready(self._users)
        return self._users - 1

    def refuse(self, verdict: Verdict, is_misuse: bool = False) -> None:
        """Report why the run cannot be made; only the first reason is reported."""
        if self.refusal.is_valid:
            self.refusal = verdict
            self._listener.on_refused(verdict, is_misuse)

    def release(self, lease: Lease, released_ns: int) -> None:
        """Let the users begin with their first requests."""
        self.released_ns = released_ns
        self.supply(lease)
        self.waves.end()
        self.released.set()

    def supply(self, lease: Lease) -> None:
        """Add requests for the users to take; none after the run has been abandoned, which a lease may have crossed."""
        if lease.requests and not self._is_abandoned:
            self._stock.append(range(lease.first, lease.first + lease.requests))
            self._stocked += lease.requests
        self._is_last, self._is_asking = self._is_last or lease.is_last, False
        self._restocked.set()
        self._ask_if_low()
        self._end_if_done()

    def take_requests(self) -> Iterator[Request]:
        """Yield one request after the other to one user, each of them to no other, until none is left."""
        while (number := self._take()) is not None:
            request = self._load.request(number)
            self._issued += 1
            self._examples_issued += request.examples
            yield request

    def record(self, record: Record) -> None:
        """Keep the record of a request; the last one ends this share of the run."""
        self.records.append(record)
        self._examples_ended += record.examples
        if record.failure:
            self._failed += 1
            self._examples_failed += record.examples
        self._end_if_done()

    def close(self) -> Records:
        """Count nothing that ends from now on; return the records, their times since the release."""
        self.is_closed = True
        self._drop_stock()
        return self.records.since(self.released_ns or 0)

    def abandon(self, notify: bool = True) -> None:
        """Issue no further request because the run cannot become valid; ``notify`` the listener unless it asked."""
        self._is_abandoned = True
        self._drop_stock()
        if notify:
            self._listener.on_abandoned()
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
        # Early enough if each user still has one request: its answer takes longer than the next lease.
        if self._stocked < self._users and not self._is_last and not self._is_asking:
            self._is_asking = True
            self._listener.on_requests_low()

    def _end_if_done(self) -> None:
        if self._is_last and not self._stock and len(self.records) == self._issued and not self._is_done:
            self._is_done = True
            self._listener.on_done(max((record.answered_ns for record in self.records), default=None))
