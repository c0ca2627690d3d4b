"""What a run came to, in numbers and in one line.

Pure: owns the verdict on a run and the words for it. The counts are the ledger's.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from servecost.core.layout import RunName
from servecost.core.verdicts import (
    CLIENT_CPU_MAX,
    CLIENT_WAIT_MAX,
    CLIENT_WAIT_NEGLIGIBLE_S,
    CLOCK_STEP_MAX_S,
    VALID,
    Verdict,
)
from servecost.load.cpu_use import Effort
from servecost.load.ledger import Ledger
from servecost.load.payloads import Load
from servecost.load.worker_share import WRONG_ANSWER

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
        refusal: why the run could not start, or what broke it off; valid if neither.
        is_misuse: whether that is a wrong option, such as an address where nobody answers.
        run: identifies the run; the first part of its requests' unique ids.
        released_unix_ns: the release on the wall clock.
        clock_step_ns: by how much the wall clock has gained on the monotonic one since then.
    """

    name: RunName
    load: Load
    released_ns: int | None
    ledger: Ledger
    refusal: Verdict = VALID
    is_misuse: bool = False
    run: str = ""
    released_unix_ns: int = 0
    clock_step_ns: int = 0

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
        """Whether the run's number counts."""
        return self.verdict.is_valid

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
    def verdict(self) -> Verdict:
        """The verdict on the run: the first rule that it breaks."""
        total = self.ledger.total
        ended = total.requests_answered + total.requests_failed
        if not self.refusal.is_valid:
            after = f" (after {ended} of {self.load.requests} requests)" if ended else ""
            return Verdict(self.refusal.rule, self.refusal.reason + after)
        broken = (self._of_count(ended), self._of_failures(), *self._of_circumstances())
        return next((verdict for verdict in broken if not verdict.is_valid), VALID)

    def _of_count(self, ended: int) -> Verdict:
        if self.is_complete:
            return VALID
        rule = "failures" if self.failures else "interrupted" if ended < self.load.requests else "count"
        return Verdict(rule, f"ended after {ended} of {self.load.requests} requests{self._failures()}")

    def _of_failures(self) -> Verdict:
        failed = self.ledger.total.requests_failed
        if not failed:
            return VALID
        rule = "answers" if all(failure.startswith(WRONG_ANSWER) for failure in self.failures) else "failures"
        return Verdict(rule, f"{failed} of {self.load.requests} requests failed{self._failures()}")

    def _of_circumstances(self) -> Iterator[Verdict]:
        """Yield what makes the number of a complete run wrong."""
        seen, requests, users = self.ledger.seen, self.load.requests, self.name.users
        if not seen.agrees:
            sent = _range(seen.least, seen.most)
            yield Verdict("server-count", f"the server received {seen.requests} requests where {sent} were sent")
        if requests < users:
            yield Verdict("concurrency", f"{requests} requests for {users} users: at most {requests} were in flight")
        if abs(self.clock_step_ns) > CLOCK_STEP_MAX_S * 1e9:
            step_s = f"{self.clock_step_ns / 1e9:+.3f} s"
            yield Verdict("clock", f"the wall clock moved by {step_s} against the monotonic one")
        if any(record.sent_ns < 0 or record.answered_ns < record.sent_ns for _, record in self.ledger.records()):
            yield Verdict("clock", "a request was answered before it was sent")
        for number, entry in enumerate(self.ledger.entries.values()):
            if entry.records:  # one that had nothing to send was done at once, in microseconds of nothing but work
                yield from _of_effort(f"client process {number} ({entry.name})", entry.effort)

    def line(self) -> str:
        """Return the run's last line on the console: the result, or what went wrong and how often."""
        if not self.is_valid:
            return f"{self.verdict.word}: {self.name}: {self.verdict.reason}"
        result = f"{self.wall_ns / 1e9:.3f} s for {self.load.requests} requests, every answer right"
        return f"{self.verdict.word}: {self.name}: {result}"

    def _failures(self) -> str:
        failures = self.failures
        named = [f"{count} × {failure}" for failure, count in failures.most_common(FAILURES_NAMED)]
        unnamed = len(failures) - len(named)
        return "".join(f"; {text}" for text in named) + (f"; {unnamed} other kinds" if unnamed > 0 else "")


def _of_effort(process: str, effort: Effort | None) -> Iterator[Verdict]:
    if effort and effort.cpu_share > CLIENT_CPU_MAX:
        yield Verdict("client-cpu", f"{process} used {effort.cpu_share:.0%} of a core")
    if effort and effort.wait_share > CLIENT_WAIT_MAX and effort.waited_ns > CLIENT_WAIT_NEGLIGIBLE_S * 1e9:
        yield Verdict("client-cpu", f"{process} waited for a core {effort.wait_share:.0%} of the time")


def _range(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"
