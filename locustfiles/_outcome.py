"""What a run came to, in numbers and in one line.

Pure: owns the verdict on a run and the words for it. The counts are the ledger's.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from _ledger import Ledger
from _requests import Load

from contract.results import INVALID, VALID, RunName

OK, FAILED, MISUSED = 0, 1, 2
FAILURES_NAMED = 3


@dataclass(frozen=True)
class Outcome:
    """The result of one run.

    Attributes:
        name: recipe, batch size, users and examples of the run.
        load: what the run had to send.
        released_ns: when the users were released, on the conductor's clock; None if they never were.
        ledger: what came of it.
        refusal: why the run could not start, or what broke it off; or nothing.
        is_misuse: whether that is a wrong option, such as an address where nobody answers.
    """

    name: RunName
    load: Load
    released_ns: int | None
    ledger: Ledger
    refusal: str = ""
    is_misuse: bool = False

    @property
    def failures(self) -> Counter[str]:
        """How often each failure occurred."""
        return Counter(record.failure for _, record in self.ledger.records() if record.failure)

    @cached_property
    def is_complete(self) -> bool:
        """Whether every request of the run was sent exactly once and came to an end."""
        total = self.ledger.total
        return (
            sorted(record.request for _, record in self.ledger.records()) == list(range(self.load.requests))
            and total.requests_issued == total.requests_answered + total.requests_failed == self.load.requests
            and total.examples_issued == total.examples_answered + total.examples_failed == self.load.examples
        )

    @property
    def is_valid(self) -> bool:
        """Whether every request of the run got a right answer."""
        return not self.problem

    @property
    def is_answered(self) -> bool:
        """Whether anything was answered, so that the run has a wall time."""
        return self.released_ns is not None and self.ledger.end_ns is not None

    @property
    def wall_ns(self) -> int:
        """Nanoseconds from the release to the last answer, on the conductor's clock; of an answered run only."""
        assert self.released_ns is not None and self.ledger.end_ns is not None
        return self.ledger.end_ns - self.released_ns

    @property
    def exit_code(self) -> int:
        """0 for a valid run, 2 for a wrong option, else 1."""
        if self.is_valid:
            return OK
        return MISUSED if self.is_misuse else FAILED

    @cached_property
    def problem(self) -> str:
        """What makes the run invalid, in one line, or nothing."""
        total, seen = self.ledger.total, self.ledger.seen
        ended, failed = total.requests_answered + total.requests_failed, total.requests_failed
        if self.refusal:
            return self.refusal + (f" (after {ended} of {self.load.requests} requests)" if ended else "")
        if not self.is_complete:
            return f"ended after {ended} of {self.load.requests} requests{self._failures()}"
        if failed:
            return f"{failed} of {self.load.requests} requests failed{self._failures()}"
        if not seen.agrees:
            return f"the server received {seen.requests} requests where {_range(seen.least, seen.most)} were sent"
        return ""

    @property
    def verdict(self) -> str:
        """VALID, or INVALID with what makes it so."""
        return f"{INVALID}: {self.problem}" if self.problem else VALID

    def line(self) -> str:
        """Return the run's last line on the console: the result, or what went wrong and how often."""
        if self.problem:
            return f"{INVALID}: {self.name}: {self.problem}"
        return f"{VALID}: {self.name}: {self.wall_ns / 1e9:.3f} s for {self.load.requests} requests, every answer right"

    def _failures(self) -> str:
        failures = self.failures
        named = [f"{count} × {failure}" for failure, count in failures.most_common(FAILURES_NAMED)]
        unnamed = len(failures) - len(named)
        return "".join(f"; {text}" for text in named) + (f"; {unnamed} other kinds" if unnamed > 0 else "")


def _range(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"
