"""The ledger of a run: what each worker was given, what became of it, and what the server itself counted.

Pure: owns the run's counts, by worker and in total. The run writes them, the outcome and the files read them. It reads
no clock and sends nothing.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from servecost.load.cpu_use import CpuUse
from servecost.load.records import Record, Records
from servecost.load.tally import Tally

LOCAL = "local"


@dataclass
class Entry:
    """One worker's part of a run.

    Attributes:
        name: Locust's name for the worker; ``local`` if the run has one process only.
        users: its users that are ready.
        tally: how much it has done, by its latest report.
        records: the records of its requests; they are reported in parts, once the run is over.
        is_whole: whether all of its records are here.
        end_ns: when its last answer arrived, on the master's clock; None if it has sent nothing or is still sending.
        span_ns: from the release to its last answer, both on its own clock; None in the same cases.
        cpu_use: its process's CPU use over that time; None until it has reported its end.
        is_done: whether it has reported that all of its requests have ended.
        fault: why it takes no further part in the run; empty if it does.
    """

    name: str
    users: int = 0
    tally: Tally = field(default_factory=Tally)
    records: Records = field(default_factory=Records)
    is_whole: bool = False
    end_ns: int | None = None
    span_ns: int | None = None
    cpu_use: CpuUse | None = None
    is_done: bool = False
    fault: str = ""


@dataclass(frozen=True)
class ServerCount:
    """The server's own count of the run's requests, without warm-ups.

    Attributes:
        requests: how many requests it counted; None if it keeps no count or the count could not be read.
        least: the fewest requests that agree with the ledger.
        most: the most requests that agree with the ledger.
        note: which part of the run it counted, or why there is no count.
        is_lost: whether there should be a count, as the server gave one before the run.
    """

    requests: int | None
    least: int
    most: int
    note: str
    is_lost: bool = False

    @property
    def agrees(self) -> bool:
        """Whether the count does not contradict the ledger."""
        return not self.is_lost and (self.requests is None or self.least <= self.requests <= self.most)


NOT_ASKED = ServerCount(None, 0, 0, "not asked")


class Ledger:
    """The ledger of one run."""

    def __init__(self, workers: Sequence[str]) -> None:
        """``workers``: the names of the run's workers; their order numbers them."""
        self.entries = {name: Entry(name) for name in workers}
        self.server_count = NOT_ASKED

    @property
    def users(self) -> int:
        """How many users of all workers are ready."""
        return sum(entry.users for entry in self.entries.values())

    @property
    def total(self) -> Tally:
        """How much of the run is done, over all workers."""
        tallies = [Tally(), *(entry.tally for entry in self.entries.values())]
        return Tally(*map(sum, zip(*tallies, strict=True)))

    @property
    def is_done(self) -> bool:
        """Whether all requests of all workers have ended."""
        return all(entry.is_done for entry in self.entries.values())

    @property
    def is_whole(self) -> bool:
        """Whether the records of every worker that still takes part are here."""
        return all(entry.is_whole or entry.fault for entry in self.entries.values())

    @property
    def end_ns(self) -> int | None:
        """When the last answer of all arrived, on the master's clock."""
        return max((entry.end_ns for entry in self.entries.values() if entry.end_ns is not None), default=None)

    @property
    def faults(self) -> list[str]:
        """The workers' faults, one line for each."""
        return [entry.fault for entry in self.entries.values() if entry.fault]

    def records(self) -> Iterator[tuple[int, Record]]:
        """Yield each request's record after its worker's number, in the order of the requests' numbers."""

        def numbered(place: int, entry: Entry) -> Iterator[tuple[int, Record]]:
            return ((place, record) for record in entry.records.in_order())

        parts = [numbered(place, entry) for place, entry in enumerate(self.entries.values())]
        yield from heapq.merge(*parts, key=lambda part: part[1].request)
