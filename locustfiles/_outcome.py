"""What a run came to, in numbers and in one line.

Pure: owns the ledger of a run (issued, answered, failed), its wall time, and the words for them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from _section import Record

from contract.results import RunName

OK, FAILED, MISUSED = 0, 1, 2
FAILURES_NAMED = 3


@dataclass(frozen=True)
class Outcome:
    """The result of one run.

    Attributes:
        name: recipe, batch size, users and examples of the run.
        requests: how many requests the run has.
        released_ns: when the users were released, on the process's monotonic clock; None if they never were.
        records: what came of each request that was sent.
        refusal: why the run could not start, or nothing.
        refused_for_host: whether that was because nobody answered at the given address.
    """

    name: RunName
    requests: int
    released_ns: int | None
    records: Sequence[Record]
    refusal: str = ""
    refused_for_host: bool = False

    @property
    def failures(self) -> Counter[str]:
        """How often each failure occurred."""
        return Counter(record.failure for record in self.records if record.failure)

    @property
    def is_complete(self) -> bool:
        """Whether every request of the run was sent and came to an end."""
        return len(self.records) == self.requests

    @property
    def is_valid(self) -> bool:
        """Whether every request of the run got a right answer."""
        return not self.refusal and self.is_complete and not self.failures

    @property
    def wall_ns(self) -> int:
        """Nanoseconds from the release to the last answer. Raises ValueError for a run that nobody answered."""
        assert self.released_ns is not None
        return max(record.answered_ns for record in self.records) - self.released_ns

    @property
    def exit_code(self) -> int:
        """0 for a valid run, 2 when the given host does not answer (a wrong option), else 1."""
        if self.is_valid:
            return OK
        return MISUSED if self.refused_for_host else FAILED

    def line(self) -> str:
        """Return the run's last line on the console: the result, or what went wrong and how often."""
        if self.refusal:
            return f"FAILED: {self.name}: {self.refusal}"
        if not self.is_complete:
            return f"FAILED: {self.name}: ended after {len(self.records)} of {self.requests} requests{self._failures()}"
        if self.failures:
            failed = sum(self.failures.values())
            return f"FAILED: {self.name}: {failed} of {self.requests} requests failed{self._failures()}"
        return f"OK: {self.name}: {self.wall_ns / 1e9:.3f} s for {self.requests} requests, every answer right"

    def _failures(self) -> str:
        named = [f"{count} × {failure}" for failure, count in self.failures.most_common(FAILURES_NAMED)]
        unnamed = len(self.failures) - len(named)
        return "".join(f"; {text}" for text in named) + (f"; {unnamed} other kinds" if unnamed > 0 else "")
