"""Conducts a run: everybody ready, one release, exactly N examples, the last answer, the result.

Owns the order of events and the run's clock. What users do meanwhile is theirs (``_user``), who has sent what is the
section's (``_section``), and how the result is put is the outcome's (``_outcome``).
"""

import sys
import time
from argparse import Namespace
from dataclasses import replace
from typing import Any, Protocol, cast

import gevent
from _expected import NoExpectedAnswers, expected_answers
from _files import log_run, write_final_stats, write_requests
from _options import is_address, stop
from _outcome import FAILED, Outcome
from _requests import Payloads, request_count, requests_of
from _section import Section
from locust.env import Environment

from contract.recipe import Recipe, RecipeError, load
from contract.results import RunName


class Participant(Protocol):
    """What the conductor asks of the user class."""

    recipe: str

    @classmethod
    def take_part(cls, chosen: Recipe, payloads: Payloads, section: Section, options: Namespace) -> None:
        """Give all users of this process the run that they take part in."""


class Conductor:
    """Conducts every run that one Locust process makes."""

    def __init__(self, environment: Environment) -> None:
        """Look up the recipe and its expected answers, and take part in the environment's events."""
        self._environment = environment
        self._user_class = cast(type[Participant], environment.user_classes[0])
        self._section: Section | None = None
        self._released_ns: int | None = None
        self._outcome: Outcome | None = None
        try:
            self._recipe = load(self._user_class.recipe)
            self._expected = expected_answers(self._recipe)
        except (RecipeError, NoExpectedAnswers) as error:
            stop(str(error))
        environment.events.test_start.add_listener(self._on_test_start)
        environment.events.test_stop.add_listener(self._on_test_stop)
        environment.events.quitting.add_listener(self._on_quitting)
        environment.events.quit.add_listener(self._on_quit)

    def _on_test_start(self, **_: Any) -> None:
        options = self._environment.parsed_options
        runner = self._environment.runner
        assert options is not None and runner is not None
        users, batch_size, examples = runner.target_user_count, options.batch_size, options.examples
        payloads = Payloads(self._recipe, self._expected)
        payloads.prepare(examples, batch_size)
        section = Section(users, requests_of(examples, batch_size))
        self._user_class.take_part(self._recipe, payloads, section, options)
        self._name = RunName(self._recipe.name, batch_size, users, examples)
        self._requests = request_count(examples, batch_size)
        self._section, self._released_ns, self._outcome = section, None, None
        if not is_address(self._environment.host):  # the web form has taken anything
            section.refuse(f"{self._environment.host!r} is no server's address", is_host=True)
        self._conducting = gevent.spawn(self._conduct, section)

    def _conduct(self, section: Section) -> None:
        section.gathered.wait()
        if not section.refusal:
            self._released_ns = time.perf_counter_ns()
            section.released.set()
            section.finished.wait()
        self._conclude()
        self._end()

    def _conclude(self) -> None:
        """Settle the outcome of the run, whole or broken off, and put it where it is looked for."""
        section, options = self._section, self._environment.parsed_options
        assert section is not None and options is not None
        outcome = Outcome(
            name=self._name,
            requests=self._requests,
            released_ns=self._released_ns,
            records=tuple(section.records),
            refusal=section.refusal,
            refused_for_host=section.refused_for_host,
        )
        if outcome.is_complete:
            log_run(self._environment, outcome)
        if options.csv_prefix:
            try:
                write_requests(options.csv_prefix, outcome)
            except OSError as error:
                outcome = replace(outcome, refusal=f"its requests cannot be written: {error}")
        self._outcome = outcome
        self._environment.process_exit_code = outcome.exit_code

    def _end(self) -> None:
        """End the test as Locust was started: the whole process if headless, else this run only."""
        runner = self._environment.runner
        assert runner is not None
        if self._is_headless:
            runner.quit()
        else:
            runner.stop()

    def _on_test_stop(self, **_: Any) -> None:
        """Conclude a run that was broken off; nobody sends any more by now."""
        if self._outcome is None:
            self._conducting.kill(block=False)
            self._conclude()
        if not self._is_headless and self._outcome is not None:
            print(self._outcome.line(), flush=True)

    def _on_quitting(self, **_: Any) -> None:
        """Stop what is still running while its exit code can still be told."""
        if self._section is not None and self._outcome is None and self._environment.runner is not None:
            self._environment.runner.stop()

    def _on_quit(self, **_: Any) -> None:
        """Complete the files, and say last what the run came to."""
        options = self._environment.parsed_options
        assert options is not None
        try:
            if options.csv_prefix:
                write_final_stats(self._environment, options.csv_prefix)
        except OSError as error:
            print(f"FAILED: the statistics cannot be written: {error}", flush=True)
            sys.exit(FAILED)
        if self._outcome is not None and self._is_headless:
            print(self._outcome.line(), flush=True)

    @property
    def _is_headless(self) -> bool:
        return bool(self._environment.parsed_options and self._environment.parsed_options.headless)
