"""Makes a run whenever Locust starts a test, and reports its outcome.

Owns the response to Locust's events. The steps of a run are in ``load.run``.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import STATE_CLEANUP, STATE_RUNNING, STATE_SPAWNING, MasterRunner

from servecost.core import systems
from servecost.core.layout import RunName
from servecost.core.recipe import Recipe
from servecost.core.verdicts import Verdict
from servecost.load.hold import Hold
from servecost.load.outcome import FAILED, Outcome
from servecost.load.plugin.agreement import check_statistics
from servecost.load.plugin.console import print_ledger
from servecost.load.plugin.csv_files import log_run, write_final_stats, write_run, write_run_files
from servecost.load.plugin.options import is_address
from servecost.load.run import Preparation, Run
from servecost.load.run_spec import describe_run
from servecost.load.server_count import Busy, Counter, Use, counter_of
from servecost.load.warm_up import WarmUp, Work
from servecost.load.workers import Workers

# How long Locust is kept from ending while a run that is over is settled: the server is asked for its count.
SETTLE_LIMIT_S = 60
# The states of Locust's in which a start would change the users of a test instead.
BUSY_STATES = (STATE_SPAWNING, STATE_RUNNING, STATE_CLEANUP)


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
        self._is_concluding = False
        self._settled = Event()
        self._settled.set()
        self._steady_s: dict[Work, float] = {}
        self._uses: dict[str, Use] = {}
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
        """Whether a run can be started now: the last one is over, with all its files, and so is Locust's test."""
        runner = self._environment.runner
        assert runner is not None
        is_over = not self.is_running and not self._is_concluding
        return is_over and runner.state not in BUSY_STATES and self._workers.are_ready()

    def find_other_users(self, host: str, system: str) -> str:
        """Return who else uses a server, in one line; nothing if nobody does."""
        try:
            self._counter(host, system).wait_until_quiet(self._uses.get(host))
        except Busy as error:
            return str(error)
        return ""

    def _counter(self, host: str, system: str) -> Counter:
        return counter_of(host, systems.load(system).request_count)

    def _on_test_start(self, **_: Any) -> None:
        """Begin a run. Whatever fails in that ends it: Locust would only log an error, and its users would wait."""
        self._environment.process_exit_code = FAILED  # until a run is valid
        self._outcome, self._run = None, None
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001  # see above
            problem = Verdict("interrupted", f"the run could not begin: {type(error).__name__}: {error}")
            if self._run is None:
                print(problem, flush=True)
                gevent.spawn(self._end)
            else:
                self._run.refuse(problem)
                self._making = gevent.spawn(self._make, self._run)

    def _begin(self) -> None:
        options, runner, host = self._environment.parsed_options, self._environment.runner, self._environment.host
        assert options is not None and runner is not None
        self._making, users, hold = None, runner.target_user_count, Hold.of_environment(options.csv_prefix)
        hold.forget()
        spec = describe_run(uuid4().hex, options, self._recipe, self._expected)
        work = Work(host or "", spec.system, spec.batch_size, users)
        preparation = Preparation(
            self._counter(work.host, spec.system), WarmUp(work, self._steady_s, options.warm_seconds), hold
        )
        name = RunName(self._recipe.name, spec.batch_size, users, spec.examples)
        self._run = run = Run(name, spec, self._workers, preparation)
        if is_address(host):
            run.wait_until_quiet(self._uses.get(work.host))
        else:  # Locust's web form accepts anything
            run.refuse(Verdict("host", f"{host!r} is no server's address"), is_misuse=True)
        if self._run is run:  # it has not been cut short meanwhile
            self._making = gevent.spawn(self._make, run)

    def _make(self, run: Run) -> None:
        try:
            run.execute()
        except Exception as error:  # noqa: BLE001  # whatever it is: who waits for the run's files has to get them
            run.refuse(Verdict("interrupted", f"{type(error).__name__}: {error}"))
        self._conclude(run, self._end)

    def _conclude(self, run: Run, end: Callable[[], None] = lambda: None) -> None:
        """Determine the outcome of the run, complete or cut short, report it, and ``end`` Locust's test."""
        self._run, self._is_concluding = None, True
        self._settled.clear()
        try:
            outcome = run.finish()
            self._note_use(run, outcome)
            if outcome.is_complete:
                log_run(self._environment, outcome)
            outcome = self._with_files(self._with_agreeing_stats(outcome))
            self._outcome = outcome
            for listener in self.listeners:
                listener(outcome)
            self._environment.process_exit_code = outcome.exit_code
            if not self._is_headless:
                self._print(outcome)
            self._settled.set()
            end()
        finally:
            self._settled.set()
            self._is_concluding = False

    def _note_use(self, run: Run, outcome: Outcome) -> None:
        """Remember what a run has sent to its server, as long as that is known."""
        host = self._environment.host or ""
        self._uses.pop(host, None)
        if outcome.is_complete and outcome.released_ns is not None:
            self._uses[host] = Use(outcome.ledger, outcome.released_ns / 1e9, run.untimed)

    def _with_agreeing_stats(self, outcome: Outcome) -> Outcome:
        """Return the outcome, invalid unless Locust's statistics agree with the ledger."""
        if not outcome.is_valid:
            return outcome
        found = check_statistics(self._environment.stats, outcome)
        return outcome if found.is_valid else replace(outcome, refusal=found)

    def _with_files(self, outcome: Outcome) -> Outcome:
        """Write the run's files; return the outcome, invalid if they cannot be written."""
        options = self._environment.parsed_options
        assert options is not None
        if not options.csv_prefix:
            return outcome
        try:
            write_run_files(self._environment, options.csv_prefix, outcome)
        except OSError as error:
            outcome = replace(outcome, refusal=Verdict("files", f"its files cannot be written: {error}"))
            with suppress(OSError):
                write_run(options.csv_prefix, outcome)
        return outcome

    def _end(self) -> None:
        """End what Locust was started for: the whole process if headless, else this test only."""
        runner = self._environment.runner
        assert runner is not None
        options = self._environment.parsed_options
        assert options is not None
        if self._is_headless:
            runner.quit()
            return
        runner.stop()
        if options.autostart and options.autoquit >= 0:  # which Locust itself asks for at a limit of time alone
            gevent.spawn_later(options.autoquit, self._quit)

    def _quit(self) -> None:
        """End a Locust that has a web interface."""
        runner, web_ui = self._environment.runner, self._environment.web_ui
        assert runner is not None and web_ui is not None
        runner.quit()
        web_ui.stop()

    def _on_cut_short(self, **_: Any) -> None:
        """Conclude a run that Locust ends early: by Ctrl-C, --run-time, the web's Stop, or for want of workers.

        One that is being concluded already is left to that, for as long as it may take.
        """
        self._settled.wait(SETTLE_LIMIT_S)
        if (run := self._run) is not None:
            if self._making is not None:
                self._making.kill()
            run.collect_partial()
            self._conclude(run)
            runner = self._environment.runner
            if self._is_headless and isinstance(runner, MasterRunner) and not runner.worker_count:
                gevent.spawn(self._end)  # Locust would go on without workers, for ever

    def _on_quit(self, **_: Any) -> None:
        """Complete Locust's own files of a headless run and print its outcome as the last line."""
        options = self._environment.parsed_options
        assert options is not None
        if not self._is_headless:
            return  # each run has left its files; somebody may have moved them away
        try:
            if options.csv_prefix:
                write_final_stats(self._environment, options.csv_prefix)
        except OSError as error:
            print(Verdict("files", f"the statistics cannot be written: {error}"), flush=True)
            sys.exit(FAILED)
        if self._outcome is not None:
            self._print(self._outcome)

    def _print(self, outcome: Outcome) -> None:
        print_ledger(outcome)
        if remedy := outcome.verdict.remedy:
            print(f"Remedy: {remedy}.")
        print(outcome.line(), flush=True)

    @property
    def _is_headless(self) -> bool:
        return bool(self._environment.parsed_options and self._environment.parsed_options.headless)
