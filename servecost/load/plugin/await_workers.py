"""The time before a headless distributed run, while its workers connect.

Owns the end of the wait: after a limit or on a signal. Locust's own way out prints no result, and Ctrl-C would show a
traceback and leave the workers running.
"""

import signal
import sys
from typing import Any, NoReturn

import gevent
from locust.env import Environment
from locust.runners import MasterRunner

from servecost.core.verdicts import Verdict
from servecost.load.outcome import FAILED
from servecost.load.plugin import ctrl_c

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class AwaitWorkers:
    """Waits for ``--expect-workers`` workers, at most for ``--expect-workers-max-wait`` seconds."""

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        options = environment.parsed_options
        assert options is not None
        self._runner = runner
        self._expected = options.expect_workers
        limit_s = options.expect_workers_max_wait
        options.expect_workers_max_wait = 0  # Locust must not give up first
        self._handlers = [gevent.signal_handler(number, self._give_up, "interrupted") for number in ENDING_SIGNALS]
        self._limit = gevent.spawn_later(limit_s, self._give_up, f"gave up after {limit_s} s") if limit_s else None
        environment.events.test_start.add_listener(self._end)

    def _end(self, **_: Any) -> None:
        """Leave the signals to Locust: the workers are connected."""
        if self._limit:
            self._limit.kill(block=False)
        for handler in self._handlers:
            handler.cancel()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        ctrl_c.install()

    def _give_up(self, why: str) -> NoReturn:
        connected = len(self._runner.clients.ready)
        self._runner.quit()
        print(Verdict("workers", f"{why}: {connected} of {self._expected} workers connected"), flush=True)
        sys.exit(FAILED)
