"""The times of a run less its stops."""

import pytest

from servecost.core.stops import Stop, Stops
from servecost.load.ledger import Ledger
from servecost.load.records import Record, Records
from servecost.load.run_times import RunTimes

RELEASED_NS = 1000


def ledger() -> Ledger:
    """Return the ledger of two workers; the second began 50 ns late."""
    made = Ledger(["w0", "w1"])
    first, second = made.entries.values()
    first.records = Records([Record(0, 0, 2, 0, 100, ""), Record(2, 0, 2, 100, 400, "")])
    first.end_ns, first.span_ns = 1400, 400
    second.records = Records([Record(1, 0, 2, 10, 300, "HTTP 500")])
    second.end_ns, second.span_ns = 1350, 300
    return made


def times(*stops: Stop) -> RunTimes:
    return RunTimes(RELEASED_NS, ledger(), Stops(stops))


def test_without_stops_times_are_the_ledger_s_own():
    """From the master's release to the last answer of all."""
    made = times()
    assert made.total_ns == 400
    assert [made.span_ns(entry) for entry in made.ledger.entries.values()] == [400, 300]
    assert list(made.records()) == list(made.ledger.records())
    assert made.mean_in_flight == pytest.approx((100 + 300 + 290) / 400)


def test_times_are_less_the_stops_that_they_overlap():
    """Those before the release do not count; a worker that began late met them earlier in its run."""
    made = times(Stop(0, 900), Stop(1150, 1250))
    assert made.total_ns == 300
    assert [made.span_ns(entry) for entry in made.ledger.entries.values()] == [300, 200]
    assert [(worker, record.sent_ns, record.answered_ns) for worker, record in made.records()] == [
        (0, 0, 100),
        (1, 10, 200),
        (0, 100, 300),
    ]
    assert made.mean_in_flight == pytest.approx((100 + 190 + 200) / 300)
    assert [record.answered_ns for _, record in made.ledger.records()] == [100, 300, 400]


def test_what_was_never_released_or_answered_has_no_times():
    """Missing is not zero."""
    for made in (RunTimes(None, ledger(), Stops()), RunTimes(0, Ledger(["w0"]), Stops())):
        assert (made.total_ns, made.mean_in_flight) == (None, None)
    assert times().span_ns(Ledger(["w0"]).entries["w0"]) is None


def test_blocks_are_tenths_of_the_examples_by_when_they_were_answered():
    """Requests of many users overlap, and end in another order than that in which they began."""
    made = Ledger(["w0"])
    entry = made.entries["w0"]
    entry.records = Records(Record(n, 0, 1, 0, (40 - n) * 10**9, "") for n in range(40))
    entry.end_ns = entry.span_ns = 40 * 10**9
    assert RunTimes(0, made, Stops()).blocks == pytest.approx([4.0] * 10)
    assert times().blocks == []
