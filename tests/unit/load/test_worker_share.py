"""One process's share of a run: who is ready, what is next, what became of it."""

import gevent

from servecost.core.verdicts import Verdict
from servecost.load.leases import Lease
from servecost.load.records import Record
from servecost.load.tally import Tally
from tests.unit.load.fakes import answer, share_of


def test_each_ready_user_is_reported_with_the_number_of_ready_users():
    """The run waits for all users of all processes."""
    share, events = share_of(4, 2)
    assert [share.add_user(), share.add_user()] == [0, 1]
    assert events == [("users_ready", 1), ("users_ready", 2)]


def test_each_request_is_taken_by_exactly_one_user():
    """Users take turns in any order; no request is issued twice and none is left out."""
    share, _ = share_of(10, 3)
    share.supply(Lease(0, 4, True))
    one, other = share.take_requests(), share.take_requests()
    taken = [next(one), next(other), next(other), next(one)]
    assert [request.number for request in taken] == [0, 1, 2, 3]
    assert [request.examples for request in taken] == [3, 3, 3, 1]
    assert list(one) == list(other) == []


def test_a_release_lets_the_waiting_users_begin():
    """They have their first requests and know when the run began."""
    share, _ = share_of(2, 1, users=1)
    assert not share.released.is_set()
    share.release(Lease(0, 2, True), 1_000)
    assert share.released.is_set()
    assert share.released_ns == 1_000
    assert [request.number for request in share.take_requests()] == [0, 1]


def test_the_end_is_reported_with_the_last_answer_and_not_with_the_last_request():
    """As long as a request is in flight, the run goes on."""
    share, events = share_of(2, 1)
    share.supply(Lease(0, 2, True))
    one, other = share.take_requests(), share.take_requests()
    first, second = next(one), next(other)
    answer(share, second, at_ns=30)
    assert events == []
    answer(share, first, at_ns=20)
    assert events == [("done", 30)]


def test_a_share_asks_for_more_while_each_user_still_has_a_request():
    """Once for each supply, and not after the last."""
    share, events = share_of(100, 1, users=3)
    share.supply(Lease(0, 4, False))
    user = share.take_requests()
    next(user)
    assert events == []
    next(user)
    next(user)
    assert events == [("requests_low",)]
    share.supply(Lease(10, 1, False))
    assert events == [("requests_low",)] * 2
    share.supply(Lease(50, 1, True))
    assert [request.number for request in user] == [3, 10, 50]
    assert events == [("requests_low",)] * 2


def test_a_user_without_a_request_waits_for_the_next_supply():
    """It does not end while the run goes on."""
    share, _ = share_of(2, 1, users=1)
    share.supply(Lease(0, 1, False))
    taken: list[int] = []
    user = gevent.spawn(lambda: taken.extend(request.number for request in share.take_requests()))
    gevent.sleep(0)
    assert not user.ready()
    share.supply(Lease(1, 1, True))
    user.join(1)
    assert taken == [0, 1]


def test_a_share_without_requests_is_done_at_once():
    """With more workers than requests, some send nothing."""
    share, events = share_of(1, 1)
    share.supply(Lease(0, 0, True))
    assert events == [("done", None)]


def test_an_abandoned_share_issues_nothing_and_waits_for_what_is_in_flight():
    """A run that cannot become valid ends early but loses no answer."""
    share, events = share_of(100, 1)
    share.supply(Lease(0, 100, True))
    requests = share.take_requests()
    request = next(requests)
    share.abandon()
    assert events == [("abandoned",)]
    answer(share, request, failure="no answer within 1 s")
    assert events == [("abandoned",), ("done", 1)]
    assert list(requests) == []


def test_a_lease_that_crosses_an_abandonment_is_not_issued():
    """The master sent it before it knew."""
    share, _ = share_of(100, 1)
    share.supply(Lease(0, 10, False))
    share.abandon()
    share.supply(Lease(10, 10, False))
    assert list(share.take_requests()) == []


def test_a_share_that_is_asked_to_abandon_does_not_report_it():
    """One time-out somewhere is one message to each worker."""
    share, events = share_of(100, 1)
    share.supply(Lease(0, 100, True))
    share.abandon(notify=False)
    assert events == [("done", None)]


def test_a_closed_share_issues_nothing():
    """Its records have been collected: a later answer would be in no ledger."""
    share, events = share_of(100, 1)
    share.supply(Lease(0, 100, True))
    share.close()
    assert list(share.take_requests()) == []
    assert share.is_closed
    assert events == []


def test_only_the_first_refusal_is_reported():
    """One user that cannot connect is enough, and the others would report the same."""
    share, events = share_of(1, 1)
    first = Verdict("host", "connection refused")
    share.refuse(first, is_misuse=True)
    share.refuse(Verdict("users", "something later"))
    assert events == [("refused", first, True)]


def test_the_tally_counts_requests_and_examples():
    """A request in flight is issued, and neither answered nor failed."""
    share, _ = share_of(10, 4)
    share.supply(Lease(0, 3, True))
    user = share.take_requests()
    answer(share, next(user))
    next(user)
    answer(share, next(user), failure="HTTP 500")
    assert share.tally == Tally(3, 1, 1, 10, 4, 2)


def test_collected_times_count_from_the_release():
    """No clock reading leaves its process."""
    share, _ = share_of(1, 1)
    share.release(Lease(0, 1, True), 1_000)
    request = next(share.take_requests())
    share.record(Record(request.number, 0, 1, 1_100, 1_900, ""))
    assert list(share.close()) == [Record(0, 0, 1, 100, 900, "")]
