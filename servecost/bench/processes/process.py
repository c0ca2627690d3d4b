"""Starts and ends processes so that none outlives the bench, whatever happens to either.

Owns the life of a command. Knows nothing of what runs in it.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from servecost.core import shell
from servecost.core.reasons import reason_in
from servecost.core.serving import Running

KEEPER = Path(__file__).with_name("keeper.py")
KILLED = 128 + signal.SIGKILL


@dataclass(frozen=True)
class Command:
    """A command to be run.

    Attributes:
        name: what its process is called in messages.
        words: program and arguments.
        environment: the variables that it needs besides the inherited ones (``servecost.core.shell``).
        log: the file that its output is appended to.
        folder: the folder that it is started in; this process's own if None.
        stop_signal: by which it is asked to end.
        reads_input: whether lines are written to it; else its standard input is empty.
    """

    name: str
    words: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    stop_signal: int = signal.SIGTERM
    reads_input: bool = False

    @property
    def variables(self) -> dict[str, str]:
        """All variables of its process."""
        return shell.with_own({"PYTHONUNBUFFERED": "1", **self.environment})


class Process(Running):
    """A running command with all its descendants."""

    def __init__(self, command: Command) -> None:
        """Start the command."""
        self.name = command.name
        self.log = command.log
        how = str(int(command.stop_signal)), "reads" if command.reads_input else "reads-nothing"
        with command.log.open("ab") as output:
            self._keeper = subprocess.Popen(
                [sys.executable, "-S", "-E", str(KEEPER), *how, *command.words],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=command.folder,
                env=command.variables,
                start_new_session=True,  # Ctrl-C reaches the bench alone, which then ends its processes in order
            )

    @property
    def pid(self) -> int:
        """The id of the process whose descendants the command and all that it starts are."""
        return self._keeper.pid

    def write_line(self, line: str) -> None:
        """Write a line to the command's standard input; do nothing if it has ended."""
        assert self._keeper.stdin is not None
        if self._keeper.stdin.closed:  # ``end`` was called
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

    def end(self) -> None:
        """End the command and all its descendants: asked first, killed after the keeper's grace."""
        self._keeper.terminate()
        self._keeper.wait()
        assert self._keeper.stdin is not None
        with suppress(BrokenPipeError):
            self._keeper.stdin.close()

    def last_lines(self, count: int = 5) -> str:
        """Return the end of the log, where a failed start says why."""
        return "\n".join(self.log.read_text(errors="replace", encoding="utf-8").splitlines()[-count:])

    def describe_end(self) -> str:
        """Return in a few words how the command ended, once it has."""
        exit_code = self.exit_code
        killed = ", killed: by the kernel, if memory ran out" if exit_code == KILLED else ""
        return f"ended with exit code {exit_code}{killed}"

    def describe_log(self) -> str:
        """Return the end of the log with its path."""
        return f"last lines of {self.log}:\n{self.last_lines()}"

    def explain_end(self) -> str:
        """Return in one line why the command ended, by its log, and the log's path."""
        printed = self.log.read_text(errors="replace", encoding="utf-8")
        return f"{self.name} {self.describe_end()}: {reason_in(printed)} (log: {self.log})"


@contextmanager
def running(command: Command) -> Iterator[Process]:
    """Run a command for as long as the ``with`` block lasts, and in no case longer."""
    process = Process(command)
    try:
        yield process
    finally:
        process.end()


def free_ports(count: int) -> tuple[int, ...]:
    """Return loopback ports that nothing listens on, all different."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return tuple(int(probe.getsockname()[1]) for probe in probes)
    finally:
        for probe in probes:
            probe.close()


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    return free_ports(1)[0]


def is_taken(port: int) -> bool:
    """Say whether something listens on that loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
