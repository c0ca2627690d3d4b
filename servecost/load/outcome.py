"""The outcome of a run: its numbers, its verdict, and the one line that says both.

Pure: owns the verdict on a run and the words for it. The counts are the ledger's.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from servecost.core import warming
from servecost.core.layout import RunName
from servecost.core.stops import Stops
from servecost.core.verdicts import (
    CLIENT_CPU_MAX,
    CLIENT_WAIT_MAX,
    CLIENT_WAIT_NEGLIGIBLE_S,
    CLOCK_STEP_MAX_S,
    VALID,
    Verdict,
)
from servecost.load.cpu_use import CpuUse
from servecost.load.ledger import Ledger
from servecost.load.payloads import Load
from servecost.load.run_times import RunTimes
from servecost.load.tally import WRONG_ANSWER

OK, FAILED, MISUSED = 0, 1, 2
FAILURES_NAMED = 3
# So much more than its users a run may have in flight, on the mean: the clocks of its processes differ a little.
IN_FLIGHT_MAX = 1.001


@dataclass(frozen=True)
class Outcome:
    """The result of one run.

    Attributes:
        name: recipe, batch size, users and examples of the run.
        load: how many examples the run had to send, and in which requests.
        released_ns: when the users were released, on the master's clock; None if they never were.
        ledger: what became of the requests.
        refusal: why the run could not be made or was cut short; valid if neither.
        is_misuse: whether a wrong option is the cause, such as an address where nothing answers.
        run: identifies the run; the ids of its requests begin with it.
        released_unix_ns: when the users were released, on the wall clock.
        clock_step_ns: by how much the wall clock has gained on the monotonic one since then.
        stops: when the run's processes were stopped; reported times are less the stops that they overlap.
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
    stops: Stops = field(default_factory=Stops)

    @property
    def failures(self) -> Counter[str]:
        """How often each failure occurred."""
        return Counter(record.failure for _, record in self.ledger.records() if record.failure)

    @cached_property
    def is_complete(self) -> bool:
        """Whether every request of the run was sent exactly once and has ended."""
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

    @cached_property
    def times(self) -> RunTimes:
        """The run's times, less the stops."""
        return RunTimes(self.released_ns, self.ledger, self.stops)

    @property
    def total_s(self) -> float | None:
        """Seconds from the release to the last answer, on the master's clock; None without an answer."""
        return None if self.times.total_ns is None else self.times.total_ns / 1e9

    @property
    def exit_code(self) -> int:
        """The exit code of a headless Locust: 0 for a valid run, 2 for a wrong option, else 1."""
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
        checked = (self._check_count(ended), self._check_failures(), *self._broken_circumstances())
        return next((verdict for verdict in checked if not verdict.is_valid), VALID)

    def _check_count(self, ended: int) -> Verdict:
        if self.is_complete:
            return VALID
        rule = "failures" if self.failures else "interrupted" if ended < self.load.requests else "count"
        return Verdict(rule, f"ended after {ended} of {self.load.requests} requests{self._list_failures()}")

    def _check_failures(self) -> Verdict:
        failed = self.ledger.total.requests_failed
        if not failed:
            return VALID
        rule = "answers" if all(failure.startswith(WRONG_ANSWER) for failure in self.failures) else "failures"
        return Verdict(rule, f"{failed} of {self.load.requests} requests failed{self._list_failures()}")

    def _broken_circumstances(self) -> Iterator[Verdict]:
        """Yield the rules that a complete run breaks although every request was answered."""
        count, requests, users = self.ledger.server_count, self.load.requests, self.name.users
        if count.is_lost:
            yield Verdict("server-count", f"{count.note} after the run; it was there before")
        elif not count.agrees:
            sent = str(count.least) if count.least == count.most else f"{count.least} to {count.most}"
            yield Verdict("server-count", f"the server received {count.requests} requests where {sent} were sent")
        if requests < users:
            yield Verdict("concurrency", f"{requests} requests for {users} users: at most {requests} were in flight")
        if abs(self.clock_step_ns) > CLOCK_STEP_MAX_S * 1e9:
            step_s = f"{self.clock_step_ns / 1e9:+.3f} s"
            yield Verdict("clock", f"the wall clock moved by {step_s} against the monotonic one")
        if any(record.sent_ns < 0 or record.answered_ns < record.sent_ns for _, record in self.ledger.records()):
            yield Verdict("clock", "a request was answered before it was sent")
        for number, entry in enumerate(self.ledger.entries.values()):
            if entry.records:  # a worker without requests is done within microseconds and spends all of them working
                yield from _limits_of_client(f"client process {number} ({entry.name})", entry.cpu_use)
        mean = self.times.mean_in_flight
        if mean is not None and mean > users * IN_FLIGHT_MAX:
            yield Verdict("littles-law", f"{mean:.3f} requests were in flight on the mean, with {users} users")
        yield self._check_warm()

    def _check_warm(self) -> Verdict:
        blocks = self.times.blocks
        if warming.is_burst(self.load.requests, self.name.users) or not warming.began_cold(blocks):
            return VALID
        median_s = warming.median(blocks)
        return Verdict("warm", f"the first tenth took {blocks[0]:.3g} s, the median tenth {median_s:.3g} s")

    def line(self) -> str:
        """Return the last line on the console: the result, or what went wrong and how often."""
        if not self.is_valid:
            return f"{self.verdict.word}: {self.name}: {self.verdict.reason}"
        result = f"{self.total_s:.3f} s for {self.load.requests} requests, every answer right"
        anew = self.ledger.total.reconnections
        closed = f"; the server closed {anew} connections, which were opened anew" if anew else ""
        return f"{self.verdict.word}: {self.name}: {result}{closed}"

    def _list_failures(self) -> str:
        failures = self.failures
        named = [f"{count} × {failure}" for failure, count in failures.most_common(FAILURES_NAMED)]
        unnamed = len(failures) - len(named)
        return "".join(f"; {text}" for text in named) + (f"; {unnamed} other kinds" if unnamed > 0 else "")


def _limits_of_client(process: str, used: CpuUse | None) -> Iterator[Verdict]:
    if used and used.cpu_share > CLIENT_CPU_MAX:
        yield Verdict("client-cpu", f"{process} used {used.cpu_share:.0%} of a core")
    if used and used.wait_share > CLIENT_WAIT_MAX and used.waited_ns > CLIENT_WAIT_NEGLIGIBLE_S * 1e9:
        yield Verdict("client-cpu", f"{process} waited for a core {used.wait_share:.0%} of the time")
