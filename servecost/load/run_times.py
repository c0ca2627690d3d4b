"""The times of a run on the clock that stands still while its processes are stopped.

Pure: owns how the ledger's real times become those that are reported. The ledger itself keeps real times, because the
server's own clock does not stop.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from servecost.core import warming
from servecost.core.stops import Stops
from servecost.load.ledger import Entry, Ledger
from servecost.load.records import Record


@dataclass(frozen=True)
class RunTimes:
    """The times of one run.

    Attributes:
        released_ns: when the users were released, on the master's monotonic clock; None if they never were.
        ledger: what became of the requests.
        stops: when the run's processes were stopped.
    """

    released_ns: int | None
    ledger: Ledger
    stops: Stops

    @property
    def total_ns(self) -> int | None:
        """From the release to the last answer; None without an answer."""
        if self.released_ns is None or self.ledger.end_ns is None:
            return None
        return self.stops.between_ns(self.released_ns, self.ledger.end_ns)

    def span_ns(self, entry: Entry) -> int | None:
        """From the release of a worker to its last answer; None if it has sent nothing or has not ended."""
        if entry.end_ns is None or entry.span_ns is None:
            return None
        return self.stops.between_ns(entry.end_ns - entry.span_ns, entry.end_ns)

    def records(self) -> Iterator[tuple[int, Record]]:
        """Yield each request's record after its worker's number, in order; times are since its worker's release."""
        if not len(self.stops):
            yield from self.ledger.records()
            return
        released_ns = [(self.released_ns or 0) + self._late_ns(entry) for entry in self.ledger.entries.values()]
        for worker, record in self.ledger.records():
            begin_ns = released_ns[worker]
            sent_ns = self.stops.between_ns(begin_ns, begin_ns + record.sent_ns)
            answered_ns = self.stops.between_ns(begin_ns, begin_ns + record.answered_ns)
            yield worker, record._replace(sent_ns=sent_ns, answered_ns=answered_ns)

    @cached_property
    def mean_in_flight(self) -> float | None:
        """The mean number of requests in flight: the sum of their times over the total; None without a total."""
        if not (total_ns := self.total_ns):
            return None
        return sum(record.answered_ns - record.sent_ns for _, record in self.records()) / total_ns

    @cached_property
    def blocks(self) -> list[float]:
        """The seconds that each tenth of the examples took, by when requests were answered; none for few requests."""
        answered = sorted((record.answered_ns, record.examples) for _, record in self.records())
        befores_ns = (0, *(answered_ns for answered_ns, _ in answered))
        pieces = [(before_ns, *each) for before_ns, each in zip(befores_ns, answered, strict=False)]
        return warming.blocks_of(0, pieces)

    def _late_ns(self, entry: Entry) -> int:
        """Return by how much later than the master a worker began, at most."""
        if entry.end_ns is None or entry.span_ns is None or self.released_ns is None:
            return 0
        return max(0, entry.end_ns - entry.span_ns - self.released_ns)
