"""The processes that take part in a run, as its conductor sees them, and the one that is the conductor's own.

Owns the two sides' words for each other. A run with one process and a run with many differ in nothing else:
``LocalSections`` passes the words on by calling, ``_remote`` and ``_worker`` by Locust's messages.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Protocol

from servecost.core.recipe import Recipe
from servecost.core.verdicts import Verdict
from servecost.load import cpu_use
from servecost.load.cpu_use import Effort
from servecost.load.leases import Lease
from servecost.load.ledger import LOCAL
from servecost.load.records import Record
from servecost.load.run_spec import Brief, Participant, join
from servecost.load.worker_share import Section, Tally


class Told(Protocol):
    """What sections tell the conductor; the first argument is the worker's name."""

    def arrived(self, worker: str, users: int) -> None:
        """Learn how many of its users are connected and warm."""

    def refused(self, worker: str, verdict: Verdict, is_host: bool) -> None:
        """Learn that one of its users cannot take part."""

    def wants(self, worker: str) -> None:
        """Learn that it is running low on requests."""

    def abandoned(self, worker: str) -> None:
        """Learn that it issues no further request."""

    def progressed(self, worker: str, tally: Tally) -> None:
        """Learn how much it has done by now."""

    def done(self, worker: str, end_ns: int | None, span_ns: int | None, effort: Effort) -> None:
        """Learn that nothing more comes of it; its last answer came at ``end_ns`` on the conductor's clock."""

    def reported(self, worker: str, tally: Tally, records: Iterable[Record], is_whole: bool) -> None:
        """Learn (more of) its records, with times since the release."""

    def lost(self, worker: str, reason: str) -> None:
        """Learn that it takes part no longer, or never should have."""


class Sections(Protocol):
    """What the conductor asks of the processes that take part."""

    def prepare(self, brief: Brief, conductor: Told) -> list[str]:
        """Describe a run to all of them; return their names."""

    def release(self, leases: Mapping[str, Lease]) -> int:
        """Let all users begin; return when, on the conductor's clock."""

    def supply(self, worker: str, lease: Lease) -> None:
        """Give one of them more requests."""

    def abandon(self) -> None:
        """Have all of them issue no further request."""

    def collect(self) -> None:
        """Have each hand in its records, and count nothing that ends later."""

    def dismiss(self) -> None:
        """End the run for all of them."""

    def are_ready(self) -> bool:
        """Say whether all that are needed for a run are there and at rest."""


class LocalSections:
    """The one section of a run that is not distributed."""

    def __init__(self, user_class: type[Participant], recipe: Recipe) -> None:
        self._user_class = user_class
        self._recipe = recipe

    def prepare(self, brief: Brief, conductor: Told) -> list[str]:
        """Make the section, and have its users tell the conductor directly."""
        self._conductor = conductor
        self._released_ns: int | None = None
        self._section: Section = join(self._user_class, self._recipe, brief, self)
        return [LOCAL]

    def release(self, leases: Mapping[str, Lease]) -> int:
        """Start the clock, and let the users begin."""
        self._before = cpu_use.now()
        self._released_ns = released_ns = time.perf_counter_ns()
        self._section.supply(leases[LOCAL])
        self._section.released.set()
        return released_ns

    def supply(self, worker: str, lease: Lease) -> None:
        """Give the section more requests."""
        self._section.supply(lease)

    def abandon(self) -> None:
        """Issue no further request."""
        self._section.abandon(is_told=True)

    def collect(self) -> None:
        """Hand in the records."""
        self._section.close()
        records = self._section.records.since(self._released_ns or 0)
        self._conductor.reported(LOCAL, self._section.tally, records, True)

    def dismiss(self) -> None:
        """Have users that are started from now on wait for the next run."""
        self._user_class.retire()

    def are_ready(self) -> bool:
        """One process is always there."""
        return True

    def arrived(self, users: int) -> None:
        """Pass on what the section tells its superior."""
        self._conductor.arrived(LOCAL, users)

    def refused(self, verdict: Verdict, is_host: bool) -> None:
        """Pass on what the section tells its superior."""
        self._conductor.refused(LOCAL, verdict, is_host)

    def wants(self) -> None:
        """Pass on what the section tells its superior."""
        self._conductor.wants(LOCAL)

    def abandoned(self) -> None:
        """Pass on what the section tells its superior."""
        self._conductor.abandoned(LOCAL)

    def done(self, last_answered_ns: int | None) -> None:
        """Pass on what the section tells its superior: its clock is the conductor's."""
        assert self._released_ns is not None
        span_ns = None if last_answered_ns is None else last_answered_ns - self._released_ns
        self._conductor.done(LOCAL, last_answered_ns, span_ns, cpu_use.since(self._before))
