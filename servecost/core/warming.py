"""Whether repeated work has become steady, and what the first of it cost beyond that.

Pure: owns the rule by which both arms are called warm, and the rule by which a run is found to have begun cold.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Sequence

# Work is steady once it has been repeated so often and so long, and the last time is not this much quicker than the
# best before. Where it takes so long that it must be few, one repetition has to do. It is given up as unsteady after so
# many seconds, unless others are asked for, or repetitions.
LEAST, LEAST_S = 3, 0.3
FEW, LONG_S = 2, 5.0
QUICKER = 0.95
LIMIT_S, MOST = 20, 1000

# A run is cut into so many blocks of equal work. It began cold if its first block took longer than every other by this
# factor, and longer than their median by this part of the whole run, and by so many seconds: a short run meets
# disturbances of that length at any time.
BLOCKS = 10
# In a run with fewer requests for each user, the first tenth is the burst with which it begins: all requests arrive at
# once, and are received beside the first work.
REQUESTS_PER_USER = 10
LONGER_THAN_ALL, LONGER_OF_RUN, LONGER_S = 1.25, 0.03, 0.2


class Cold(NamedTuple):
    """What a process paid at its first work of a size.

    Attributes:
        first_s: the seconds of the first call, or request, of that size.
        steady_s: those of a call once they have become steady.
        calls: how many calls that took, the first included.
        is_steady: whether they have become so; else they were given up.
    """

    first_s: float
    steady_s: float
    calls: int
    is_steady: bool = True

    @property
    def cost_s(self) -> float:
        """What the first call cost beyond a steady one."""
        return max(0.0, self.first_s - self.steady_s)


class Warming:
    """The same work, repeated until it is steady."""

    def __init__(self, known_s: float | None = None, limit_s: float = LIMIT_S) -> None:
        """``known_s``: what the work takes in this process once steady, if it has been steady before.

        ``limit_s``: it is done at least twice, for once tells nothing, and not again after so many seconds.
        """
        self._known_s, self._limit_s = known_s, limit_s
        self._seconds: list[float] = []

    def add(self, seconds: float) -> bool:
        """Take in how long a repetition took; return whether the work is warm now, or will not become so."""
        self._seconds.append(seconds)
        spent_s, count = sum(self._seconds), len(self._seconds)
        if (spent_s >= self._limit_s and count >= FEW) or count >= MOST:
            return True
        if self._is_as_known:
            return spent_s >= LEAST_S or count >= FEW
        if count < (FEW if spent_s >= LONG_S else LEAST) or spent_s < LEAST_S:
            return False
        return self._is_no_quicker

    @property
    def _is_as_known(self) -> bool:
        return self._known_s is not None and self._seconds[-1] <= self._known_s / QUICKER

    @property
    def _is_no_quicker(self) -> bool:
        return self._seconds[-1] >= QUICKER * min(self._seconds[:-1], default=math.inf)

    @property
    def found(self) -> Cold:
        """What was found; of work that has been done at least once."""
        late = sorted(self._seconds[len(self._seconds) // 2 :])
        is_steady = self._is_as_known or self._is_no_quicker
        return Cold(self._seconds[0], late[(len(late) - 1) // 2], len(self._seconds), is_steady)


def began_cold(blocks: Sequence[float]) -> bool:
    """Return whether a run that was cut into blocks of equal work began cold; False for too few blocks to tell."""
    if len(blocks) < BLOCKS:
        return False
    first, others = blocks[0], blocks[1:]
    is_longest = first > LONGER_THAN_ALL * max(others)
    return is_longest and first - median(others) > max(LONGER_OF_RUN * sum(blocks), LONGER_S)


def is_burst(requests: int, users: int) -> bool:
    """Return whether a run has so few requests for each user that its first block says nothing."""
    return requests < REQUESTS_PER_USER * users


def median(blocks: Sequence[float]) -> float:
    """Return the median of a run's blocks, the upper one of an even number."""
    return sorted(blocks)[len(blocks) // 2]


def blocks_of(begin_ns: int, pieces: Sequence[tuple[int, int, int]]) -> list[float]:
    """Return the seconds that each tenth of a run's work took, from ``begin_ns`` on.

    ``pieces``: start in ns, end in ns and size of each piece of work, such as the predictor's calls with their numbers
    of inputs. Within a piece the work is taken to proceed evenly. No blocks for fewer than twice BLOCKS pieces.
    """
    if len(pieces) < 2 * BLOCKS:
        return []
    ordered = sorted(pieces, key=lambda piece: piece[1])
    total = sum(size for _, _, size in ordered)
    done, reached_ns = 0, begin_ns
    marks: list[float] = []
    for start_ns, end_ns, size in ordered:
        begin = max(start_ns, reached_ns)
        while len(marks) < BLOCKS and (len(marks) + 1) * total <= (done + size) * BLOCKS:
            due = (len(marks) + 1) * total / BLOCKS
            marks.append(begin + (end_ns - begin) * (due - done) / max(size, 1))
        done, reached_ns = done + size, end_ns
    edges = [begin_ns, *marks]
    return [(after - before) / 1e9 for before, after in zip(edges, edges[1:])]
