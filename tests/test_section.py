"""Who is ready, what is next, what came of it."""

from _requests import requests_of
from _section import Record, Section


def answered(section: Section, request, failure: str = "") -> None:
    section.record(Record(request.number, 0, request.examples, 0, 1, failure))


def test_the_section_is_gathered_when_the_last_user_has_arrived():
    """The release waits for everybody, and users are numbered in the order of their arrival."""
    section = Section(users=2, requests=requests_of(4, 2))
    assert section.arrive() == 0
    assert not section.gathered.is_set()
    assert section.arrive() == 1
    assert section.gathered.is_set()


def test_each_request_is_taken_by_exactly_one_user():
    """Users take turns in any order; none is issued twice and none is left out."""
    section = Section(users=2, requests=requests_of(10, 3))
    one, other = section.requests(), section.requests()
    taken = [next(one), next(other), next(other), next(one)]
    assert [request.number for request in taken] == [0, 1, 2, 3]
    assert list(one) == list(other) == []


def test_the_section_is_finished_with_the_last_answer_and_not_with_the_last_request():
    """As long as a request is in flight, the run goes on."""
    section = Section(users=2, requests=requests_of(2, 1))
    one, other = section.requests(), section.requests()
    first, second = next(one), next(other)
    answered(section, second)
    assert not section.finished.is_set()
    answered(section, first)
    assert section.finished.is_set()


def test_after_abandoning_nothing_is_issued_and_what_is_in_flight_is_waited_for():
    """A run that cannot become valid ends early, but loses no answer."""
    section = Section(users=1, requests=requests_of(100, 1))
    requests = section.requests()
    request = next(requests)
    section.abandon()
    assert not section.finished.is_set()
    answered(section, request, "no answer within 1 s")
    assert section.finished.is_set()
    assert list(requests) == []


def test_a_refusal_ends_the_waiting_and_the_first_reason_is_kept():
    """One user that cannot take part is enough, and the rest of them would say the same."""
    section = Section(users=2, requests=requests_of(1, 1))
    section.refuse("connection refused", is_host=True)
    section.refuse("something later", is_host=False)
    assert section.gathered.is_set()
    assert (section.refusal, section.refused_for_host) == ("connection refused", True)
