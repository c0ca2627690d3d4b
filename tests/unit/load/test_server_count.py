"""The server's own count of requests, compared with the ledger."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from servecost.core.system import RequestCount
from servecost.load.ledger import Ledger, ServerCount
from servecost.load.records import Record, Records
from servecost.load.server_count import (
    QUIET_LIMIT_S,
    Busy,
    NotTold,
    Quiet,
    TotalCounter,
    Use,
    WindowCounter,
    count_within,
    counter_of,
    get_text,
)
from servecost.load.tally import Tally
from servecost.load.warm_up import Untimed
from tests.unit.load.fakes import FakeClock

SECOND = 1_000_000_000
HOST = "http://127.0.0.1:8080"
NONE = Untimed()


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
    """Those that were really sent are subtracted, and the count is exact."""
    time = FakeClock()
    server = Server(time)
    counter = WindowCounter(HOST + "/", COUNTED, get=server.get, clock=time.clock)
    counter.wait_until_quiet()
    server.received_s = [100.1, 100.2, 100.5, 101.0, 101.5]
    time.sleep(2)
    ledger = ledger_of(100.5, 101.0, 101.5, released_s=100.4)
    count = counter.check(int(100.4 * SECOND), ledger, Untimed(2, int(100.4 * SECOND)))
    assert count == ServerCount(3, 3, 3, "in the whole run")
    assert count.agrees
    assert server.asked == [f"{HOST}/count?seconds=1", f"{HOST}/count?seconds=2"]


@pytest.mark.parametrize(
    ("held_s", "asked"),
    [
        (0.3, "3"),  # from the hold: 100.75 to 101.05, at 103.75
        (0.0, "4"),  # from before the run, a moment later: nothing can be said of what began with the warm-up
    ],
)
def test_a_run_that_was_held_is_counted_from_its_hold(held_s, asked):
    """If a window of whole seconds begins in it sooner than before the run."""
    time = FakeClock()
    server = Server(time)
    server.received_s = [99.95]
    counter = WindowCounter(HOST, COUNTED, get=server.get, clock=time.clock)
    counter._quiet, counter._asking_s = Quiet(99.95, 100.0, 0), 0.01
    released_s = 100.75 + held_s
    server.received_s += [100.5, 100.7, released_s + 0.1, 103.5]
    time.now_s = 103.74
    ledger = ledger_of(released_s + 0.1, 103.5, released_s=released_s)
    count = counter.check(int(released_s * SECOND), ledger, Untimed(2, int(100.75 * SECOND)))
    assert count == ServerCount(2, 2, 2, "in the whole run")
    assert server.asked == [f"{HOST}/count?seconds={asked}"]
    assert time.now_s < 104.01


def test_a_run_right_after_another_does_not_wait_for_a_quiet_second():
    """What this process itself has sent is known; whatever is more than that is somebody else's."""
    time = FakeClock()
    server = Server(time)
    server.received_s = [100.5, 101.2, 101.4]
    own = Use(ledger_of(101.2, 101.4, released_s=101.1), 101.1, Untimed(1, int(100.6 * SECOND)))
    counter = WindowCounter(HOST, COUNTED, get=server.get, clock=time.clock)
    time.now_s = 101.55
    counter.wait_until_quiet(own)
    assert counter._quiet == pytest.approx(Quiet(101.5, 101.75, 0))
    server.received_s.append(101.73)
    WindowCounter(HOST, COUNTED, get=server.get, clock=time.clock).wait_until_quiet(own)
    assert time.now_s > 102.2  # its own ones are past by then


def test_what_may_be_somebody_elses_is_not_taken_for_an_own_one():
    """Of the own requests near the window's begin it is not known whether they are counted; another may be instead."""
    time = FakeClock()
    server = Server(time)
    own = Use(ledger_of(100.5, 100.7, released_s=100.4), 100.4, Untimed(1, int(100.3 * SECOND)))
    assert [own.fewest_since(begin_s) for begin_s in (100.2, 100.45, 100.6, 100.75)] == [2, 2, 1, 0]
    server.received_s = [100.25, 100.5, 100.7, 101.3]  # the last is another's
    counter = WindowCounter(HOST, COUNTED, get=server.get, clock=time.clock)
    time.now_s = 101.52  # two are counted; two own ones may be, one is
    counter.wait_until_quiet(own)
    assert counter._quiet is not None
    assert counter._quiet.begin_s > 101.3


def test_a_long_run_is_counted_by_its_last_seconds():
    """A server forgets; what it still knows has to agree."""
    time = FakeClock()
    server = Server(time)
    counter = WindowCounter(HOST, COUNTED, get=server.get, clock=time.clock)
    counter.wait_until_quiet()
    server.received_s = [100.0 + second + 0.05 for second in range(60)]
    time.sleep(60)
    count = counter.check(100 * SECOND, ledger_of(*(100.0 + second for second in range(60)), released_s=100.0), NONE)
    assert (count.note, count.requests) == ("in the last 30 s", 30)
    assert count.agrees
    assert count.most - count.least <= 1


def test_a_window_is_no_longer_than_the_server_remembers():
    """A server that remembers five seconds is asked for five."""
    time = FakeClock()
    server = Server(time)
    counted = RequestCount("/count?seconds={seconds}", read, remembered_s=5)
    counter = WindowCounter(HOST, counted, get=server.get, clock=time.clock)
    counter.wait_until_quiet()
    time.sleep(20)
    assert counter.check(100 * SECOND, ledger_of(100.5, released_s=100.0), NONE) == ServerCount(
        0, 0, 0, "in the last 5 s"
    )


