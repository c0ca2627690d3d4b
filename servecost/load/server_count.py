"""What the server says that it has received, held against the ledger.

Owns the question, when to ask it so that the answer is exact, and what it may be. A server that keeps no such count is
not asked. fastDeploy counts the requests of the last whole seconds, warm-ups included, and forgets a request about 40 s
after its answer. So the server has to be quiet before a run: then a count that reaches back to just before the warm-ups
is exact, and a run that is longer than fastDeploy's memory is checked by its last half minute.

No clock but this process's is read: that of the server enters by the length of its window only.
"""

import math
import time
from dataclasses import dataclass

import gevent
import requests

from servecost.load.ledger import Ledger, Seen
from systems.fastdeploy import wire

ASK_TIMEOUT_S = 5
QUIET_LIMIT_S = 4
REMEMBERED_S = 38
LATEST_S = 30
ATTEMPTS = 8


class Busy(Exception):
    """Others use the server; the message says how much."""


@dataclass(frozen=True)
class Count:
    """The server's answer.

    Attributes:
        requests: received within the window, or None if the server does not say.
        asked_s: when it was asked.
        answered_s: when it had answered.
    """

    requests: int | None
    asked_s: float
    answered_s: float


class Witness:
    """Asks one server before a run and after it."""

    def __init__(self, host: str, warm_ups: int = 0) -> None:
        """``host``: the server's address; ``warm_ups``: how many untimed requests are sent before the release."""
        self._host = host.rstrip("/")
        self._warm_ups = warm_ups
        self._quiet: Count | None = None

    def wait_until_quiet(self) -> None:
        """Return once the server has received nothing for a second. Raises Busy if that takes too long."""
        deadline = time.perf_counter() + QUIET_LIMIT_S
        while (count := self._ask(1)).requests:
            if time.perf_counter() > deadline:
                raise Busy(f"{self._host} is busy with others: {count.requests} requests in the last second")
            gevent.sleep(0.1)
        self._quiet = count if count.requests == 0 else None

    def testify(self, released_ns: int, ledger: Ledger) -> Seen:
        """Return what the server says of the run that was released at that time."""
        if self._quiet is None:
            return Seen(None, 0, 0, "the server keeps no count of requests")
        for _ in range(ATTEMPTS):  # until the server's whole seconds fall into place; at most one second in all
            seen = self._of_all(self._quiet, ledger) or self._of_the_latest(released_ns, ledger)
            if seen:
                return seen
            gevent.sleep(0.125)
        return Seen(None, 0, 0, "the server's count could not be had")

    def _of_all(self, quiet: Count, ledger: Ledger) -> Seen | None:
        """Count from the quiet second before the warm-ups; None if that is not possible now."""
        seconds = math.ceil(time.perf_counter() - quiet.asked_s)
        if seconds > REMEMBERED_S:
            return None
        count = self._ask(seconds)
        begins_in_quiet = count.answered_s - quiet.asked_s <= seconds <= count.asked_s - quiet.answered_s + 1
        if count.requests is None or not begins_in_quiet:
            return None
        issued = ledger.total.requests_issued
        return Seen(count.requests - self._warm_ups, issued, issued, "in the whole run")

    def _of_the_latest(self, released_ns: int, ledger: Ledger) -> Seen | None:
        """Count within the run; None as long as it is shorter than the server's memory."""
        released_s = released_ns / 1e9
        if time.perf_counter() - released_s <= LATEST_S:
            return None
        count = self._ask(LATEST_S)
        if count.requests is None:
            return None
        least, most = within(ledger, released_s, count.answered_s - LATEST_S, count.asked_s - LATEST_S)
        return Seen(count.requests, least, most, f"in the last {LATEST_S} s")

    def _ask(self, seconds: int) -> Count:
        asked_s = time.perf_counter()
        try:
            with requests.Session() as session:
                session.trust_env = False  # a proxy of the user's has no part in this
                answer = session.get(self._host + wire.RECEIVED_PATH.format(seconds), timeout=ASK_TIMEOUT_S)
            received = wire.received(answer.text) if answer.ok else None
        except requests.RequestException:
            received = None
        return Count(received, asked_s, time.perf_counter())


def within(ledger: Ledger, released_s: float, latest_begin_s: float, earliest_begin_s: float) -> tuple[int, int]:
    """Return the fewest and the most requests that a window can hold whose begin is known to lie between two times.

    A worker learns of the release somewhat after the conductor sends it, by at most what its span is shorter than the
    run; a request is received between its sending and its answer.
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
