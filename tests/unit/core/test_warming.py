"""Work is repeated until it is steady, and a run that began cold is found."""

from __future__ import annotations

from itertools import cycle, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servecost.core import warming
from servecost.core.warming import BLOCKS, FEW, LEAST_S, LIMIT_S, MOST, Cold, Warming, began_cold, blocks_of

few = settings(max_examples=30, deadline=None)
S = 10**9


def repeated(seconds: list[float], known_s: float | None = None) -> Warming:
    """Return a warming of work that takes so long each time, at the moment at which it is warm."""
    found = Warming(known_s)
    for number, each in enumerate(seconds, start=1):
        if found.add(each):
            assert number == len(seconds), f"it is warm after {number} already"
            return found
    raise AssertionError("it is not warm yet")


@pytest.mark.parametrize(
    "seconds",
    [
        [1.0, 1.0, 1.0],  # steady at once
        [5.0, 1.0, 1.0],  # the first is slow
        [8.0, 4.0, 2.0, 1.0, 0.95],  # it becomes quicker and quicker, and then not much any more
        [1.0, 1.5, 1.5],  # slower is not quicker
        [4.0, 4.0],  # what takes long is repeated once
        [0.1, 0.1, 0.1],  # quick work takes some more
        [0.01] * 30,
        [5.0, 0.001, 0.001],
    ],
)
def test_work_is_warm_once_it_no_longer_becomes_quicker(seconds: list[float]):
    """But it is repeated at least so often, and so long."""
    repeated(seconds)


@pytest.mark.parametrize("seconds", [[1.0], [2.0, 1.0], [4.0, 2.0, 1.0], [0.1, 0.1], [0.001] * 100])
def test_work_that_becomes_quicker_or_took_no_time_is_not_warm(seconds: list[float]):
    """One call tells nothing."""
    found = Warming()
    assert [found.add(each) for each in seconds] == [False] * len(seconds)


@pytest.mark.parametrize(
    ("seconds", "known_s"),
    [
        ([0.4], 0.4),  # as long as it took before, and long enough
        ([0.001, 0.001], 0.001),
        ([0.2, 0.2], 0.2),
        ([0.21, 0.2], 0.2),
        ([5.0, 1.0], 1.0),  # cold again
        ([2.0, 1.9, 1.9], 1.0),  # slower than before, but steady
    ],
)
def test_work_that_was_steady_before_is_warm_sooner(seconds: list[float], known_s: float):
    """Once it takes as long as it did then."""
    repeated(seconds, known_s)


def test_work_that_never_becomes_steady_is_given_up(monkeypatch: pytest.MonkeyPatch):
    """After so many seconds, but not after one repetition, or so often."""
    for limit_s, number in ((10, 3), (8, 2), (5, 2), (0, 2)):
        found = Warming(limit_s=limit_s)
        assert [found.add(seconds) for seconds in (5.0, 3.0, 2.0)[:number]] == [False] * (number - 1) + [True]
    monkeypatch.setattr(warming, "MOST", 4)
    repeated([1e-3, 1e-4, 1e-5, 1e-6])


@few
@given(st.lists(st.floats(1e-4, 10), min_size=1, max_size=30), st.none() | st.floats(1e-4, 10))
def test_warming_comes_to_an_end(pattern: list[float], known_s: float | None):
    """Whatever the work takes."""
    found, seconds = Warming(known_s), list(islice(cycle(pattern), MOST))
    number = next(number for number, each in enumerate(seconds, start=1) if found.add(each))
    assert found.found.calls == number
    assert sum(seconds[: number - 1]) < LIMIT_S or number == FEW
    assert sum(seconds[:number]) >= LEAST_S or known_s is not None or number == MOST


def test_what_the_first_call_cost_stands_beside_steady_ones():
    """Steady is the median of the later half, so that one slow call does not count."""
    found = repeated([5.0, 3.0, 1.2, 1.0, 9.0]).found
    assert found == Cold(first_s=5.0, steady_s=1.2, calls=5)
    assert found.cost_s == pytest.approx(3.8)
    assert repeated([0.4], known_s=0.4).found == Cold(0.4, 0.4, 1)


@pytest.mark.parametrize(
    ("seconds", "is_steady"), [([50.0, 37.0], False), ([50.0, 49.0], True), ([30.0, 31.0], True), ([50.0], False)]
)
def test_what_was_given_up_is_steady_only_if_it_was_no_quicker_the_last_time(seconds: list[float], is_steady: bool):
    """One repetition alone tells nothing."""
    found = Warming(limit_s=20)
    for each in seconds:
        found.add(each)
    assert found.found.is_steady is is_steady


