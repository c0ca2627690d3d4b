"""One run: all users ready and warm, one release, exactly N examples, the last answer.

Owns the order of these steps, the run's clock, and its ledger while the run is made. It knows nothing of how events of
workers reach it, of Locust's events, or of files.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import gevent
from gevent.event import Event

from servecost.core.layout import RunName
from servecost.core.verdicts import VALID, Verdict
from servecost.load import active_clock
from servecost.load.cpu_use import CpuUse
from servecost.load.hold import POLL_S, Hold, NobodyHolds
from servecost.load.leases import Pool, split_in_proportion
from servecost.load.ledger import Ledger
from servecost.load.outcome import Outcome
from servecost.load.records import Record
from servecost.load.run_spec import RunSpec
from servecost.load.server_count import Busy, Counter, Use
from servecost.load.tally import WRONG_ANSWER, Tally
from servecost.load.warm_up import Untimed, WarmUp
from servecost.load.workers import Workers

RECORDS_LIMIT_S = 60  # how long a run waits for the records of its requests
REFUSED_LIMIT_S = 3  # the same for a run that is invalid anyway
USERS_LIMIT_S = 150  # how long a run waits for one more user to be ready: its first answers, and the encoding before
WAVE_GRACE_S = 15  # how much longer than for its requests a run waits for a wave


class Refused(Exception):
    """The run cannot go on; the reason is noted."""


@dataclass(frozen=True)
class Preparation:
    """What a run needs besides its workers.

    Attributes:
        counter: asks the server for its own count of requests.
        warm_up: sends the untimed requests.
        hold: keeps the run that is warm until it may begin.
    """

    counter: Counter
    warm_up: WarmUp
    hold: Hold


class Run:
    """A run, its workers and its ledger."""

    def __init__(self, name: RunName, spec: RunSpec, workers: Workers, preparation: Preparation) -> None:
        """Give the run to all workers; their users may be spawned from now on."""
        self._name = name
        self._spec = spec
        self._load = spec.load
        self._workers = workers
        self._preparation = preparation
        self._changed = Event()
        self._refusal = VALID
        self._is_misuse = False
        self._untimed = Untimed()
        self._wave: dict[str, int | None] = {}  # the span of each worker that takes part, once it is known
        self._released_ns: int | None = None
        self._released_unix_ns = 0
        self._ledger = Ledger(workers.prepare(spec, self))

    # Events that workers report.

    def on_users_ready(self, worker: str, users: int) -> None:
        """Note how many of a worker's users are ready."""
        self._ledger.entries[worker].users = users
        if self._ledger.users > self._name.users:
            self.refuse(Verdict("users", "the number of users was changed during the run"))
        self._changed.set()

    def on_refused(self, worker: str, verdict: Verdict, is_misuse: bool) -> None:
        """Cut the run short: a worker cannot make it."""
        self.refuse(verdict, is_misuse)

    def on_warmed(self, worker: str, requests: int, span_ns: int, failure: str) -> None:
        """Note that a worker's part of a wave is over."""
        if worker in self._wave:
            self._wave[worker] = span_ns
        self._untimed = Untimed(self._untimed.requests + requests, time.perf_counter_ns())
        if failure:
            rule = "answers" if failure.startswith(WRONG_ANSWER) else "failures"
            self.refuse(Verdict(rule, f"no warm-up with requests of {self._spec.batch_size} examples: {failure}"))
        self._changed.set()

    def on_requests_low(self, worker: str) -> None:
        """Give a worker more requests."""
        self._workers.supply(worker, self._pool.lease_next(worker))

    def on_abandoned(self, worker: str) -> None:
        """Stop all workers issuing requests: one has failed in a way that would repeat itself."""
        self._pool.drain()
        self._workers.abandon()

    def on_progress(self, worker: str, tally: Tally) -> None:
        """Note how much a worker has done, in case it reports nothing more."""
        self._ledger.entries[worker].tally = tally

    def on_done(self, worker: str, end_ns: int | None, span_ns: int | None, cpu_use: CpuUse) -> None:
        """Note that all requests of a worker have ended."""
        entry = self._ledger.entries[worker]
        entry.is_done, entry.end_ns, entry.span_ns, entry.cpu_use = True, end_ns, span_ns, cpu_use
        self._changed.set()

    def on_records(self, worker: str, tally: Tally, records: Iterable[Record], is_last: bool) -> None:
        """Keep the records of a worker's requests, once."""
        entry = self._ledger.entries[worker]
        if not entry.is_whole:  # a run that is cut short while records arrive collects them again
            entry.records.extend(records)
            entry.tally, entry.is_whole = tally, is_last
        self._changed.set()

    def on_lost(self, worker: str, reason: str) -> None:
        """Cut the run short: a worker is missing, or one has joined that is no part of the run."""
        if worker in self._ledger.entries:
            self._ledger.entries[worker].fault = reason
        self.refuse(Verdict("workers", reason))

    def refuse(self, verdict: Verdict, is_misuse: bool = False) -> None:
        """Note why the run is invalid, unless a reason is noted already, and let it find out at its next step."""
        if self._refusal.is_valid:
            self._refusal, self._is_misuse = verdict, is_misuse
        self._changed.set()

    # The run's steps.

    @property
    def untimed(self) -> Untimed:
        """The requests that were sent before the release."""
        return self._untimed

    def wait_until_quiet(self, own: Use | None = None) -> None:
        """Return once nobody uses the server; refuse the run if somebody still does at the end of the wait.

        To be called before the first user connects. ``own``: this process's last run at the server.
        """
        try:
            self._preparation.counter.wait_until_quiet(own)
        except Busy as error:
            self.refuse(Verdict("busy", str(error)))

    def execute(self) -> None:
        """Make the run; return when everything about it is known, or as much as can be."""
        try:
            self._wait_for_users()
            self._warm_up()
            self._pool = Pool(self._users, self._load.requests)
            self._released_unix_ns = time.time_ns()
            self._released_ns = self._workers.release(self._pool.lease_first())
            self._wait_until(lambda: self._ledger.is_done)
            self._workers.collect()
            no_records = f"the requests' times were not reported within {RECORDS_LIMIT_S} s"
            self._wait_until(lambda: self._ledger.is_whole, RECORDS_LIMIT_S, Verdict("workers", no_records))
        except Refused:
            self.collect_partial()

    def _wait_for_users(self) -> None:
        """Return once all users are ready, one after the other. Raises Refused if there is none more for too long."""
        while (ready := self._ledger.users) < self._name.users:
            late = f"{ready} of {self._name.users} users were ready, and none more within {USERS_LIMIT_S} s"
            limit_s = USERS_LIMIT_S * max(1, self._spec.warm_ups)
            self._wait_until(lambda: self._ledger.users > ready, limit_s, Verdict("users", late))
        self._go_on()

    @property
    def _users(self) -> dict[str, int]:
        return {name: entry.users for name, entry in self._ledger.entries.items()}

    def _warm_up(self) -> None:
        """Have the users send untimed requests until they are steady, and wait until the run may begin."""
        cold, hold = None, self._preparation.hold
        if self._spec.warm_ups:
            self._untimed = Untimed(self._spec.warm_ups * self._name.users, time.perf_counter_ns())
            cold = self._preparation.warm_up.run(self._send_wave)
        try:
            hold.announce(self._spec.run, cold, self._untimed.requests)
            while not hold.is_over():
                self._go_on()
                gevent.sleep(POLL_S)
        except OSError as error:
            self.refuse(Verdict("files", f"its files cannot be written: {error}"))
        except NobodyHolds as error:
            self.refuse(Verdict("interrupted", str(error)))
        self._go_on()

    def _send_wave(self, users: int) -> float:
        """Make so many users send an untimed request each; return the seconds until the last answer."""
        parts = {worker: part for worker, part in split_in_proportion(users, self._users).items() if part}
        self._wave = dict.fromkeys(parts)
        self._workers.warm(parts)
        limit_s = self._spec.request_timeout_s + WAVE_GRACE_S
        no_wave = Verdict("failures", f"a warm-up with {users} requests did not end within {limit_s} s")
        self._wait_until(lambda: None not in self._wave.values(), limit_s, no_wave)
        self._go_on()
        return max(span_ns for span_ns in self._wave.values() if span_ns is not None) / 1e9

    def _go_on(self) -> None:
        """Return if nothing speaks against the run. Raises Refused."""
        if not self._refusal.is_valid:
            raise Refused

    def collect_partial(self) -> None:
        """Collect the records of the workers that still answer, for the files of a run that was cut short."""
        if self._released_ns is not None:
            self._workers.collect()
            with gevent.Timeout(REFUSED_LIMIT_S, False):
                while not self._ledger.is_whole:
                    self._changed.wait()
                    self._changed.clear()

    def finish(self) -> Outcome:
        """Detach all workers, compare the server's count with the ledger, and return the outcome."""
        self._workers.detach()
        if self._released_ns is not None and self._refusal.is_valid:
            counter = self._preparation.counter
            self._ledger.server_count = counter.check(self._released_ns, self._ledger, self._untimed)
        return Outcome(
            name=self._name,
            load=self._load,
            run=self._spec.run,
            released_ns=self._released_ns,
            released_unix_ns=self._released_unix_ns,
            clock_step_ns=self._clock_step_ns(),
            ledger=self._ledger,
            stops=active_clock.OWN.stops,
            refusal=self._refusal,
            is_misuse=self._is_misuse,
        )

    def _clock_step_ns(self) -> int:
        """Return by how much the wall clock has gained on the monotonic one since the release."""
        if self._released_ns is None:
            return 0
        return time.time_ns() - time.perf_counter_ns() - (self._released_unix_ns - self._released_ns)

    def _wait_until(self, is_reached: Callable[[], bool], limit_s: float | None = None, late: Verdict = VALID) -> None:
        """Return once the condition holds. Raises Refused if the run is refused before, or ``late`` after a limit."""
        with gevent.Timeout(limit_s, False):
            while not is_reached():
                self._go_on()
                self._changed.wait()
                self._changed.clear()
            return
        self.refuse(late)
        raise Refused
