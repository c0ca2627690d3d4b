"""Which arm of a pair runs next, and for how long.

Pure: owns the order and the lengths of the slices. The arms alternate, beginning and ending with half a slice of the
one that begins: in halves the order is ABBA ABBA, so that a machine that becomes steadily slower or faster favours
neither. Lengths are in proportion to what each arm has left, so that both come to their end together; and they vary,
so that they do not keep step with anything that recurs.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

FOREVER = float("inf")
JITTER = 0.2
LEAST_SLICES = 4  # of the longer arm, where a run is short
LEAST_S = 0.02
# Of what an arm was expected to take: how much it is given at a time once it has taken longer.
OVERTIME = 0.1


@dataclass
class _Arm:
    expected_s: float
    spent_s: float = 0.0
    is_over: bool = False

    @property
    def left_s(self) -> float:
        return max(self.expected_s - self.spent_s, OVERTIME * self.expected_s, LEAST_S)

    @property
    def left_part(self) -> float:
        return self.left_s / self.expected_s


class Turns:
    """The slices of one pair."""

    def __init__(self, slice_s: float, expected_s: Mapping[str, float], first: str, dice: random.Random) -> None:
        """``slice_s``: how long a slice is, 0 for undivided runs; ``expected_s``: how long each arm will run.

        ``first``: the arm that begins; ``dice``: of the lengths.
        """
        self._arms = {name: _Arm(max(seconds, LEAST_S)) for name, seconds in expected_s.items()}
        self._slice_s = min(slice_s, max(arm.expected_s for arm in self._arms.values()) / LEAST_SLICES)
        self._first, self._next, self._dice, self._is_begun = first, first, dice, False

    def take(self) -> tuple[str, float]:
        """Return the arm that runs next and for how many seconds, at most; FOREVER if until it is over."""
        arm, other = self._arms[self._next], self._arms[self._other(self._next)]
        if self._slice_s <= 0 or other.is_over or other is arm:
            return self._next, FOREVER
        share = self._share() * self._dice.uniform(1 - JITTER, 1 + JITTER)
        return self._next, max(LEAST_S, arm.left_s * share)

    def _share(self) -> float:
        """Return what part of what is left of the next arm it is given; the first arm's slices end in half a one."""
        second = self._arms[self._other(self._first)]
        slices = max(arm.expected_s for arm in self._arms.values()) / self._slice_s
        left = max(1, round(second.left_part * slices))
        if self._next != self._first:
            return 1 / left
        return 1 / (left + 0.5) if self._is_begun else 0.5 / left

    def note(self, name: str, spent_s: float, is_over: bool, expected_s: float | None = None) -> None:
        """Take in that an arm has run, and how long all of its run will take if that can be seen by now."""
        arm = self._arms[name]
        arm.spent_s += spent_s
        arm.is_over, self._is_begun = is_over, True
        if expected_s is not None:
            arm.expected_s = max(expected_s, LEAST_S)
        if not self._arms[self._other(name)].is_over:
            self._next = self._other(name)

    @property
    def are_over(self) -> bool:
        """Whether both arms have come to their end."""
        return all(arm.is_over for arm in self._arms.values())

    def _other(self, name: str) -> str:
        return next((other for other in self._arms if other != name), name)
