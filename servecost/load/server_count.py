"""The server's own count of requests, compared with the ledger.

Owns the question, when to ask it so that the answer is exact, and which answers agree. A system without a count is not
asked. A server counts the requests of the last whole seconds, untimed ones included, and may forget old ones. So a
count is exact if it reaches back into a time in which the server received nothing: before the first user connected, or
between the warm-up and the release. A run that is longer than the server remembers is checked by its last seconds.
A server that counts since its start is asked before a run and after it.

Only this process's clock is read; the server's enters by the length of its window alone. All times here are real ones:
the server's clock does not stop when its processes do.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import gevent
import requests

from servecost.core.system import RequestCount
from servecost.load.ledger import Ledger, ServerCount
from servecost.load.warm_up import Untimed

ASK_TIMEOUT_S = 5
FAILING = 500  # the HTTP statuses from here on
QUIET_LIMIT_S = 4
QUIET_POLL_S = 0.1
QUIET_AFTER_OWN_S = 0.2  # longer than it takes the server to count
LATEST_S = 30  # how much of a long run is checked, if the server remembers that much
ATTEMPTS, RETRY_S = 8, 0.125

Get = Callable[[str], str | None]


class Busy(Exception):
    """Others use the server, or it is too busy to say whether they do; the message says how much."""


class NotTold(Exception):
    """A server did not answer the question for its count; the message says how it failed."""


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


class Quiet(NamedTuple):
    """A time in which the server received nothing.

    Attributes:
        begin_s: its begin.
        end_s: its end.
        untimed: how many untimed requests the run sent after it.
    """

    begin_s: float
    end_s: float
    untimed: int

    def window(self, now_s: float, asking_s: float) -> tuple[float, int]:
        """Return in how many seconds to ask for a window that begins in it, and the window's length in seconds.

        ``asking_s``: how long the server takes to answer.
        """
        seconds = max(1, math.ceil(now_s + asking_s - self.end_s))
        return max(0.0, self.begin_s + seconds - now_s), seconds


@dataclass(frozen=True)
class Use:
    """What a run that is over has sent to a server.

    Attributes:
        ledger: the ledger of its requests.
        released_s: when its users were released.
        untimed: its requests before that.
    """

    ledger: Ledger
    released_s: float
    untimed: Untimed

    @property
    def ended_s(self) -> float:
        """When its last request had been answered."""
        return max(self.released_s, (self.ledger.end_ns or 0) / 1e9)

    def fewest_since(self, begin_s: float) -> int:
        """Return how many requests the server received from it since then for certain, the untimed ones left out."""
        return count_within(self.ledger, self.released_s, begin_s, begin_s)[0]


def get_text(url: str) -> str | None:
    """Return the text at a URL, or None if the server has none there, or nobody listens.

    Raises NotTold if it does not answer in time, or fails.
    """
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy between client and server would answer in the server's place
            answer = session.get(url, timeout=ASK_TIMEOUT_S)
    except requests.ConnectionError:
        return None
    except requests.RequestException as error:
        raise NotTold(f"{type(error).__name__}: {error}") from error
    if answer.status_code >= FAILING:
        raise NotTold(f"HTTP {answer.status_code}")
    return answer.text if answer.ok else None


REAL_CLOCK = Clock()


class Counter(Protocol):
    """Asks one server for its count, before a run and after it."""

    def wait_until_quiet(self, own: Use | None = None) -> None:
        """Return once the count can begin. Raises Busy if it cannot.

        ``own``: the last run of this process at the server.
        """

    def check(self, released_ns: int, ledger: Ledger, untimed: Untimed) -> ServerCount:
        """Compare the server's count with the ledger of the run that was released at that time."""


def counter_of(host: str, request_count: RequestCount | None) -> Counter:
    """Return what asks the server at an address; ``request_count``: how, None if its system keeps no count."""
    if request_count is not None and request_count.remembered_s is None:
        return TotalCounter(host, request_count)
    return WindowCounter(host, request_count)


class TotalCounter:
    """Asks a server that counts since its start: what it has counted meanwhile is the run's, or somebody else's."""

    def __init__(self, host: str, request_count: RequestCount, get: Get = get_text, clock: Clock = REAL_CLOCK) -> None:
        """``get``: returns the text at a URL, as ``get_text`` does."""
        self._url = host.rstrip("/") + request_count.path
        self._read, self._get, self._clock = request_count.read, get, clock
        self._before: int | None = None

    def wait_until_quiet(self, own: Use | None = None) -> None:
        """Note the count. Raises Busy if the server does not tell it."""
        try:
            self._before = self._ask()
        except NotTold as error:
            raise Busy(f"{self._url} does not say how many requests the server has received: {error}") from error

    def check(self, released_ns: int, ledger: Ledger, untimed: Untimed) -> ServerCount:
        """Compare the server's count with the ledger of a run; it may come a little later than the last answer."""
        if self._before is None:
            return ServerCount(None, 0, 0, "the server keeps no count of requests")
        issued, seen = ledger.total.requests_issued, None
        for _ in range(ATTEMPTS):
            with suppress(NotTold):
                count = self._ask()
                seen = None if count is None else count - self._before - untimed.requests
            if seen is not None and seen >= issued:
                break
            self._clock.sleep(RETRY_S)
        if seen is None:
            return ServerCount(None, 0, 0, "the server's count could not be read", is_lost=True)
        return ServerCount(seen, issued, issued, "in the whole run")

    def _ask(self) -> int | None:
        text = self._get(self._url)
        return None if text is None else self._read(text)


