"""An arm's own clock does not run while the arm is stopped."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servecost.core import stops
from servecost.core.stops import Stop, Stops

few = settings(max_examples=30, deadline=None)
EDGES = st.lists(st.integers(0, 10**12), min_size=2, max_size=20, unique=True).map(sorted)
MOMENTS = st.integers(-(10**12), 2 * 10**12)


def between(edges: list[int]) -> list[Stop]:
    """Return stops that begin and end at these moments in turn."""
    return [Stop(*pair) for pair in zip(edges[::2], edges[1::2], strict=False)]


@pytest.mark.parametrize(
    ("at_ns", "active_ns"),
    [(-5, -5), (0, 0), (9, 9), (10, 10), (15, 10), (20, 10), (21, 11), (30, 20), (31, 20), (34, 20), (40, 25)],
)
def test_a_time_is_less_the_stops_before_it(at_ns: int, active_ns: int):
    """A time within a stop counts as the stop's begin."""
    assert Stops([Stop(10, 20), Stop(30, 35)]).active_ns(at_ns) == active_ns


@few
@given(EDGES, MOMENTS, MOMENTS)
def test_the_clock_never_runs_back_and_never_faster(edges: list[int], one_ns: int, other_ns: int):
    """So a difference of two times is never negative, and never longer than without stops."""
    clock = Stops(between(edges))
    first, last = sorted((one_ns, other_ns))
    assert 0 <= clock.between_ns(first, last) <= last - first


@few
@given(EDGES, MOMENTS, MOMENTS)
def test_what_two_times_differ_by_is_less_what_of_stops_lies_between(edges: list[int], one_ns: int, other_ns: int):
    """Each stop counts by the part of it that lies between them."""
    found = between(edges)
    first, last = sorted((one_ns, other_ns))
    stopped_ns = sum(max(0, min(each.end_ns, last) - max(each.begin_ns, first)) for each in found)
    clock = Stops(found)
    assert clock.between_ns(first, last) == last - first - stopped_ns


@few
@given(EDGES)
def test_the_clock_stands_still_from_a_stops_begin_to_its_end(edges: list[int]):
    """And it runs between one stop and the next."""
    found = between(edges)
    clock = Stops(found)
    for stop in found:
        middle_ns = (stop.begin_ns + stop.end_ns) // 2
        assert len({clock.active_ns(at_ns) for at_ns in (stop.begin_ns, middle_ns, stop.end_ns)}) == 1
    for one, after in pairwise(found):
        assert clock.between_ns(one.end_ns, after.begin_ns) == after.begin_ns - one.end_ns


@few
@given(EDGES, MOMENTS)
def test_stops_may_be_added_one_by_one(edges: list[int], at_ns: int):
    """A stop that comes later changes no time before it."""
    found = between(edges)
    growing = Stops()
    for number, stop in enumerate(found, start=1):
        early_ns = min(at_ns, stop.begin_ns)
        before = growing.active_ns(early_ns)
        growing.add(stop)
        assert (growing.active_ns(early_ns), len(growing)) == (before, number)
    assert growing.active_ns(at_ns) == Stops(found).active_ns(at_ns)


def test_without_stops_a_time_is_what_it_is(tmp_path: Path):
    """A run that is started by hand has none, and no file of them."""
    for clock in (Stops(), stops.read(None), stops.read(tmp_path / "never.csv")):
        assert (clock.active_ns(123), len(clock)) == (123, 0)


def test_what_is_written_into_the_file_is_what_is_read(tmp_path: Path):
    """One writes and others read, while the file grows."""
    path, found = tmp_path / "stops.csv", [Stop(10, 20), Stop(30, 10**18)]
    for number, stop in enumerate(found, start=1):
        stops.append(path, stop)
        assert len(stops.read(path)) == number
    assert path.read_text() == "10,20\n30,1000000000000000000\n"
    assert [stops.read(path).active_ns(at_ns) for at_ns in (5, 25, 10**18)] == [5, 15, 20]


def test_a_process_finds_its_stops_by_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One that nobody stops is given no file."""
    path = tmp_path / "stops.csv"
    stops.append(path, Stop(10, 20))
    monkeypatch.delenv(stops.VARIABLE, raising=False)
    assert len(stops.own()) == 0
    monkeypatch.setenv(stops.VARIABLE, "")
    assert len(stops.own()) == 0
    monkeypatch.setenv(stops.VARIABLE, str(path))
    assert stops.own().active_ns(25) == 15
