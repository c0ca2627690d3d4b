"""The only worker of a run that is not distributed: the users of this process.

Owns the direct calls between this process's share and the run.
"""

import time
from collections.abc import Mapping

from servecost.core.recipe import Recipe
from servecost.core.verdicts import Verdict
from servecost.load import active_clock, cpu_use
from servecost.load.leases import Lease
from servecost.load.ledger import LOCAL
from servecost.load.run_spec import LoadUser, RunSpec, attach
from servecost.load.waves import Wave
from servecost.load.worker_share import WorkerShare
from servecost.load.workers import RunEvents


class LocalWorker:
    """Sends all requests of a run from this process."""

    def __init__(self, user_class: type[LoadUser], recipe: Recipe) -> None:
        self._user_class = user_class
        self._recipe = recipe

    def prepare(self, spec: RunSpec, events: RunEvents) -> list[str]:
        """Encode the payloads and give the users their share."""
        self._events = events
        self._share: WorkerShare = attach(self._user_class, self._recipe, spec, self)
        return [LOCAL]

    def warm(self, users: Mapping[str, int]) -> None:
        """Let so many users send one untimed request each."""
        self._share.waves.begin(users[LOCAL], time.perf_counter_ns())

    def release(self, leases: Mapping[str, Lease]) -> int:
        """Start the clock and let the users begin."""
        self._before = cpu_use.read()
        released_ns = time.perf_counter_ns()
        self._share.release(leases[LOCAL], released_ns)
        return released_ns

    def supply(self, worker: str, lease: Lease) -> None:
        """Give the users more requests."""
        self._share.supply(lease)

    def abandon(self) -> None:
        """Issue no further request."""
        self._share.abandon(notify=False)

    def collect(self) -> None:
        """Report all records at once."""
        records = self._share.close()
        self._events.on_records(LOCAL, self._share.tally, records, True)

    def detach(self) -> None:
        """Detach the run; users spawned later wait for the next one."""
        self._user_class.detach_run()

    def are_ready(self) -> bool:
        """Return True: this process is always ready."""
        return True

    def on_users_ready(self, users: int) -> None:
        """Pass the event on to the run."""
        self._events.on_users_ready(LOCAL, users)

    def on_refused(self, verdict: Verdict, is_misuse: bool) -> None:
        """Pass the event on to the run."""
        self._events.on_refused(LOCAL, verdict, is_misuse)

    def on_warmed(self, wave: Wave) -> None:
        """Pass the event on to the run."""
        span_ns = active_clock.OWN.between_ns(wave.begun_ns, wave.ended_ns)
        self._events.on_warmed(LOCAL, wave.requests, span_ns, wave.failure)

    def on_requests_low(self) -> None:
        """Pass the event on to the run."""
        self._events.on_requests_low(LOCAL)

    def on_abandoned(self) -> None:
        """Pass the event on to the run."""
        self._events.on_abandoned(LOCAL)

    def on_done(self, last_answered_ns: int | None) -> None:
        """Pass the event on to the run; this process's clock is the run's clock."""
        released_ns = self._share.released_ns
        assert released_ns is not None
        span_ns = None if last_answered_ns is None else last_answered_ns - released_ns
        self._events.on_done(LOCAL, last_answered_ns, span_ns, cpu_use.read_since(self._before))