def test_a_first_call_that_was_quick_cost_nothing():
    """There is no cold gain."""
    assert Cold(1.0, 1.2, 5).cost_s == 0.0


@pytest.mark.parametrize(
    ("first", "others", "is_cold"),
    [
        (1.0, [1.0] * 9, False),
        (1.2, [1.0] * 9, False),
        (1.6, [1.0] * 9, True),
        (10.0, [1.0] * 9, True),
        (0.5, [1.0] * 9, False),
        (1.6, [1.0] * 8 + [1.5], False),  # another block took about as long: it is noise
        (1.6, [1.0] * 8 + [1.2], True),
        (2.0, [1.0] * 4 + [3.0] + [1.0] * 4, False),
    ],
)
def test_a_run_began_cold_if_its_first_block_took_longer_than_any_other(
    first: float, others: list[float], is_cold: bool
):
    """And if that is a part of the run that matters."""
    assert began_cold([first, *others]) is is_cold


def test_a_first_block_that_is_longer_by_next_to_nothing_is_not_cold():
    """A block out of many, or a little of a long run, moves no number."""
    assert not began_cold([1.3, *[1.0] * 29])
    assert began_cold([2.5, *[1.0] * 29])
    assert not began_cold([0.2, *[0.1] * 9])  # a tenth of a second can happen at any time


@pytest.mark.parametrize("count", range(BLOCKS))
def test_of_a_few_blocks_nobody_can_tell(count: int):
    """A run of few calls is taken as it is."""
    assert not began_cold([100.0, *[1.0] * 9][:count])


@few
@given(
    st.integers(0, 10**15),
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**10), st.integers(1, 512)), min_size=20, max_size=100),
)
def test_blocks_last_as_long_as_the_run(begin_ns: int, pieces: list[tuple[int, int, int]]):
    """Pieces may overlap, and there may be time between them."""
    placed = [(begin_ns + start, begin_ns + start + took, size) for start, took, size in pieces]
    blocks = blocks_of(begin_ns, placed)
    assert len(blocks) == BLOCKS
    assert all(block >= 0 for block in blocks)
    assert sum(blocks) == pytest.approx((max(end for _, end, _ in placed) - begin_ns) / S, abs=1e-6)


@few
@given(st.integers(0, 10**15), st.integers(2, 20), st.integers(1, 512), st.integers(1000, 10**10))
def test_even_work_gives_equal_blocks(begin_ns: int, pieces_of_block: int, size: int, took_ns: int):
    """Whatever the size of a piece, and however long it takes."""
    count = pieces_of_block * BLOCKS
    pieces = [(begin_ns + n * took_ns, begin_ns + (n + 1) * took_ns, size) for n in range(count)]
    assert blocks_of(begin_ns, pieces) == pytest.approx([pieces_of_block * took_ns / S] * BLOCKS, rel=1e-6)


@few
@given(st.integers(20, 97), st.permutations(range(20)))
def test_blocks_are_of_equal_work_although_pieces_are_not(size: int, order: list[int]):
    """A block may end within a piece, whose work is taken to proceed evenly; pieces may come in any order."""
    sizes = [size + n for n in range(20)]
    pieces, at = [], 0
    for each in sizes:
        pieces.append((at * S, (at + each) * S, each))
        at += each
    assert blocks_of(0, [pieces[place] for place in order]) == pytest.approx([at / BLOCKS] * BLOCKS)


def test_a_slow_beginning_is_in_the_first_block():
    """Also if it is a wait for the first piece."""
    even = [((n + 5) * S, (n + 6) * S, 8) for n in range(20)]
    assert blocks_of(0, even) == pytest.approx([7.0, *[2.0] * 9])
    assert began_cold(blocks_of(0, even))


def test_a_wait_within_a_block_comes_before_the_piece_that_follows_it():
    """The piece takes as long as it takes, and its work is done within that."""
    pieces = [(n * S, (n + 1) * S, 10) for n in range(2)]
    pieces += [((n + 5) * S, (n + 6) * S, 10) for n in range(2, 21)]
    assert blocks_of(0, pieces) == pytest.approx([7.1, *[2.1] * 9])  # each is of two pieces and a tenth


@pytest.mark.parametrize("count", [0, 1, 2 * BLOCKS - 1])
def test_a_run_of_few_pieces_has_no_blocks(count: int):
    """Each block would be a piece or less."""
    assert blocks_of(0, [(n * S, (n + 1) * S, 8) for n in range(count)]) == []
