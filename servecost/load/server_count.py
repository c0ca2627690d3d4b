"""The server's own count of requests, compared with the ledger.

Owns the question, when to ask it so that the answer is exact, and which answers agree. A system without a count is not
asked. A server counts the requests of the last whole seconds, warm-ups included, and may forget old ones. So it has to
be quiet before a run: then a count that reaches back to just before the warm-ups is exact. A run that is longer than
the server remembers is checked by its last seconds.

Only this process's clock is read; the server's enters by the length of its window alone.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import gevent
import requests

from servecost.core.system import RequestCount
from servecost.load.ledger import Ledger, ServerCount

ASK_TIMEOUT_S = 5
QUIET_LIMIT_S = 4
QUIET_POLL_S = 0.1
LATEST_S = 30  # how much of a long run is checked, if the server remembers that much
ATTEMPTS, RETRY_S = 8, 0.125

Get = Callable[[str], str | None]


class Busy(Exception):
    """Others use the server; the message says how much."""


class Clock(NamedTuple):
    """The time and the sleep of this process.

    Attributes:
        now_s: returns seconds on the monotonic clock.
        sleep: returns after so many seconds.
    """

    now_s: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], object] = gevent.sleep


@dataclass(frozen=True)
class Reading:
    """One answer of the server.

    Attributes:
        requests: received within the window; None if the server does not say.
        asked_s: when it was asked.
        answered_s: when its answer was here.
    """

    requests: int | None
    asked_s: float
    answered_s: float


def get_text(url: str) -> str | None:
    """Return the text at a URL, or None if the server gives none."""
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy between client and server would answer in the server's place
            answer = session.get(url, timeout=ASK_TIMEOUT_S)
        return answer.text if answer.ok else None
    except requests.RequestException:
        return None


REAL_CLOCK = Clock()


class ServerCounter:
    """Asks one server for its count, before a run and after it."""

    def __init__(
        self,
        host: str,
        request_count: RequestCount | None,
        warm_ups: int = 0,
        get: Get = get_text,
        clock: Clock = REAL_CLOCK,
    ) -> None:
        """``host``: the server's address; ``request_count``: how to ask it, None if its system keeps no count.

        ``warm_ups``: how many untimed requests the users of the run send in all; ``get``: returns the text at a URL.
        """
        self._host = host.rstrip("/")
        self._request_count = request_count
        self._warm_ups = warm_ups
        self._get = get
        self._clock = clock
        self._quiet: Reading | None = None

    def wait_until_quiet(self) -> None:
        """Return once the server has received nothing for a second. Raises Busy if that takes too long."""
        deadline_s = self._clock.now_s() + QUIET_LIMIT_S
        while (reading := self._ask(1)).requests:
            if self._clock.now_s() > deadline_s:
                raise Busy(f"{self._host} is busy with others: {reading.requests} requests in the last second")
            self._clock.sleep(QUIET_POLL_S)
        self._quiet = reading if reading.requests == 0 else None

    def check(self, released_ns: int, ledger: Ledger) -> ServerCount:
        """Compare the server's count with the ledger of the run that was released at that time."""
        if self._request_count is None or self._quiet is None:
            return ServerCount(None, 0, 0, "the server keeps no count of requests")
        latest_s = min(LATEST_S, self._request_count.remembered_s)
        for _ in range(ATTEMPTS):  # until the server's whole seconds fall into place: at most one second in all
            count = self._count_all(self._quiet, self._request_count.remembered_s, ledger)
            count = count or self._count_latest(released_ns / 1e9, latest_s, ledger)
            if count is not None:
                return count
            self._clock.sleep(RETRY_S)
        return ServerCount(None, 0, 0, "the server's count could not be read")

    def _count_all(self, quiet: Reading, remembered_s: int, ledger: Ledger) -> ServerCount | None:
        """Count from the quiet second before the warm-ups; None if that is not possible now."""
        seconds = math.ceil(self._clock.now_s() - quiet.asked_s)
        if seconds > remembered_s:
            return None
        reading = self._ask(seconds)
        begins_in_quiet = reading.answered_s - quiet.asked_s <= seconds <= reading.asked_s - quiet.answered_s + 1
        if reading.requests is None or not begins_in_quiet:
            return None
        issued = ledger.total.requests_issued
        return ServerCount(reading.requests - self._warm_ups, issued, issued, "in the whole run")

    def _count_latest(self, released_s: float, latest_s: int, ledger: Ledger) -> ServerCount | None:
        """Count within the run; None as long as the run is shorter than the window."""
        if self._clock.now_s() - released_s <= latest_s:
            return None
        reading = self._ask(latest_s)
        if reading.requests is None:
            return None
        least, most = count_within(ledger, released_s, reading.answered_s - latest_s, reading.asked_s - latest_s)
        return ServerCount(reading.requests, least, most, f"in the last {latest_s} s")

    def _ask(self, seconds: int) -> Reading:
        asked_s, received = self._clock.now_s(), None
        if self._request_count is not None:
            text = self._get(self._host + self._request_count.path.format(seconds=seconds))
            received = None if text is None else self._request_count.read(text)
        return Reading(received, asked_s, self._clock.now_s())


def count_within(ledger: Ledger, released_s: float, latest_begin_s: float, earliest_begin_s: float) -> tuple[int, int]:
    """Return the fewest and the most requests in a window whose begin is known to lie between two times.

    A worker learns of the release later than the master sends it, by at most the time that its span is shorter than
    the run. A server receives a request between its sending and its answer.
    """
    least = most = 0
    for entry in ledger.entries.values():
        if entry.end_ns is None or entry.span_ns is None:
            continue
        late_s = max(0.0, entry.end_ns / 1e9 - entry.span_ns / 1e9 - released_s)
        for record in entry.records:
            least += released_s + record.sent_ns / 1e9 > latest_begin_s
            most += released_s + late_s + record.answered_ns / 1e9 > earliest_begin_s
    return least, most
