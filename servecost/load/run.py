"""One run: everybody ready, one release, exactly N examples, the last answer.

Owns the order of these, the run's clock, and its ledger while it is made. Sections tell it what happens; how the words
reach it is ``_sections``'. It knows nothing of Locust's events, nor of files.
"""

import time
from collections.abc import Callable, Iterable

import gevent
from gevent.event import Event

from servecost.core.layout import RunName
from servecost.core.verdicts import VALID, Verdict
from servecost.load.cpu_use import Effort
from servecost.load.leases import Pool
from servecost.load.ledger import Ledger
from servecost.load.outcome import Outcome
from servecost.load.records import Record
from servecost.load.run_spec import Brief
from servecost.load.server_count import Busy, Witness
from servecost.load.worker_share import Tally
from servecost.load.workers import Sections

REPORT_LIMIT_S = 60  # for the records of a run's requests, once it is over
BROKEN_OFF_LIMIT_S = 3  # the same, of a run that is invalid anyway


class BrokenOff(Exception):
    """The run cannot go on; the reason is noted."""


class Run:
    """A run and those who take part in it."""

    def __init__(self, name: RunName, brief: Brief, sections: Sections, witness: Witness) -> None:
        """Describe the run to all sections; their users may be started from now on."""
        self._name = name
        self._run = brief.run
        self._load = brief.load
        self._sections = sections
        self._witness = witness
        self._changed = Event()
        self._refusal = VALID
        self._is_misuse = False
        self._released_ns: int | None = None
        self._released_unix_ns = 0
        self._ledger = Ledger(sections.prepare(brief, self))

    # What sections tell.

    def arrived(self, worker: str, users: int) -> None:
        """Note how many of a section's users are ready."""
        self._ledger.entries[worker].users = users
        if self._ledger.users > self._name.users:
            self.refuse(Verdict("users", "the number of users was changed during the run"))
        self._changed.set()

    def refused(self, worker: str, verdict: Verdict, is_host: bool) -> None:
        """Break the run off: a user cannot take part."""
        self.refuse(verdict, is_host)

    def wants(self, worker: str) -> None:
        """Give a section more requests."""
        self._sections.supply(worker, self._pool.next_lease(worker))

    def abandoned(self, worker: str) -> None:
        """Let nothing more be issued anywhere: a request has failed in a way that would repeat itself."""
        self._pool.drain()
        self._sections.abandon()

    def progressed(self, worker: str, tally: Tally) -> None:
        """Note how far a section is, should nothing more be heard of it."""
        self._ledger.entries[worker].tally = tally

    def done(self, worker: str, end_ns: int | None, span_ns: int | None, effort: Effort) -> None:
        """Note that a section has come to its end."""
        entry = self._ledger.entries[worker]
        entry.is_done, entry.end_ns, entry.span_ns, entry.effort = True, end_ns, span_ns, effort
        self._changed.set()

    def reported(self, worker: str, tally: Tally, records: Iterable[Record], is_whole: bool) -> None:
        """Note what came of a section's requests."""
        entry = self._ledger.entries[worker]
        entry.records.extend(records)
        entry.tally, entry.is_whole = tally, is_whole
        self._changed.set()

    def lost(self, worker: str, reason: str) -> None:
        """Break the run off: one of its processes is missing, or one has come that does not belong to it."""
        if worker in self._ledger.entries:
            self._ledger.entries[worker].fault = reason
        self.refuse(Verdict("workers", reason))

    def refuse(self, verdict: Verdict, is_misuse: bool = False) -> None:
        """Note why the run is invalid, unless there is a reason already, and let whoever waits find out."""
        if self._refusal.is_valid:
            self._refusal, self._is_misuse = verdict, is_misuse
        self._changed.set()

    # Its course.

    def wait_until_quiet(self) -> None:
        """Return once nobody uses the server, before the first user connects; refuse the run if that is in vain."""
        try:
            self._witness.wait_until_quiet()
        except Busy as error:
            self.refuse(Verdict("busy", str(error)))

    def conduct(self) -> None:
        """Make the run; return when everything is known of it, or as much as can be."""
        try:
            self._await(lambda: self._ledger.users == self._name.users)
            self._pool = Pool({name: entry.users for name, entry in self._ledger.entries.items()}, self._load.requests)
            self._released_unix_ns = time.time_ns()
            self._released_ns = self._sections.release(self._pool.first_leases())
            self._await(lambda: self._ledger.is_done)
            self._sections.collect()
            self._await(lambda: self._ledger.is_whole, REPORT_LIMIT_S)
        except BrokenOff:
            self.collect_what_there_is()

    def collect_what_there_is(self) -> None:
        """Have the records of those that still answer: for the files of a run that is no run."""
        if self._released_ns is not None:
            self._sections.collect()
            with gevent.Timeout(BROKEN_OFF_LIMIT_S, False):
                while not self._ledger.is_whole:
                    self._changed.wait()
                    self._changed.clear()

    def end(self) -> Outcome:
        """Dismiss everybody, hear the server, and return what the run came to."""
        self._sections.dismiss()
        if self._released_ns is not None and self._refusal.is_valid:
            self._ledger.seen = self._witness.testify(self._released_ns, self._ledger)
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

    def _await(self, is_reached: Callable[[], bool], limit_s: float | None = None) -> None:
        """Return once that is so. Raises BrokenOff when the run is refused before."""
        with gevent.Timeout(limit_s, False):
            while not is_reached():
                if not self._refusal.is_valid:
                    raise BrokenOff
                self._changed.wait()
                self._changed.clear()
            return
        self.refuse(Verdict("workers", f"the requests' times were not handed in within {limit_s} s"))
        raise BrokenOff
