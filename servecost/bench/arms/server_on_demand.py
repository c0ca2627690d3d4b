"""The server of one part: started when it is first asked for, at rest when nobody asks, and anew after a broken rule.

Owns when a server is started, and that it is used only when it has come to rest. How is ``bench.server``'s.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

from servecost.bench.arms.server import Server, ServerFailed

# A server that answers may still be starting more processes: it is loaded, or paused, when it has come down to this.
STARTED_CPU = 0.3
STARTED_WINDOW_S = 0.25
STARTED_LIMIT_S = 15


class Servers:
    """One server after another, at most one at a time; none is left when the ``with`` block ends."""

    def __init__(self, start: Callable[[], AbstractContextManager[Server]], tick: Callable[[], None]) -> None:
        """``start`` makes a server, or raises ServerFailed; ``tick`` is called often meanwhile."""
        self._start, self._tick = start, tick
        self._stack = ExitStack()
        self._server: Server | None = None
        self._failure: ServerFailed | None = None

    def __enter__(self) -> "Servers":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def get(self) -> Server:
        """Return the server that answers. Raises ServerFailed; once it could not be started, it is not tried again."""
        if self._failure:
            raise self._failure
        if self._server is None:
            try:
                self._server = self._stack.enter_context(self._start())
            except ServerFailed as error:
                self._failure = error
                raise
            self._come_to_rest(self._server)
        return self._server

    def stop(self) -> None:
        """End the server, if there is one."""
        self._server = None
        self._stack.close()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Start the server if need be, and have it use nothing while the ``with`` block lasts."""
        with ExitStack() as stack:
            with suppress(ServerFailed):  # whoever wants to load it is told
                stack.enter_context(self.get().paused())
            yield

    def cpu_s(self) -> float:
        """Return the CPU seconds that the server has used; 0 without one."""
        return self._server.cpu_s() if self._server else 0.0

    def _come_to_rest(self, server: Server) -> None:
        deadline, used_s = time.monotonic() + STARTED_LIMIT_S, float("inf")
        while used_s > STARTED_CPU * STARTED_WINDOW_S and time.monotonic() < deadline:
            before_s = server.cpu_s()
            time.sleep(STARTED_WINDOW_S)
            self._tick()
            used_s = server.cpu_s() - before_s
