"""How the requests of a run are distributed over workers: each to exactly one, and all workers finish together.

Pure: owns the arithmetic. Requests are leased in ranges that become smaller as the run goes on ("guided
self-scheduling", Polychronopoulos & Kuck, IEEE Transactions on Computers C-36, 1987): large at first, so that no worker
waits for its next lease, and small at the end, so that no worker's users are idle while another's still have a queue.
Fixed shares would not do: a worker with faster answers would finish early, and the rest of the run would have fewer
requests in flight than its concurrency says.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Lease(NamedTuple):
    """A range of requests for one worker to send.

    Attributes:
        first: the number of the first request.
        requests: how many requests, from that number on.
        is_last: whether the worker gets no further lease.
    """

    first: int
    requests: int
    is_last: bool


def split_in_proportion(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
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
    """The requests of a run that are not leased yet."""

    def __init__(self, users: Mapping[str, int], requests: int) -> None:
        """``users``: how many users each worker has; ``requests``: how many requests the run has."""
        self._users = dict(users)
        self._requests = requests
        self._next = 0

    def lease_first(self) -> dict[str, Lease]:
        """Return every worker's first lease: its part of half of the run, and at least one request for each user.

        Parts are in proportion to users. If there are fewer requests than users, the requests are spread over all
        workers; a worker that is alone gets the whole run.
        """
        users = sum(self._users.values())
        half = self._requests // 2 if len(self._users) > 1 else self._requests
        parts = split_in_proportion(min(self._requests, max(users, half)), self._users)
        leased = [(worker, self._take(count)) for worker, count in parts.items()]
        # A worker without users never asks for more, so it would not learn that there is none.
        return {
            worker: Lease(first, count, self.is_empty or not self._users[worker]) for worker, (first, count) in leased
        }

    def lease_next(self, worker: str) -> Lease:
        """Return a worker's next lease: half of its part of the rest, and at least one request for each of its users.

        The part is in proportion to the worker's users.
        """
        users, all_users = self._users[worker], sum(self._users.values())
        half_its_part = (self._requests - self._next) * users // (2 * all_users)
        first, count = self._take(max(half_its_part, users))
        return Lease(first, count, self.is_empty)

    def drain(self) -> None:
        """Lease no further request: the run cannot become valid."""
        self._next = self._requests

    @property
    def is_empty(self) -> bool:
        """Whether every request has been leased."""
        return self._next == self._requests

    def _take(self, count: int) -> tuple[int, int]:
        first = self._next
        self._next = min(self._requests, first + count)
        return first, self._next - first
