"""The arms of a pair alternate so that neither is favoured by a machine that drifts, and both end together."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import pairwise
from types import SimpleNamespace
from typing import NamedTuple, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servecost.bench import turns
from servecost.bench.turns import FOREVER, JITTER, LEAST_S, LEAST_SLICES, Turns

few = settings(max_examples=30, deadline=None)
B, S = "baseline", "served"
EVEN = cast(random.Random, SimpleNamespace(uniform=lambda low, high: (low + high) / 2))  # slices do not vary

seconds = st.floats(0.5, 60)
seeds = st.integers(0, 1000)
firsts = st.sampled_from([B, S])


class Given(NamedTuple):
    """A slice: which arm ran, for how long, and when it began, counted from the beginning of the pair."""

    arm: str
    ran_s: float
    begin_s: float

    @property
    def middle_s(self) -> float:
        return self.begin_s + self.ran_s / 2


def played(
    taken: Turns, work_s: Mapping[str, float], seen: Mapping[str, float] | None = None, most: int = 10_000
) -> list[Given]:
    """Return the slices of a pair whose arms work so long; ``seen``: what is seen of that while they run."""
    left_s, now_s, found = dict(work_s), 0.0, []
    while not taken.are_over:
        arm, limit_s = taken.take()
        assert limit_s > 0
        ran_s = min(limit_s, left_s[arm])
        left_s[arm] -= ran_s
        found.append(Given(arm, ran_s, now_s))
        now_s += ran_s
        taken.note(arm, ran_s, left_s[arm] < 1e-9, (seen or {}).get(arm))
        assert len(found) < most, "the arms come to no end"
    return found


def lengths(slices: list[Given], arm: str) -> list[float]:
    return [each.ran_s for each in slices if each.arm == arm]


def end_s(slices: list[Given], arm: str) -> float:
    return max(each.begin_s + each.ran_s for each in slices if each.arm == arm)


def middle_s(slices: list[Given], arm: str) -> float:
    """Return the mean time at which an arm worked: what a steady drift of the machine shows itself by."""
    own = [each for each in slices if each.arm == arm]
    return sum(each.ran_s * each.middle_s for each in own) / sum(each.ran_s for each in own)


def test_the_arm_that_begins_has_half_a_slice_at_both_ends():
    """In halves of a slice, the order is ABBA ABBA."""
    slices = played(Turns(1.0, {B: 4.0, S: 4.0}, B, EVEN), {B: 4.0, S: 4.0})
    assert [each.arm for each in slices] == [B, S, B, S, B, S, B, S, B]
    assert lengths(slices, B) == pytest.approx([0.5, 1, 1, 1, 0.5])
    assert lengths(slices, S) == pytest.approx([1, 1, 1, 1])


@few
@given(st.floats(4, 40), st.floats(4, 40), firsts)
def test_arms_of_any_length_have_worked_at_the_same_time_on_average(one_s: float, other_s: float, first: str):
    """A machine that becomes steadily slower makes both slower alike."""
    work_s = {B: one_s, S: other_s}
    slices = played(Turns(1.0, work_s, first, EVEN), work_s)
    assert abs(middle_s(slices, B) - middle_s(slices, S)) <= 0.01 * (one_s + other_s)


def test_slices_that_vary_do_not_favour_an_arm_either():
    """It holds on average over many pairs, and nearly in each."""
    work_s = {B: 10.0, S: 13.0}
    pairs = [played(Turns(1.0, work_s, (B, S)[n % 2], random.Random(n)), work_s) for n in range(200)]
    off = [(middle_s(each, S) - middle_s(each, B)) / 23 for each in pairs]
    assert abs(sum(off) / len(off)) < 0.005
    assert max(map(abs, off)) < 0.06


@few
@given(seconds, seconds, firsts, seeds)
def test_both_arms_come_to_their_end_within_a_tenth_of_a_run(one_s: float, other_s: float, first: str, seed: int):
    """However long each takes; an arm's share of the time is in proportion."""
    work_s = {B: one_s, S: other_s}
    slices = played(Turns(1.0, work_s, first, random.Random(seed)), work_s)
    slice_s = max(each.ran_s for each in slices)
    assert abs(end_s(slices, B) - end_s(slices, S)) <= 0.1 * max(one_s, other_s) + slice_s


