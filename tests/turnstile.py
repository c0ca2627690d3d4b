"""Lets tests run side by side, or one alone: on this machine, whichever worker or checkout each belongs to.

Owns two locks that all test processes of one user share. Every test holds the first one shared, and a test that runs
alone holds it exclusively. The second one is held while waiting, so that newcomers queue behind a test that waits to be
alone, which would otherwise wait for ever.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Turnstile:
    """The locks, as one test process has them.

    Attributes:
        mode: how this process holds the machine now: ``fcntl.LOCK_UN``, ``LOCK_SH`` or ``LOCK_EX``.
    """

    def __init__(self) -> None:
        """Open the lock files, which are in the folder for temporary files."""
        self.mode = fcntl.LOCK_UN
        folder = Path(tempfile.gettempdir())
        self._queue, self._machine = (
            os.open(folder / f"servecost-tests-{os.getuid()}-{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            for name in ("queue", "machine")
        )

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        """Hold the machine together with others for as long as the ``with`` block lasts."""
        with self._holding(fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the machine alone for as long as the ``with`` block lasts.

        Within ``beside_others`` that lets go of the machine first; a process that is alone already stays alone.
        """
        if self.mode == fcntl.LOCK_EX:
            yield
            return
        with self._holding(fcntl.LOCK_EX):
            yield

    @contextmanager
    def _holding(self, mode: int) -> Iterator[None]:
        before = self.mode
        self._enter(mode)
        try:
            yield
        finally:
            self._enter(before)

    def _enter(self, mode: int) -> None:
        """Let go of the machine, then wait in the queue until it can be held that way."""
        fcntl.flock(self._machine, fcntl.LOCK_UN)
        if mode != fcntl.LOCK_UN:
            fcntl.flock(self._queue, fcntl.LOCK_EX)
            fcntl.flock(self._machine, mode)
            fcntl.flock(self._queue, fcntl.LOCK_UN)
        self.mode = mode
