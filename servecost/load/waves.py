"""The untimed requests by which one process's users become warm, before the run is released.

Owns who takes part in a wave and when it is over. It reads no clock; times are arguments.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from gevent.event import Event


class Wave(NamedTuple):
    """Some untimed requests that were sent at the same time.

    Attributes:
        requests: how many were sent.
        begun_ns: when the users were told to send them.
        ended_ns: when the last answer was complete, or a failure known, on the same clock.
        failure: what went wrong, in one line; empty if nothing did.
    """

    requests: int
    begun_ns: int
    ended_ns: int
    failure: str


class Waves:
    """The waves of one process's users, one after the other."""

    def __init__(self, on_over: Callable[[Wave], None]) -> None:
        """``on_over`` is called with each wave once all its requests have ended."""
        self._on_over = on_over
        self._begun = self._users = self._left = 0
        self._wave = Wave(0, 0, 0, "")
        self._is_over = False
        self._stirred = Event()

    def begin(self, users: int, begun_ns: int) -> None:
        """Let so many users, those with the lowest numbers, send one request each."""
        self._begun += 1
        self._users = self._left = users
        self._wave = Wave(users, begun_ns, begun_ns, "")
        self._stir()

    def take(self, user: int) -> Iterator[None]:
        """Yield once for each wave that this user takes part in, and return when there will be no other."""
        seen = 0
        while not self._is_over:
            if self._begun == seen:
                self._stirred.wait()
                continue
            seen = self._begun
            if user < self._users:
                yield

    def note(self, ended_ns: int, failure: str) -> None:
        """Note that a request of the wave has ended; the last one ends the wave."""
        wave = self._wave
        ended_ns = max(wave.ended_ns, ended_ns)
        self._wave = wave._replace(ended_ns=ended_ns, failure=wave.failure or failure)
        self._left -= 1
        if not self._left:
            self._on_over(self._wave)

    def end(self) -> None:
        """Let the users go on to what comes after the waves."""
        self._is_over = True
        self._stir()

    def _stir(self) -> None:
        # A new event each time: a user that comes to wait too late for one wave must not miss the next.
        stirred, self._stirred = self._stirred, Event()
        stirred.set()
