"""What came of each request, kept compactly: 40 bytes for each, where objects would be five times that.

Owns the record and its storage. A long run shall not be slowed by memory that grows, nor by its collection.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Record(NamedTuple):
    """What came of one request.

    Attributes:
        request: the request's number in the run.
        user: the number of the user that sent it, in its process.
        examples: how many inputs it sent.
        sent_ns: when its first byte was sent, on its process's monotonic clock; in a finished run since the release.
        answered_ns: when its answer was complete, or its failure known, on the same clock.
        failure: what went wrong in one line, or nothing.
    """

    request: int
    user: int
    examples: int
    sent_ns: int
    answered_ns: int
    failure: str


WIDTH = len(Record._fields) - 1  # the numbers; of failures there are few


class Records:
    """Records in the order in which the requests ended."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._numbers = array("q")
        self._failures: dict[int, str] = {}
        self.extend(records)

    def append(self, record: Record) -> None:
        """Add one."""
        *numbers, failure = record
        if failure:
            self._failures[len(self)] = failure
        self._numbers.extend(numbers)

    def extend(self, records: Iterable[Record]) -> None:
        """Add some."""
        for record in records:
            self.append(record)

    def since(self, released_ns: int) -> "Records":
        """Return them with their times counted from the release."""
        shifted = (
            record._replace(sent_ns=record.sent_ns - released_ns, answered_ns=record.answered_ns - released_ns)
            for record in self
        )
        return Records(shifted)

    def in_order(self) -> Iterator[Record]:
        """Yield them in the order of their requests' numbers."""
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
