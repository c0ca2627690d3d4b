"""Who is ready, what is next, what came of it."""

import gevent

from servecost.core.verdicts import Verdict
from servecost.load.leases import Lease
from servecost.load.payloads import Load
from servecost.load.records import Record
from servecost.load.worker_share import Section, Tally


class Superior:
    """Notes what a section tells."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def arrived(self, users: int) -> None:
        self.told.append(("arrived", users))

    def refused(self, verdict: Verdict, is_host: bool) -> None:
        self.told.append(("refused", verdict, is_host))

    def wants(self) -> None:
        self.told.append(("wants",))

    def abandoned(self) -> None:
        self.told.append(("abandoned",))

    def done(self, last_answered_ns: int | None) -> None:
        self.told.append(("done", last_answered_ns))


def section_of(examples: int, batch_size: int, users: int = 0) -> tuple[Section, list[tuple[object, ...]]]:
    superior = Superior()
    section = Section(Load(batch_size, examples), superior)
    for _ in range(users):
        section.arrive()
    superior.told.clear()
    return section, superior.told


def answered(section: Section, request, at_ns: int = 1, failure: str = "") -> None:
    section.record(Record(request.number, 0, request.examples, 0, at_ns, failure))


def test_each_arrival_is_told_with_the_number_of_users_that_are_ready():
    """Whoever conducts waits for all users of all processes."""
    section, told = section_of(4, 2)
    assert [section.arrive(), section.arrive()] == [0, 1]
    assert told == [("arrived", 1), ("arrived", 2)]


def test_each_request_is_taken_by_exactly_one_user():
    """Users take turns in any order; none is issued twice and none is left out."""
    section, _ = section_of(10, 3)
    section.supply(Lease(0, 4, True))
    one, other = section.requests(), section.requests()
    taken = [next(one), next(other), next(other), next(one)]
    assert [request.number for request in taken] == [0, 1, 2, 3]
    assert [request.examples for request in taken] == [3, 3, 3, 1]
    assert list(one) == list(other) == []


def test_the_end_is_told_with_the_last_answer_and_not_with_the_last_request():
    """As long as a request is in flight, the run goes on."""
    section, told = section_of(2, 1)
    section.supply(Lease(0, 2, True))
    one, other = section.requests(), section.requests()
    first, second = next(one), next(other)
    answered(section, second, at_ns=30)
    assert told == []
    answered(section, first, at_ns=20)
    assert told == [("done", 30)]


def test_more_is_asked_for_while_each_user_still_has_a_request():
    """Once for each supply, and not after the last."""
    section, told = section_of(100, 1, users=3)
    section.supply(Lease(0, 4, False))
    user = section.requests()
    next(user)
    assert told == []
    next(user)
    next(user)
    assert told == [("wants",)]
    section.supply(Lease(10, 1, False))
    assert told == [("wants",), ("wants",)]
    section.supply(Lease(50, 1, True))
    assert [request.number for request in user] == [3, 10, 50]
    assert told == [("wants",), ("wants",)]


def test_a_user_without_a_request_waits_for_the_next_supply():
    """It is not sent home while the run goes on."""
    section, _ = section_of(2, 1, users=1)
    section.supply(Lease(0, 1, False))
    taken: list[int] = []
    user = gevent.spawn(lambda: taken.extend(request.number for request in section.requests()))
    gevent.sleep(0)
    assert not user.ready()
    section.supply(Lease(1, 1, True))
    user.join(1)
    assert taken == [0, 1]


def test_a_section_that_gets_nothing_is_done_at_once():
    """With more workers than requests, some have no part in the run."""
    section, told = section_of(1, 1)
    section.supply(Lease(0, 0, True))
    assert told == [("done", None)]


def test_after_abandoning_nothing_is_issued_and_what_is_in_flight_is_waited_for():
    """A run that cannot become valid ends early, but loses no answer."""
    section, told = section_of(100, 1)
    section.supply(Lease(0, 100, True))
    requests = section.requests()
    request = next(requests)
    section.abandon()
    assert told == [("abandoned",)]
    answered(section, request, failure="no answer within 1 s")
    assert told == [("abandoned",), ("done", 1)]
    assert list(requests) == []


def test_what_is_told_to_abandon_does_not_tell_it_again():
    """One time-out somewhere is one word to each worker."""
    section, told = section_of(100, 1)
    section.supply(Lease(0, 100, True))
    section.abandon(is_told=True)
    assert told == [("done", None)]


def test_after_closing_nothing_is_issued():
    """The records are handed in: what comes later would be in no account."""
    section, told = section_of(100, 1)
    section.supply(Lease(0, 100, True))
    section.close()
    assert list(section.requests()) == []
    assert section.is_closed
    assert told == []


def test_the_first_refusal_is_told():
    """One user that cannot take part is enough, and the rest of them would say the same."""
    section, told = section_of(1, 1)
    first = Verdict("host", "connection refused")
    section.refuse(first, is_host=True)
    section.refuse(Verdict("users", "something later"))
    assert told == [("refused", first, True)]


def test_the_tally_counts_requests_and_examples():
    """Issued, answered, failed; what is in flight is issued only."""
    section, _ = section_of(10, 4)
    section.supply(Lease(0, 3, True))
    user = section.requests()
    answered(section, next(user))
    next(user)
    answered(section, next(user), failure="HTTP 500")
    assert section.tally == Tally(3, 1, 1, 10, 4, 2)


def test_times_are_handed_in_counted_from_the_release():
    """No clock reading leaves its process."""
    section, _ = section_of(1, 1)
    section.supply(Lease(0, 1, True))
    request = next(section.requests())
    section.record(Record(request.number, 0, 1, 1_100, 1_900, ""))
    assert list(section.records.since(1_000)) == [Record(0, 0, 1, 100, 900, "")]
