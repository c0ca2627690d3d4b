"""The two sides of a run: the processes that send its requests, and the events that they report.

Owns the interface between them. Runs with one process and with many differ only in what implements it:
``local_worker`` calls directly, ``distributed`` sends Locust's messages.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from servecost.core.verdicts import Verdict
from servecost.load.cpu_use import CpuUse
from servecost.load.leases import Lease
from servecost.load.records import Record
from servecost.load.run_spec import RunSpec
from servecost.load.tally import Tally


class RunEvents(Protocol):
    """Events that a worker reports to the run; the first argument is the worker's name."""

    def on_users_ready(self, worker: str, users: int) -> None:
        """Receive the number of its users that are connected and have been answered."""

    def on_refused(self, worker: str, verdict: Verdict, is_misuse: bool) -> None:
        """Receive why it cannot make the run; ``is_misuse`` if an option is wrong, such as the server's address."""

    def on_warmed(self, worker: str, requests: int, span_ns: int, failure: str) -> None:
        """Receive a wave of untimed requests that is over: how many, how long, and in one line what went wrong."""

    def on_requests_low(self, worker: str) -> None:
        """Receive its wish for another lease."""

    def on_abandoned(self, worker: str) -> None:
        """Receive the news that it issues no further request because the run cannot become valid."""

    def on_progress(self, worker: str, tally: Tally) -> None:
        """Receive how much of its share is done."""

    def on_done(self, worker: str, end_ns: int | None, span_ns: int | None, cpu_use: CpuUse) -> None:
        """Receive the news that all of its requests have ended.

        Its last answer arrived at ``end_ns`` on the master's clock, ``span_ns`` after the release on its own clock;
        both are None if it sent nothing.
        """

    def on_records(self, worker: str, tally: Tally, records: Iterable[Record], is_last: bool) -> None:
        """Receive a part of its records, their times since the release."""

    def on_lost(self, worker: str, reason: str) -> None:
        """Receive why it takes no further part in the run, or cannot take part at all."""


class Workers(Protocol):
    """The processes that send a run's requests."""

    def prepare(self, spec: RunSpec, events: RunEvents) -> list[str]:
        """Give the run to all workers and return their names."""

    def warm(self, users: Mapping[str, int]) -> None:
        """Make so many users of each of these workers send one untimed request of the batch size, all at once."""

    def release(self, leases: Mapping[str, Lease]) -> int:
        """Let the users of all workers begin; return when, in ns on the master's clock."""

    def supply(self, worker: str, lease: Lease) -> None:
        """Give a worker more requests."""

    def abandon(self) -> None:
        """Make all workers issue no further request."""

    def collect(self) -> None:
        """Make each worker report its records and count nothing that ends later."""

    def detach(self) -> None:
        """End the run on all workers."""

    def are_ready(self) -> bool:
        """Return whether as many workers as a run needs are connected and idle."""