def test_a_request_of_somebody_else_does_not_agree():
    """The time of the server was shared."""
    time = FakeClock()
    server = Server(time)
    counter = WindowCounter(HOST, COUNTED, get=server.get, clock=time.clock)
    counter.wait_until_quiet()
    server.received_s = [100.5, 100.6]
    time.sleep(1)
    count = counter.check(100 * SECOND, ledger_of(100.5, released_s=100.0), NONE)
    assert (count.requests, count.agrees) == (2, False)


def test_a_server_that_is_used_for_a_moment_is_waited_for():
    """Until it has received nothing for a second."""
    time = FakeClock()
    server = Server(time)
    server.received_s = [99.9]
    WindowCounter(HOST, COUNTED, get=server.get, clock=time.clock).wait_until_quiet()
    assert 0.9 <= time.now_s - 100 < 1.1


def test_a_server_that_others_use_is_busy():
    """The wait has a limit, and the message says how much it is used."""
    time = FakeClock()
    with pytest.raises(Busy, match=rf"^{HOST} is busy with others: 7 requests in the last second$"):
        WindowCounter(HOST, COUNTED, get=lambda url: "7", clock=time.clock).wait_until_quiet()
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
    counter = WindowCounter(HOST, request_count, get=get, clock=FakeClock().clock)
    counter.wait_until_quiet()
    count = counter.check(0, Ledger([]), NONE)
    assert count.agrees
    assert (count.requests, count.note) == (None, "the server keeps no count of requests")


def fail(url: str) -> str | None:
    raise NotTold("HTTP 503")


def test_a_server_that_is_too_busy_to_tell_its_count_is_busy():
    """It is not one that keeps none."""
    with pytest.raises(Busy, match=r"does not say how many requests it has received: HTTP 503$"):
        WindowCounter(HOST, COUNTED, get=fail, clock=FakeClock().clock).wait_until_quiet()


@pytest.mark.parametrize(
    ("status", "body", "expected"), [(200, "12", "12"), (404, "12", None), (500, "12", NotTold), (503, "", NotTold)]
)
def test_a_status_says_whether_a_server_keeps_no_count_or_does_not_tell_it(status, body, expected):
    """Where nobody listens there is none; whether the server is there is asked otherwise."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # so named by the library
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/count"
        if expected is NotTold:
            with pytest.raises(NotTold, match=str(status)):
                get_text(url)
        else:
            assert get_text(url) == expected
        thread.join()
    assert get_text(url) is None


def test_a_count_that_cannot_be_read_any_more_is_lost():
    """After some attempts within two seconds; the run does not count without it."""
    time, answers = FakeClock(), iter(["0"])
    counter = WindowCounter(HOST, COUNTED, get=lambda url: next(answers, None), clock=time.clock)
    counter.wait_until_quiet()
    count = counter.check(100 * SECOND, Ledger([]), NONE)
    assert (count.note, count.agrees) == ("the server's count could not be read", False)
    assert time.now_s - 100 <= 2


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


TOTALS = RequestCount("/metrics", lambda text: int(text) if text else None)


class Totals:
    """The count of a server since its start: the next value each time that it is asked; an error is raised."""

    def __init__(self, *values: str | Exception | None) -> None:
        self.values = list(values)

    def get(self, url: str) -> str | None:
        assert url == f"{HOST}/metrics"
        value = self.values.pop(0) if len(self.values) > 1 else self.values[0]
        if isinstance(value, Exception):
            raise value
        return value


def total_of(*values: str | Exception | None) -> ServerCount:
    """Return what is found of a run of two requests and one untimed one."""
    counter = TotalCounter(HOST, TOTALS, get=Totals(*values).get, clock=FakeClock().clock)
    counter.wait_until_quiet()
    return counter.check(100 * SECOND, ledger_of(100.5, 100.6, released_s=100.0), Untimed(1, None))


@pytest.mark.parametrize(
    ("values", "seen", "agrees"),
    [
        (("7", "10"), 2, True),
        (("7", "9", "9", "10"), 2, True),
        (("7", NotTold("HTTP 503"), "10"), 2, True),
        (("7", "9"), 1, False),
        (("7", "11"), 3, False),
        (("7", NotTold("time-out")), None, False),
        (("7", None), None, False),
        ((None,), None, True),
    ],
)
def test_a_count_since_the_start_is_compared_by_its_difference(values: Any, seen: int | None, agrees: bool):
    """It may come late; one that no longer comes is lost, and a server that never gave one keeps none."""
    count = total_of(*values)
    assert (count.requests, count.agrees) == (seen, agrees)


def test_a_server_too_busy_to_tell_its_count_begins_no_run():
    """Nobody would know whether its requests were the run's."""
    counter = TotalCounter(HOST, TOTALS, get=Totals(NotTold("HTTP 503")).get, clock=FakeClock().clock)
    with pytest.raises(Busy, match="does not say how many requests the server has received: HTTP 503"):
        counter.wait_until_quiet()


def test_the_system_says_which_counter_asks_it():
    """By whether it remembers a window or counts since its start."""
    assert isinstance(counter_of(HOST, TOTALS), TotalCounter)
    assert isinstance(counter_of(HOST, COUNTED), WindowCounter)
    assert isinstance(counter_of(HOST, None), WindowCounter)
