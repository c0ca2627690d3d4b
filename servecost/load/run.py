"""One run: all users ready, one release, exactly N examples, the last answer.

Owns the order of these steps, the run's clock, and its ledger while the run is made. It knows nothing of how events of
workers reach it, of Locust's events, or of files.
"""

import time
from collections.abc import Callable, Iterable

import gevent
from gevent.event import Event

from servecost.core.layout import RunName
from servecost.core.verdicts import VALID, Verdict
from servecost.load.cpu_use import CpuUse
from servecost.load.leases import Pool
from servecost.load.ledger import Ledger
from servecost.load.outcome import Outcome
from servecost.load.records import Record
from servecost.load.run_spec import RunSpec
from servecost.load.server_count import Busy, ServerCounter
from servecost.load.tally import Tally
from servecost.load.workers import Workers

RECORDS_LIMIT_S = 60  # how long a run waits for the records of its requests
REFUSED_LIMIT_S = 3  # the same for a run that is invalid anyway


class Refused(Exception):
    """The run cannot go on; the reason is noted."""


class Run:
    """A run, its workers and its ledger."""

    def __init__(self, name: RunName, spec: RunSpec, workers: Workers, counter: ServerCounter) -> None:
        """Give the run to all workers; their users may be spawned from now on."""
        self._name = name
        self._run = spec.run
        self._load = spec.load
        self._workers = workers
        self._counter = counter
        self._changed = Event()
        self._refusal = VALID
        self._is_misuse = False
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

    def wait_until_quiet(self) -> None:
        """Return once nobody uses the server; refuse the run if somebody still does at the end of the wait.

        To be called before the first user connects.
        """
        try:
            self._counter.wait_until_quiet()
        except Busy as error:
            self.refuse(Verdict("busy", str(error)))

    def execute(self) -> None:
        """Make the run; return when everything about it is known, or as much as can be."""
        try:
            self._wait_until(lambda: self._ledger.users == self._name.users)
            self._pool = Pool({name: entry.users for name, entry in self._ledger.entries.items()}, self._load.requests)
            self._released_unix_ns = time.time_ns()
            self._released_ns = self._workers.release(self._pool.lease_first())
            self._wait_until(lambda: self._ledger.is_done)
            self._workers.collect()
            self._wait_until(lambda: self._ledger.is_whole, RECORDS_LIMIT_S)
        except Refused:
            self.collect_partial()

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
            self._ledger.server_count = self._counter.check(self._released_ns, self._ledger)
        return Outcome(
            name=self._name,
            load=self._load,
            run=self._run,
            released_ns=self._released_ns,
            released_unix_ns=self._released_unix_ns,
            clock_step_ns=self._clock_step_ns(),
            ledger=self._ledger,
            refusal=self._refusal,
            is_misuse=self._is_misuse,
        )

    def _clock_step_ns(self) -> int:
        """Return by how much the wall clock has gained on the monotonic one since the release."""
        if self._released_ns is None:
            return 0
        return time.time_ns() - time.perf_counter_ns() - (self._released_unix_ns - self._released_ns)

    def _wait_until(self, is_reached: Callable[[], bool], limit_s: float | None = None) -> None:
        """Return once the condition holds. Raises Refused if the run is refused before."""
        with gevent.Timeout(limit_s, False):
            while not is_reached():
                if not self._refusal.is_valid:
                    raise Refused
                self._changed.wait()
                self._changed.clear()
            return
        self.refuse(Verdict("workers", f"the requests' times were not reported within {limit_s} s"))
        raise Refused
