"""The work before a run's clock starts, at the run's own batch size: one user alone, then all of them at once.

Pure: owns which waves of untimed requests follow one another, and what is remembered of them for later runs. Sending
them is the caller's matter.
"""

from collections.abc import Callable
from typing import NamedTuple

from servecost.core.warming import LIMIT_S, Cold, Warming

# A wave of all users that would take longer than this part of the time that there is, is left to as many users as fit,
# and sent once: a request that has been sent cannot be taken back.
WAVE_PART = 0.25
LEAST_USERS = 2

Send = Callable[[int], float]


class Work(NamedTuple):
    """What is sent in a wave, and to whom.

    Attributes:
        host: the server's address.
        system: the name of the system that serves.
        batch_size: examples in one request.
        users: how many users send a request each.
    """

    host: str
    system: str
    batch_size: int
    users: int


class Untimed(NamedTuple):
    """The requests that were sent before the release.

    Attributes:
        requests: how many they were.
        ended_ns: when the last had been answered, on the master's clock; None if there were none.
    """

    requests: int = 0
    ended_ns: int | None = None


class WarmUp:
    """The warm-up of one run."""

    def __init__(self, work: Work, steady_s: dict[Work, float], limit_s: float = LIMIT_S) -> None:
        """``work``: a wave of all users; ``steady_s``: what waves took once steady, in this process; it is added to.

        ``limit_s``: after which nothing is repeated.
        """
        self._work, self._steady_s = work, steady_s
        self._limit_s = self._left_s = limit_s

    def run(self, send: Send) -> Cold:
        """Send waves until they are steady; return what those of one user alone have shown.

        ``send`` makes so many users send a request each, and returns the seconds until the last answer.
        """
        alone = self._repeat(1, send)
        users = self._work.users
        wave_s = WAVE_PART * self._limit_s
        if users > 1 and alone.steady_s * users > wave_s:
            send(min(users, max(LEAST_USERS, int(wave_s / alone.steady_s))))
        elif users > 1:
            self._repeat(users, send)
        return alone

    def _repeat(self, users: int, send: Send) -> Cold:
        work = self._work._replace(users=users)
        warming = Warming(self._steady_s.get(work), self._left_s)
        is_warm = False
        while not is_warm:
            wave_s = send(users)
            self._left_s -= wave_s
            is_warm = warming.add(wave_s)
        self._steady_s[work] = warming.found.steady_s
        return warming.found
