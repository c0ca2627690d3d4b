"""Makes a run whenever Locust starts a test, and reports its outcome.

Owns the response to Locust's events. The steps of a run are in ``load.run``.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import gevent
from locust.env import Environment
from locust.runners import MasterRunner

from servecost.core import systems
from servecost.core.layout import RunName
from servecost.core.recipe import Recipe
from servecost.core.verdicts import Verdict
from servecost.load.outcome import FAILED, Outcome
from servecost.load.plugin.console import print_ledger
from servecost.load.plugin.csv_files import log_run, write_final_stats, write_ledger, write_requests, write_run
from servecost.load.plugin.options import is_address
from servecost.load.run import Run
from servecost.load.run_spec import describe_run
from servecost.load.server_count import ServerCounter
from servecost.load.workers import Workers


class Conductor:
    """Makes every run of one Locust process, one at a time.

    Attributes:
        listeners: called with the outcome of each run, once.
    """

    def __init__(self, environment: Environment, recipe: Recipe, expected: list[Any], workers: Workers) -> None:
        """Listen to the environment's events; ``expected`` are the direct arm's answers to the example."""
        self.listeners: list[Callable[[Outcome], None]] = []
        self._outcome: Outcome | None = None
        self._environment = environment
        self._recipe = recipe
        self._expected = expected
        self._workers = workers
        self._run: Run | None = None
        self._making: gevent.Greenlet | None = None
        events = environment.events
        events.test_start.add_listener(self._on_test_start)
        events.test_stopping.add_listener(self._on_cut_short)
        events.quitting.add_listener(self._on_cut_short)
        events.quit.add_listener(self._on_quit)

    @property
    def is_running(self) -> bool:
        """Whether a run is in progress."""
        return self._run is not None

    @property
    def is_ready(self) -> bool:
        """Whether a run can be started now."""
        return not self.is_running and self._workers.are_ready()

    def _on_test_start(self, **_: Any) -> None:
        options, runner, host = self._environment.parsed_options, self._environment.runner, self._environment.host
        assert options is not None and runner is not None
        self._making, users = None, runner.target_user_count
        spec = describe_run(uuid4().hex, options, self._recipe, self._expected)
        counter = ServerCounter(host or "", systems.load(spec.system).request_count, spec.warm_ups * users)
        name = RunName(self._recipe.name, spec.batch_size, users, spec.examples)
        self._run = run = Run(name, spec, self._workers, counter)
        if is_address(host):
            run.wait_until_quiet()
        else:  # Locust's web form accepts anything
            run.refuse(Verdict("host", f"{host!r} is no server's address"), is_misuse=True)
        if self._run is run:  # it has not been cut short meanwhile
            self._making = gevent.spawn(self._make, run)

    def _make(self, run: Run) -> None:
        run.execute()
        self._conclude(run)
        self._end()

    def _conclude(self, run: Run) -> None:
        """Determine the outcome of the run, complete or cut short, and report it."""
        self._run = None
        outcome = run.finish()
        if outcome.is_complete:
            log_run(self._environment, outcome)
        outcome = self._with_files(self._with_agreeing_stats(outcome))
        self._outcome = outcome
        for listener in self.listeners:
            listener(outcome)
        self._environment.process_exit_code = outcome.exit_code
        if not self._is_headless:
            self._print(outcome)

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
        """Write the run's files; return the outcome, invalid if they cannot be written."""
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
        """End what Locust was started for: the whole process if headless, else this test only."""
        runner = self._environment.runner
        assert runner is not None
        if self._is_headless:
            runner.quit()
        else:
            runner.stop()

    def _on_cut_short(self, **_: Any) -> None:
        """Conclude a run that Locust ends early: by Ctrl-C, --run-time, the web's Stop, or for want of workers."""
        if (run := self._run) is not None:
            if self._making is not None:
                self._making.kill()
            run.collect_partial()
            self._conclude(run)
            runner = self._environment.runner
            if self._is_headless and isinstance(runner, MasterRunner) and not runner.worker_count:
                gevent.spawn(self._end)  # Locust would go on without workers, for ever

    def _on_quit(self, **_: Any) -> None:
        """Complete Locust's own files and print the outcome as the last line."""
        options = self._environment.parsed_options
        assert options is not None
        try:
            if options.csv_prefix:
                write_final_stats(self._environment, options.csv_prefix)
        except OSError as error:
            print(Verdict("files", f"the statistics cannot be written: {error}"), flush=True)
            sys.exit(FAILED)
        if self._outcome is not None and self._is_headless:
            self._print(self._outcome)

    def _print(self, outcome: Outcome) -> None:
        print_ledger(outcome)
        if remedy := outcome.verdict.remedy:
            print(f"Remedy: {remedy}.")
        print(outcome.line(), flush=True)

    @property
    def _is_headless(self) -> bool:
        return bool(self._environment.parsed_options and self._environment.parsed_options.headless)
