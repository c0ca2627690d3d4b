"""The records of a run's requests, 40 bytes each; objects would take five times that.

Owns the record and its storage. Neither growing memory nor garbage collection may slow a long run down.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Record(NamedTuple):
    """The times and the result of one request.

    Attributes:
        request: the request's number in the run.
        user: the number of the user that sent it, within its process.
        examples: how many inputs it sent.
        sent_ns: when it was sent, on its process's monotonic clock; in a finished run since the release.
        answered_ns: when its answer was complete or its failure known, on the same clock.
        failure: what went wrong, in one line; empty if nothing did.
    """

    request: int
    user: int
    examples: int
    sent_ns: int
    answered_ns: int
    failure: str


WIDTH = len(Record._fields) - 1  # the numbers; failures are few and kept apart


class Records:
    """Records in the order in which the requests ended."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._numbers = array("q")
        self._failures: dict[int, str] = {}
        self.extend(records)

    def append(self, record: Record) -> None:
        """Add a record."""
        *numbers, failure = record
        if failure:
            self._failures[len(self)] = failure
        self._numbers.extend(numbers)

    def extend(self, records: Iterable[Record]) -> None:
        """Add several records."""
        for record in records:
            self.append(record)

    def since(self, released_ns: int) -> "Records":
        """Return a copy whose times count from the release."""
        shifted = (
            record._replace(sent_ns=record.sent_ns - released_ns, answered_ns=record.answered_ns - released_ns)
            for record in self
        )
        return Records(shifted)

    def in_order(self) -> Iterator[Record]:
        """Yield the records in the order of the requests' numbers."""
        requests = self._numbers[::WIDTH]
        for place in sorted(range(len(self)), key=requests.__getitem__):
            yield self[place]

    def __len__(self) -> int:
        return len(self._numbers) // WIDTH

    def __getitem__(self, place: int) -> Record:
        request, user, examples, sent_ns, answered_ns = self._numbers[place * WIDTH : (place + 1) * WIDTH]
        return Record(request, user, examples, sent_ns, answered_ns, self._failures.get(place, ""))

    def __iter__(self) -> Iterator[Record]:
        return (self[place] for place in range(len(self)))
