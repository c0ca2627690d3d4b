"""Conducts a run: everybody ready, one release, exactly N examples, the last answer, the result.

Owns the order of events and the run's clock. What users do meanwhile is theirs (``_user``), what each process does is
its section's (``_section``), how the words reach it is ``_sections``', and how the result is put is the outcome's.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import gevent
from _brief import brief_of
from _files import log_run, write_final_stats, write_ledger, write_requests
from _ledger import Ledger
from _options import is_address
from _outcome import FAILED, Outcome
from _report import print_ledger
from _section import Record, Tally
from _sections import Sections
from _shares import Pool
from _witness import Busy, Witness
from gevent.event import Event
from locust.env import Environment

from contract.recipe import Recipe
from contract.results import INVALID, RunName

REPORT_LIMIT_S = 60  # for the records of a run's requests, once it is over
BROKEN_OFF_LIMIT_S = 3  # the same, of a run that is invalid anyway


class BrokenOff(Exception):
    """The run cannot go on; the reason is noted."""


class Conductor:
    """Conducts every run that one Locust process starts, one at a time."""

    def __init__(self, environment: Environment, recipe: Recipe, expected: list[Any], sections: Sections) -> None:
        """Take part in the environment's events; ``expected`` are the direct arm's answers to the example."""
        self.outcomes: list[Outcome] = []
        self._environment = environment
        self._recipe = recipe
        self._expected = expected
        self._sections = sections
        self.is_running = False
        events = environment.events
        events.test_start.add_listener(self._on_test_start)
        events.test_stopping.add_listener(self._on_broken_off)
        events.quitting.add_listener(self._on_broken_off)
        events.quit.add_listener(self._on_quit)

    @property
    def is_ready(self) -> bool:
        """Whether a run can be started now."""
        return not self.is_running and self._sections.are_ready()

    # What sections tell.

    def arrived(self, worker: str, users: int) -> None:
        """Note how many of a section's users are ready."""
        self._ledger.entries[worker].users = users
        if self._ledger.users > self._name.users:
            self._break("the number of users was changed during the run")
        self._changed.set()

    def refused(self, worker: str, reason: str, is_host: bool) -> None:
        """Break the run off: a user cannot take part."""
        self._break(reason, is_host)

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

    def done(self, worker: str, end_ns: int | None, span_ns: int | None) -> None:
        """Note that a section has come to its end."""
        entry = self._ledger.entries[worker]
        entry.is_done, entry.end_ns, entry.span_ns = True, end_ns, span_ns
        self._changed.set()

    def reported(self, worker: str, tally: Tally, records: list[Record], is_whole: bool) -> None:
        """Note what came of a section's requests."""
        entry = self._ledger.entries[worker]
        entry.records += records
        entry.tally, entry.is_whole = tally, is_whole
        self._changed.set()

    def lost(self, worker: str, reason: str) -> None:
        """Break the run off: one of its processes is missing, or one has come that does not belong to it."""
        if worker in self._ledger.entries:
            self._ledger.entries[worker].fault = reason
        self._break(reason)

    # The course of a run.

    def _on_test_start(self, **_: Any) -> None:
        options, runner = self._environment.parsed_options, self._environment.runner
        assert options is not None and runner is not None
        brief = brief_of(uuid4().hex, options, self._recipe, self._expected)
        self._load = brief.load
        self._name = RunName(self._recipe.name, brief.batch_size, runner.target_user_count, brief.examples)
        self._witness = Witness(self._environment.host or "", brief.warm_ups * runner.target_user_count)
        self._refusal, self._is_misuse = "", False
        self._released_ns: int | None = None
        self._changed = Event()
        self.is_running = True
        self._ledger = Ledger(self._sections.prepare(brief, self))
        if not is_address(self._environment.host):  # the web form has taken anything
            self._break(f"{self._environment.host!r} is no server's address", is_misuse=True)
        else:
            self._wait_until_quiet()
        self._conducting = gevent.spawn(self._conduct)

    def _wait_until_quiet(self) -> None:
        try:
            self._witness.wait_until_quiet()
        except Busy as error:
            self._break(str(error))

    def _conduct(self) -> None:
        try:
            self._await(lambda: self._ledger.users == self._name.users)
            self._pool = Pool({name: entry.users for name, entry in self._ledger.entries.items()}, self._load.requests)
            self._released_ns = self._sections.release(self._pool.first_leases())
            self._await(lambda: self._ledger.is_done)
            self._sections.collect()
            self._await(lambda: self._ledger.is_whole, REPORT_LIMIT_S)
        except BrokenOff:
            self._collect_what_there_is()
        self._conclude()
        self._end()

    def _await(self, is_reached: Callable[[], bool], limit_s: float | None = None) -> None:
        """Return once that is so. Raises BrokenOff when the run is broken off before."""
        with gevent.Timeout(limit_s, False):
            while not is_reached():
                if self._refusal:
                    raise BrokenOff
                self._changed.wait()
                self._changed.clear()
            return
        self._break(f"the requests' times were not handed in within {limit_s} s")
        raise BrokenOff

    def _break(self, reason: str, is_misuse: bool = False) -> None:
        """Note why the run is invalid, unless there is a reason already, and let whoever waits find out."""
        if not self._refusal:
            self._refusal, self._is_misuse = reason, is_misuse
        self._changed.set()

    def _collect_what_there_is(self) -> None:
        """Have the records of those that still answer, for the files of a run that is no run."""
        if self._released_ns is not None:
            self._sections.collect()
            with gevent.Timeout(BROKEN_OFF_LIMIT_S, False):
                while not self._ledger.is_whole:
                    self._changed.wait()
                    self._changed.clear()

    def _conclude(self) -> None:
        """Settle the outcome of the run, whole or broken off, and put it where it is looked for."""
        self.is_running = False
        self._sections.dismiss()
        if self._released_ns is not None and not self._refusal:
            self._ledger.seen = self._witness.testify(self._released_ns, self._ledger)
        outcome = Outcome(
            name=self._name,
            load=self._load,
            released_ns=self._released_ns,
            ledger=self._ledger,
            refusal=self._refusal,
            is_misuse=self._is_misuse,
        )
        if outcome.is_complete:
            log_run(self._environment, outcome)
        outcome = self._with_files(self._with_agreeing_stats(outcome))
        self.outcomes.append(outcome)
        self._environment.process_exit_code = outcome.exit_code
        if not self._is_headless:
            self._say(outcome)

    def _with_agreeing_stats(self, outcome: Outcome) -> Outcome:
        """Return the outcome, invalid unless Locust's statistics count what the ledger counts."""
        counted, total = self._environment.stats.total, outcome.ledger.total
        ended = total.requests_answered + total.requests_failed
        if outcome.is_valid and (counted.num_requests, counted.num_failures) != (ended, total.requests_failed):
            problem = f"Locust's statistics count {counted.num_requests} requests, {counted.num_failures} failed"
            return replace(outcome, refusal=f"{problem}; the ledger {ended}, {total.requests_failed}")
        return outcome

    def _with_files(self, outcome: Outcome) -> Outcome:
        """Write the run's files; return the outcome, invalid if that cannot be done."""
        options = self._environment.parsed_options
        assert options is not None
        if options.csv_prefix:
            try:
                write_requests(options.csv_prefix, outcome.ledger)
                write_ledger(options.csv_prefix, outcome)
            except OSError as error:
                return replace(outcome, refusal=f"its requests cannot be written: {error}")
        return outcome

    def _end(self) -> None:
        """End the test as Locust was started: the whole process if headless, else this run only."""
        runner = self._environment.runner
        assert runner is not None
        if self._is_headless:
            runner.quit()
        else:
            runner.stop()

    def _on_broken_off(self, **_: Any) -> None:
        """Conclude a run that Locust is told to end: by Ctrl-C, --run-time, the web's Stop, or having no workers."""
        if self.is_running:
            self._conducting.kill()
            self._collect_what_there_is()
            self._conclude()

    def _on_quit(self, **_: Any) -> None:
        """Complete the files, and say last what the run came to."""
        options = self._environment.parsed_options
        assert options is not None
        try:
            if options.csv_prefix:
                write_final_stats(self._environment, options.csv_prefix)
        except OSError as error:
            print(f"{INVALID}: the statistics cannot be written: {error}", flush=True)
            sys.exit(FAILED)
        if self.outcomes and self._is_headless:
            self._say(self.outcomes[-1])

    def _say(self, outcome: Outcome) -> None:
        print_ledger(outcome)
        print(outcome.line(), flush=True)

    @property
    def _is_headless(self) -> bool:
        return bool(self._environment.parsed_options and self._environment.parsed_options.headless)
