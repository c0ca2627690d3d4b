"""The account of a run: who was given what, what came of it, and what the server says that it has seen.

Pure: owns the run's counts, by worker and in total. Workers tell, the conductor enters it here, and whoever reports
reads it. It reads no clock and sends nothing.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from servecost.load.cpu_use import Effort
from servecost.load.records import Record, Records
from servecost.load.worker_share import Tally

LOCAL = "local"


@dataclass
class Entry:
    """One worker's part of a run.

    Attributes:
        name: what Locust calls the worker; ``local`` if the run has one process only.
        users: its users that have arrived.
        tally: how much it has done, as it last said.
        records: what came of each of its requests; they come when the run is over, in parts.
        is_whole: whether all of its records are here.
        end_ns: when its last answer arrived, on the conductor's clock; None if it has sent nothing, or still does.
        span_ns: from the release to its last answer, both on its own clock; None likewise.
        effort: what it has had of its machine's cores in that time; None as long as it has not said so.
        is_done: whether it has said that nothing more comes.
        fault: why it takes part no longer, or nothing.
    """

    name: str
    users: int = 0
    tally: Tally = field(default_factory=Tally)
    records: Records = field(default_factory=Records)
    is_whole: bool = False
    end_ns: int | None = None
    span_ns: int | None = None
    effort: Effort | None = None
    is_done: bool = False
    fault: str = ""


@dataclass(frozen=True)
class Seen:
    """What the server says of the requests that it has received, besides warm-ups.

    Attributes:
        requests: how many it counts, or None if it counts none or could not be asked.
        least: the fewest that agree with the ledger.
        most: the most that agree with the ledger.
        note: over which time it counted, or why it did not.
    """

    requests: int | None
    least: int
    most: int
    note: str

    @property
    def agrees(self) -> bool:
        """Whether nothing speaks against the ledger."""
        return self.requests is None or self.least <= self.requests <= self.most


NOT_ASKED = Seen(None, 0, 0, "not asked")


class Ledger:
    """The account of one run."""

    def __init__(self, workers: Sequence[str]) -> None:
        """``workers``: the names of those that take part; their order numbers them."""
        self.entries = {name: Entry(name) for name in workers}
        self.seen = NOT_ASKED

    @property
    def users(self) -> int:
        """How many users have arrived, on all workers."""
        return sum(entry.users for entry in self.entries.values())

    @property
    def total(self) -> Tally:
        """How much of the run is done, on all workers."""
        tallies = [Tally(), *(entry.tally for entry in self.entries.values())]
        return Tally(*map(sum, zip(*tallies, strict=True)))

    @property
    def is_done(self) -> bool:
        """Whether nothing more comes of any worker."""
        return all(entry.is_done for entry in self.entries.values())

    @property
    def is_whole(self) -> bool:
        """Whether the records of every worker that still takes part are here."""
        return all(entry.is_whole or entry.fault for entry in self.entries.values())

    @property
    def end_ns(self) -> int | None:
        """When the last answer of all arrived, on the conductor's clock."""
        return max((entry.end_ns for entry in self.entries.values() if entry.end_ns is not None), default=None)

    @property
    def faults(self) -> list[str]:
        """What has happened to workers, one line for each."""
        return [entry.fault for entry in self.entries.values() if entry.fault]

    def records(self) -> Iterator[tuple[int, Record]]:
        """Yield each request's record with its worker's number, in the order of the requests' numbers."""

        def of(place: int, entry: Entry) -> Iterator[tuple[int, Record]]:
            return ((place, record) for record in entry.records.in_order())

        parts = [of(place, entry) for place, entry in enumerate(self.entries.values())]
        yield from heapq.merge(*parts, key=lambda numbered: numbered[1].request)