class WindowCounter:
    """Asks a server that counts the requests of the last seconds."""

    def __init__(
        self, host: str, request_count: RequestCount | None, get: Get = get_text, clock: Clock = REAL_CLOCK
    ) -> None:
        """``host``: the server's address; ``request_count``: how to ask it, None if its system keeps no count.

        ``get``: returns the text at a URL, as ``get_text`` does.
        """
        self._host = host.rstrip("/")
        self._request_count = request_count
        self._get = get
        self._clock = clock
        self._quiet: Quiet | None = None
        self._asking_s = 0.0  # how long the server took to answer, the last time

    def wait_until_quiet(self, own: Use | None = None) -> None:
        """Return once the server has received nothing for a second. Raises Busy if that takes too long, or is not told.

        ``own``: the last run of this process at the server; its requests are nobody else's, as far as it is certain
        that they are among those of the last second.
        """
        deadline_s = self._clock.now_s() + QUIET_LIMIT_S
        while (reading := self._ask_now(1)).requests:
            is_own = own is not None and reading.requests <= own.fewest_since(reading.answered_s - 1)
            if own is not None and is_own and reading.asked_s - own.ended_s >= QUIET_AFTER_OWN_S:
                self._quiet = Quiet(own.ended_s, reading.asked_s, 0)
                return
            if self._clock.now_s() > deadline_s:
                raise Busy(f"{self._host} is busy with others: {reading.requests} requests in the last second")
            self._clock.sleep(QUIET_POLL_S)
        self._quiet = Quiet(reading.answered_s - 1, reading.asked_s, 0) if reading.requests == 0 else None

    def check(self, released_ns: int, ledger: Ledger, untimed: Untimed) -> ServerCount:
        """Compare the server's count with the ledger of the run that was released at that time."""
        if self._request_count is None or self._quiet is None:
            return ServerCount(None, 0, 0, "the server keeps no count of requests")
        quiet = [self._quiet._replace(untimed=untimed.requests)]
        if untimed.ended_ns is not None:
            quiet.append(Quiet(untimed.ended_ns / 1e9, released_ns / 1e9, 0))
        remembered_s = self._request_count.remembered_s or 0
        latest_s = min(LATEST_S, remembered_s)
        for _ in range(ATTEMPTS):  # until the server's whole seconds fall into place
            count = self._count_all(quiet, remembered_s, ledger)
            count = count or self._count_latest(released_ns / 1e9, latest_s, ledger)
            if count is not None:
                return count
            self._clock.sleep(RETRY_S)
        return ServerCount(None, 0, 0, "the server's count could not be read", is_lost=True)

    def _count_all(self, quiet: Sequence[Quiet], remembered_s: int, ledger: Ledger) -> ServerCount | None:
        """Count from a quiet time before the release; None if that is not possible now."""
        now_s = self._clock.now_s()
        long_enough = [each for each in quiet if each.end_s - each.begin_s > self._asking_s]
        windows = [(*each.window(now_s, self._asking_s), each) for each in long_enough or quiet]
        remembered = [window for window in windows if window[1] <= remembered_s]
        if not remembered:
            return None
        wait_s, seconds, since = min(remembered)
        if wait_s:
            self._clock.sleep(wait_s)
        reading = self._ask_again(seconds)
        begins_in_quiet = since.begin_s <= reading.asked_s - seconds and reading.answered_s - seconds <= since.end_s
        if reading.requests is None or not begins_in_quiet:
            return None
        issued = ledger.total.requests_issued
        return ServerCount(reading.requests - since.untimed, issued, issued, "in the whole run")

    def _count_latest(self, released_s: float, latest_s: int, ledger: Ledger) -> ServerCount | None:
        """Count within the run; None as long as the run is shorter than the window."""
        if self._clock.now_s() - released_s <= latest_s:
            return None
        reading = self._ask_again(latest_s)
        if reading.requests is None:
            return None
        least, most = count_within(ledger, released_s, reading.answered_s - latest_s, reading.asked_s - latest_s)
        return ServerCount(reading.requests, least, most, f"in the last {latest_s} s")

    def _ask_now(self, seconds: int) -> Reading:
        """Return an answer of the server. Raises Busy if it gives none."""
        try:
            return self._ask(seconds)
        except NotTold as error:
            raise Busy(f"{self._host} does not say how many requests it has received: {error}") from error

    def _ask_again(self, seconds: int) -> Reading:
        """Return an answer of the server, which says nothing if it gives none."""
        try:
            return self._ask(seconds)
        except NotTold:
            return Reading(None, self._clock.now_s(), self._clock.now_s())

    def _ask(self, seconds: int) -> Reading:
        asked_s, received = self._clock.now_s(), None
        if self._request_count is not None:
            text = self._get(self._host + self._request_count.path.format(seconds=seconds))
            received = None if text is None else self._request_count.read(text)
        answered_s = self._clock.now_s()
        self._asking_s = answered_s - asked_s
        return Reading(received, asked_s, answered_s)


def count_within(ledger: Ledger, released_s: float, latest_begin_s: float, earliest_begin_s: float) -> tuple[int, int]:
    """Return the fewest and the most requests in a window whose begin is known to lie between two times.

    A worker learns of the release later than the master sends it, by at most the time that its span is shorter than
    the run. A server receives a request between its sending and its answer.
    """
    least = most = 0
    for entry in ledger.entries.values():
        if entry.end_ns is None or entry.span_ns is None:
            continue
        late_s = max(0.0, (entry.end_ns - entry.span_ns) / 1e9 - released_s)
        for record in entry.records:
            least += released_s + record.sent_ns / 1e9 > latest_begin_s
            most += released_s + late_s + record.answered_ns / 1e9 > earliest_begin_s
    return least, most
