"""Makes a run whenever Locust starts a test, and puts its outcome where it is looked for.

Owns the part that Locust's events play. What a run is, is its own matter (``_run``).
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import gevent
from locust.env import Environment
from locust.runners import MasterRunner

from servecost.core.layout import RunName
from servecost.core.recipe import Recipe
from servecost.core.verdicts import Verdict
from servecost.load.outcome import FAILED, Outcome
from servecost.load.plugin.console import print_ledger
from servecost.load.plugin.csv_files import log_run, write_final_stats, write_ledger, write_requests, write_run
from servecost.load.plugin.options import is_address
from servecost.load.run import Run
from servecost.load.run_spec import brief_of
from servecost.load.server_count import Witness
from servecost.load.workers import Sections


class Conductor:
    """Conducts every run that one Locust process starts, one at a time.

    Attributes:
        listeners: each is told the outcome of each run, once.
    """

    def __init__(self, environment: Environment, recipe: Recipe, expected: list[Any], sections: Sections) -> None:
        """Take part in the environment's events; ``expected`` are the direct arm's answers to the example."""
        self.listeners: list[Callable[[Outcome], None]] = []
        self._outcome: Outcome | None = None
        self._environment = environment
        self._recipe = recipe
        self._expected = expected
        self._sections = sections
        self._run: Run | None = None
        self._conducting: gevent.Greenlet | None = None
        events = environment.events
        events.test_start.add_listener(self._on_test_start)
        events.test_stopping.add_listener(self._on_broken_off)
        events.quitting.add_listener(self._on_broken_off)
        events.quit.add_listener(self._on_quit)

    @property
    def is_running(self) -> bool:
        """Whether a run is in progress."""
        return self._run is not None

    @property
    def is_ready(self) -> bool:
        """Whether a run can be started now."""
        return not self.is_running and self._sections.are_ready()

    def _on_test_start(self, **_: Any) -> None:
        options, runner, host = self._environment.parsed_options, self._environment.runner, self._environment.host
        assert options is not None and runner is not None
        self._conducting, users = None, runner.target_user_count
        brief = brief_of(uuid4().hex, options, self._recipe, self._expected)
        name = RunName(self._recipe.name, brief.batch_size, users, brief.examples)
        self._run = run = Run(name, brief, self._sections, Witness(host or "", brief.warm_ups * users))
        if is_address(host):
            run.wait_until_quiet()
        else:  # the web form has taken anything
            run.refuse(Verdict("host", f"{host!r} is no server's address"), is_misuse=True)
        if self._run is run:  # and has not been broken off meanwhile
            self._conducting = gevent.spawn(self._conduct, run)

    def _conduct(self, run: Run) -> None:
        run.conduct()
        self._conclude(run)
        self._end()

    def _conclude(self, run: Run) -> None:
        """Settle the outcome of the run, whole or broken off, and put it where it is looked for."""
        self._run = None
        outcome = run.end()
        if outcome.is_complete:
            log_run(self._environment, outcome)
        outcome = self._with_files(self._with_agreeing_stats(outcome))
        self._outcome = outcome
        for listener in self.listeners:
            listener(outcome)
        self._environment.process_exit_code = outcome.exit_code
        if not self._is_headless:
            self._say(outcome)

    def _with_agreeing_stats(self, outcome: Outcome) -> Outcome:
        """Return the outcome, invalid unless Locust's statistics count what the ledger counts."""
        counted, total = self._environment.stats.total, outcome.ledger.total
        ended = total.requests_answered + total.requests_failed
        if outcome.is_valid and (counted.num_requests, counted.num_failures) != (ended, total.requests_failed):
            problem = f"Locust's statistics count {counted.num_requests} requests, {counted.num_failures} failed"
            refusal = Verdict("statistics", f"{problem}; the ledger {ended}, {total.requests_failed}")
            return replace(outcome, refusal=refusal)
        return outcome

    def _with_files(self, outcome: Outcome) -> Outcome:
        """Write the run's files; return the outcome, invalid if that cannot be done."""
        options = self._environment.parsed_options
        assert options is not None
        if options.csv_prefix:
            try:
                write_requests(options.csv_prefix, outcome.ledger)
                write_ledger(options.csv_prefix, outcome)
                write_run(options.csv_prefix, outcome)
            except OSError as error:
                return replace(outcome, refusal=Verdict("files", f"its files cannot be written: {error}"))
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
        if (run := self._run) is not None:
            if self._conducting is not None:
                self._conducting.kill()
            run.collect_what_there_is()
            self._conclude(run)
            runner = self._environment.runner
            if self._is_headless and isinstance(runner, MasterRunner) and not runner.worker_count:
                gevent.spawn(self._end)  # Locust would go on without workers, for ever

    def _on_quit(self, **_: Any) -> None:
        """Complete the files, and say last what the run came to."""
        options = self._environment.parsed_options
        assert options is not None
        try:
            if options.csv_prefix:
                write_final_stats(self._environment, options.csv_prefix)
        except OSError as error:
            print(Verdict("files", f"the statistics cannot be written: {error}"), flush=True)
            sys.exit(FAILED)
        if self._outcome is not None and self._is_headless:
            self._say(self._outcome)

    def _say(self, outcome: Outcome) -> None:
        print_ledger(outcome)
        if remedy := outcome.verdict.remedy:
            print(f"Remedy: {remedy}.")
        print(outcome.line(), flush=True)

    @property
    def _is_headless(self) -> bool:
        return bool(self._environment.parsed_options and self._environment.parsed_options.headless)