@few
@given(st.floats(5, 60), st.floats(5, 60), st.floats(0.9, 1.1), st.floats(0.5, 2.0), firsts, seeds)
def test_an_expectation_may_be_wrong(
    one_s: float, other_s: float, wrong: float, very_wrong: float, first: str, seed: int
):
    """A tenth for the arm into which nobody sees; the other one's is corrected as it goes on."""
    work_s = {B: one_s, S: other_s}
    taken = Turns(0.5, {B: one_s * wrong, S: other_s * very_wrong}, first, random.Random(seed))
    slices = played(taken, work_s, seen={S: other_s})
    late_s = end_s(slices, B) - end_s(slices, S)
    late, half = (B, one_s) if late_s > 0 else (S, other_s)
    assert abs(late_s) <= 0.12 * half + 3 * max(each.ran_s for each in slices[: len(slices) // 2])
    assert sum(lengths(slices, late)) == pytest.approx(work_s[late])


@few
@given(seconds, seconds, st.floats(0.2, 5), st.floats(0.2, 5), firsts, seeds)
def test_each_arm_does_its_work_whatever_was_expected(
    one_s: float, other_s: float, wrong: float, more: float, first: str, seed: int
):
    """No expectation ends a run early, or leaves an arm waiting for ever."""
    work_s = {B: one_s, S: other_s}
    slices = played(Turns(1.0, {B: one_s * wrong, S: other_s * more}, first, random.Random(seed)), work_s)
    assert sum(lengths(slices, B)) == pytest.approx(one_s)
    assert sum(lengths(slices, S)) == pytest.approx(other_s)
    assert slices[0].arm == first
    assert all(one.arm != after.arm for one, after in pairwise(slices))


@few
@given(st.floats(40, 80), st.floats(0.25, 2), seeds)
def test_lengths_vary_by_a_fifth_at_most(work_s: float, slice_s: float, seed: int):
    """So they do not keep step with anything that recurs. Those at the end make up for it."""
    both = {B: work_s, S: work_s}
    slices = played(Turns(slice_s, both, B, random.Random(seed)), both)
    usual = [each.ran_s / slice_s for each in slices[1 : len(slices) // 2]]
    assert all(0.9 * (1 - JITTER) <= length <= 1.1 * (1 + JITTER) for length in usual)
    assert len(usual) < 3 or max(usual) - min(usual) > 0.01


def test_lengths_are_decided_by_the_dice_alone():
    """A pair can be made again with the same slices."""
    work_s = {B: 10.0, S: 7.0}
    one, same, other = (played(Turns(1.0, work_s, B, random.Random(seed)), work_s) for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize("first", [B, S])
def test_without_slices_runs_are_undivided(first: str):
    """One arm comes to its end, then the other does."""
    taken = Turns(0.0, {B: 4.0, S: 6.0}, first, random.Random(1))
    assert taken.take() == (first, FOREVER)
    slices = played(taken, {B: 4.0, S: 6.0})
    assert [each.arm for each in slices] == [first, S if first == B else B]


@pytest.mark.parametrize("longer_s", [0.4, 1.0, 2.0, 3.9])
@pytest.mark.parametrize("first", [B, S])
def test_a_short_run_has_some_slices_too(longer_s: float, first: str):
    """The machine drifts within seconds."""
    work_s = {B: longer_s, S: longer_s / 2}
    slices = played(Turns(1.0, work_s, first, EVEN), work_s)
    assert len(lengths(slices, B)) >= LEAST_SLICES


@pytest.mark.parametrize("expected_s", [0.0, 1e-6])
def test_a_run_that_takes_no_time_is_given_some(expected_s: float):
    """Neither what was expected nor what is seen may be nothing."""
    taken = Turns(1.0, {B: expected_s, S: 4.0}, B, random.Random(1))
    assert taken.take()[1] >= LEAST_S
    slices = played(taken, {B: 1.0, S: 4.0}, seen={S: 0.0})
    assert sum(lengths(slices, S)) == pytest.approx(4.0)


def test_an_arm_goes_on_to_its_end_once_the_other_has_come_to_its_own():
    """There is nobody to take turns with any more."""
    taken = Turns(1.0, {B: 10.0, S: 10.0}, B, EVEN)
    taken.note(B, 0.1, True)
    assert taken.take() == (S, FOREVER)
    taken.note(S, 5.0, False)
    assert (taken.take(), taken.are_over) == ((S, FOREVER), False)
    taken.note(S, 5.0, True)
    assert taken.are_over


def test_an_arm_without_another_is_undivided():
    """A run on the null system has no baseline."""
    taken = Turns(1.0, {S: 10.0}, S, EVEN)
    assert taken.take() == (S, FOREVER)
    taken.note(S, 10.0, True)
    assert taken.are_over


def test_an_arm_that_takes_longer_than_expected_is_given_a_part_of_that_at_a_time():
    """Until it has come to its end, the other one is not kept waiting."""
    taken = Turns(1.0, {B: 10.0, S: 10.0}, B, EVEN)
    taken.note(B, 12.0, False)
    taken.note(S, 9.0, False)
    arm, limit_s = taken.take()
    assert arm == B
    assert limit_s == pytest.approx(turns.OVERTIME * 10.0 / 1.5)
