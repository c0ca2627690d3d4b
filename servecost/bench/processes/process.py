"""Starts and stops processes so that none outlives the bench, whatever happens to either.

Owns the life of a process tree. Knows nothing of what runs in it.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

KEEPER = Path(__file__).with_name("keeper.py")
KILLED = 128 + signal.SIGKILL


class Process:
    """A running command with all its descendants, and the file that its output goes to."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Start the command; its output is appended to ``log``."""
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._keeper = subprocess.Popen(
                [sys.executable, "-S", "-E", str(KEEPER), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
                start_new_session=True,  # Ctrl-C reaches the bench alone, which then stops its processes in order
            )

    @property
    def pid(self) -> int:
        """The id of the process whose descendants the command and all that it starts are."""
        return self._keeper.pid

    def tell(self, line: str) -> None:
        """Write a line to the command's standard input; in vain if it has ended."""
        assert self._keeper.stdin is not None
        if self._keeper.stdin.closed:  # it was stopped
            return
        with suppress(BrokenPipeError):
            self._keeper.stdin.write(line.encode() + b"\n")
            self._keeper.stdin.flush()

    @property
    def exit_code(self) -> int | None:
        """The command's exit code, or None while it runs."""
        return self._keeper.poll()

    def wait(self, timeout_s: float) -> int | None:
        """Wait at most that long for the command to end; return its exit code, or None while it runs."""
        try:
            return self._keeper.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End the command and all its descendants: asked first, killed after the keeper's grace."""
        self._keeper.terminate()
        self._keeper.wait()
        assert self._keeper.stdin is not None
        with suppress(BrokenPipeError):
            self._keeper.stdin.close()

    def last_lines(self, count: int = 5) -> str:
        """Return the end of the log, where a failed start says why."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines[-count:])


@contextmanager
def running(name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[Process]:
    """Run a command for as long as the ``with`` block lasts, and in no case longer."""
    process = Process(name, command, environment, log)
    try:
        yield process
    finally:
        process.stop()


def ending(exit_code: int) -> str:
    """Return how a process has ended, in a few words."""
    killed = exit_code == KILLED
    return f"ended with exit code {exit_code}" + (", killed: by the kernel, if memory ran out" if killed else "")


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_taken(port: int) -> bool:
    """Say whether something listens on that loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
