"""How the requests of a run are shared out among workers: each goes to exactly one, and all finish at about one time.

Pure: owns the arithmetic. Requests are leased in ranges that become smaller as the run goes on ("guided
self-scheduling", Polychronopoulos & Kuck, IEEE Transactions on Computers C-36, 1987): large at first, so that nobody
waits for the next lease, and small at the end, so that no worker's users are idle while another's still have a queue.
Fixed shares would not do: a worker whose answers come faster would be through early, and the rest of the run would
have fewer requests in flight than it is named for.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Lease(NamedTuple):
    """Requests that one worker is to send.

    Attributes:
        first: the number of the first of them.
        requests: how many, from that number on.
        is_last: whether the worker gets no more.
    """

    first: int
    requests: int
    is_last: bool


def in_proportion(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Return whole parts of ``amount`` in proportion to ``weights``, by largest remainder; they sum to it exactly.

    The weights are whole numbers from 0 up, not all of them 0.
    """
    total = sum(weights.values())
    parts = {name: amount * weight // total for name, weight in weights.items()}
    by_remainder = sorted(weights, key=lambda name: amount * weights[name] % total, reverse=True)
    for name in by_remainder[: amount - sum(parts.values())]:
        parts[name] += 1
    return parts


class Pool:
    """The requests of a run that no worker has yet."""

    def __init__(self, users: Mapping[str, int], requests: int) -> None:
        """``users``: how many users each worker has; ``requests``: how many requests the run has."""
        self._users = dict(users)
        self._requests = requests
        self._next = 0

    def first_leases(self) -> dict[str, Lease]:
        """Return what each worker starts with: half of the run in proportion to its users, and one for each of them.

        With fewer requests than that, they are spread over all workers; a worker that is alone gets everything.
        """
        users = sum(self._users.values())
        half = self._requests // 2 if len(self._users) > 1 else self._requests
        parts = in_proportion(min(self._requests, max(users, half)), self._users)
        leased = [(worker, self._take(count)) for worker, count in parts.items()]
        # A worker without users would never ask for more, nor learn that there is none.
        return {
            worker: Lease(first, count, self.is_empty or not self._users[worker]) for worker, (first, count) in leased
        }

    def next_lease(self, worker: str) -> Lease:
        """Return what a worker gets that is running low: half of its part of the rest, at least one for each user."""
        users, everybody = self._users[worker], sum(self._users.values())
        half_its_part = (self._requests - self._next) * users // (2 * everybody)
        first, count = self._take(max(half_its_part, users))
        return Lease(first, count, self.is_empty)

    def drain(self) -> None:
        """Lease no more: the run cannot become valid."""
        self._next = self._requests

    @property
    def is_empty(self) -> bool:
        """Whether every request has been leased."""
        return self._next == self._requests

    def _take(self, count: int) -> tuple[int, int]:
        first = self._next
        self._next = min(self._requests, first + count)
        return first, self._next - first
