"""Starts the server on first use, waits until it is idle, and replaces it after an invalid run.

Owns when a server is started. How is ``servecost.bench.arms.server``'s.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from servecost.bench.arms.protocol import ArmFailed
from servecost.bench.arms.server import Server
from servecost.core.serving import ServerFailed

# A server that answers may still be starting more processes: it is idle once it uses no more of a core than this.
STARTED_CPU = 0.3
STARTED_WINDOW_S = 0.25
STARTED_LIMIT_S = 15


class ServerOnDemand:
    """One server after another, at most one at a time."""

    def __init__(self, start: Callable[[], AbstractContextManager[Server]], tick: Callable[[], None]) -> None:
        """``start`` makes a server, or raises ServerFailed; ``tick`` is called often meanwhile."""
        self._start, self._tick = start, tick
        self._stack = ExitStack()
        self._server: Server | None = None
        self._failure: ServerFailed | ArmFailed | None = None

    def get(self) -> Server:
        """Return the server. Raises ServerFailed, or ArmFailed if the direct arm has no answers; neither is retried."""
        if self._failure:
            raise self._failure
        if self._server is None:
            try:
                self._server = self._stack.enter_context(self._start())
            except (ServerFailed, ArmFailed) as error:
                self._failure = error
                raise
            self._wait_until_idle(self._server)
        return self._server

    @property
    def current(self) -> Server | None:
        """The server that runs, if one does."""
        return self._server

    def end(self) -> None:
        """End the server, if there is one; the next use starts another."""
        if self._server is not None:
            self._server.tree.resume()  # a stopped process would not hear that it is to end
        self._server = None
        self._stack.close()

    def _wait_until_idle(self, server: Server) -> None:
        deadline, used_s = time.monotonic() + STARTED_LIMIT_S, float("inf")
        while used_s > STARTED_CPU * STARTED_WINDOW_S and time.monotonic() < deadline:
            before_s = server.tree.cpu_s()
            time.sleep(STARTED_WINDOW_S)
            self._tick()
            used_s = server.tree.cpu_s() - before_s
