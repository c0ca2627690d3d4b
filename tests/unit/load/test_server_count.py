"""The server's own count of requests, compared with the ledger."""

from collections.abc import Callable

import pytest

from servecost.core.system import RequestCount
from servecost.load.ledger import Ledger, ServerCount
from servecost.load.records import Record, Records
from servecost.load.server_count import QUIET_LIMIT_S, Busy, ServerCounter, count_within
from servecost.load.tally import Tally
from tests.unit.load.fakes import FakeClock

SECOND = 1_000_000_000
HOST = "http://127.0.0.1:8080"


def read(text: str) -> int | None:
    return int(text) if text.isdigit() else None


COUNTED = RequestCount("/count?seconds={seconds}", read, remembered_s=38)


class Server:
    """A server that counts requests as a real one does: those of the last whole seconds, on its own clock."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.received_s: list[float] = []
        self.asked: list[str] = []

    def get(self, url: str) -> str:
        self.asked.append(url)
        seconds = int(url.rpartition("=")[2])
        return str(sum(at_s > self._clock.now_s - seconds for at_s in self.received_s))


def ledger_of(*sent_s: float, released_s: float) -> Ledger:
    """Return the ledger of one worker's requests, each answered after a tenth of a second."""
    ledger = Ledger(["w0"])
    entry = ledger.entries["w0"]
    since = [at_s - released_s for at_s in sent_s]
    entry.records = Records(
        Record(number, 0, 1, int(at_s * SECOND), int((at_s + 0.1) * SECOND), "") for number, at_s in enumerate(since)
    )
    entry.tally = Tally(len(sent_s), len(sent_s), 0, len(sent_s), len(sent_s), 0)
    entry.span_ns = int((since[-1] + 0.1) * SECOND)
    entry.end_ns = int((sent_s[-1] + 0.1) * SECOND)
    return ledger


def test_a_short_run_is_counted_from_before_its_warm_ups():
    """Warm-ups are subtracted, and the count is exact."""
    time = FakeClock()
    server = Server(time)
    counter = ServerCounter(HOST + "/", COUNTED, warm_ups=2, get=server.get, clock=time.clock)
    counter.wait_until_quiet()
    server.received_s = [100.1, 100.2, 100.5, 101.0, 101.5]
    time.sleep(2)
    count = counter.check(int(100.4 * SECOND), ledger_of(100.5, 101.0, 101.5, released_s=100.4))
    assert count == ServerCount(3, 3, 3, "in the whole run")
    assert count.agrees
    assert server.asked == [f"{HOST}/count?seconds=1", f"{HOST}/count?seconds=2"]


def test_a_long_run_is_counted_by_its_last_seconds():
    """A server forgets; what it still knows has to agree."""
    time = FakeClock()
    server = Server(time)
    counter = ServerCounter(HOST, COUNTED, get=server.get, clock=time.clock)
    counter.wait_until_quiet()
    server.received_s = [100.0 + second + 0.05 for second in range(60)]
    time.sleep(60)
    count = counter.check(100 * SECOND, ledger_of(*(100.0 + second for second in range(60)), released_s=100.0))
    assert (count.note, count.requests) == ("in the last 30 s", 30)
    assert count.agrees
    assert count.most - count.least <= 1


def test_a_window_is_no_longer_than_the_server_remembers():
    """A server that remembers five seconds is asked for five."""
    time = FakeClock()
    server = Server(time)
    counted = RequestCount("/count?seconds={seconds}", read, remembered_s=5)
    counter = ServerCounter(HOST, counted, get=server.get, clock=time.clock)
    counter.wait_until_quiet()
    time.sleep(20)
    assert counter.check(100 * SECOND, ledger_of(100.5, released_s=100.0)) == ServerCount(0, 0, 0, "in the last 5 s")


def test_a_request_of_somebody_else_does_not_agree():
    """The time of the server was shared."""
    time = FakeClock()
    server = Server(time)
    counter = ServerCounter(HOST, COUNTED, get=server.get, clock=time.clock)
    counter.wait_until_quiet()
    server.received_s = [100.5, 100.6]
    time.sleep(1)
    count = counter.check(100 * SECOND, ledger_of(100.5, released_s=100.0))
    assert (count.requests, count.agrees) == (2, False)


def test_a_server_that_is_used_for_a_moment_is_waited_for():
    """Until it has received nothing for a second."""
    time = FakeClock()
    server = Server(time)
    server.received_s = [99.9]
    ServerCounter(HOST, COUNTED, get=server.get, clock=time.clock).wait_until_quiet()
    assert 0.9 <= time.now_s - 100 < 1.1


def test_a_server_that_others_use_is_busy():
    """The wait has a limit, and the message says how much it is used."""
    time = FakeClock()
    with pytest.raises(Busy, match=rf"^{HOST} is busy with others: 7 requests in the last second$"):
        ServerCounter(HOST, COUNTED, get=lambda url: "7", clock=time.clock).wait_until_quiet()
    assert QUIET_LIMIT_S < time.now_s - 100 < QUIET_LIMIT_S + 0.3


def must_not_be_asked(url: str) -> str:
    raise AssertionError(url)


@pytest.mark.parametrize(
    ("request_count", "get"),
    [(COUNTED, lambda url: "<html>"), (COUNTED, lambda url: None), (None, must_not_be_asked)],
    ids=["another answer", "no answer", "a system without a count"],
)
def test_a_server_without_a_count_is_not_compared(request_count: RequestCount | None, get: Callable[[str], str | None]):
    """The run stands on the client's own ledger."""
    counter = ServerCounter(HOST, request_count, get=get, clock=FakeClock().clock)
    counter.wait_until_quiet()
    count = counter.check(0, Ledger([]))
    assert count.agrees
    assert (count.requests, count.note) == (None, "the server keeps no count of requests")


def test_a_count_that_cannot_be_read_any_more_is_no_count():
    """After some attempts within a second."""
    time, answers = FakeClock(), iter(["0"])
    counter = ServerCounter(HOST, COUNTED, get=lambda url: next(answers, None), clock=time.clock)
    counter.wait_until_quiet()
    assert counter.check(100 * SECOND, Ledger([])).note == "the server's count could not be read"
    assert time.now_s - 100 <= 1


@pytest.mark.parametrize(
    ("latest_begin_s", "earliest_begin_s", "expected"),
    [
        (100.0, 100.0, (4, 4)),  # before the release: everything
        (101.5, 101.5, (2, 2)),  # between two answers
        (103.2, 103.2, (0, 1)),  # while one is in flight: it may count or not
        (101.6, 101.4, (2, 2)),
        (102.2, 101.9, (1, 2)),
        (110.0, 109.0, (0, 0)),
    ],
)
def test_a_request_is_in_the_window_surely_maybe_or_not(latest_begin_s, earliest_begin_s, expected):
    """By when it was sent and answered, without reading the server's clock."""
    ledger = Ledger(["w0"])
    ledger.entries["w0"].records = Records(
        Record(n, 0, 1, n * SECOND + 100_000_000, n * SECOND + 400_000_000, "") for n in range(4)
    )
    ledger.entries["w0"].span_ns, ledger.entries["w0"].end_ns = int(3.4 * SECOND), int(103.4 * SECOND)
    assert count_within(ledger, 100.0, latest_begin_s, earliest_begin_s) == expected
