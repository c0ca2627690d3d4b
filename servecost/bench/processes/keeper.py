"""Keeps one command: ends its process tree when the command ends, when asked to, and when the starter is gone.

Run as a program by ``bench.processes``, with a pipe as standard input, which closes when the starter ends, however it
ends (even by SIGKILL). What is written to it meanwhile is passed on to the command. Imports next to nothing, because it
starts before every process.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from types import FrameType

GRACE_S = 10
PIPE_BYTES = 4096


def main(command: list[str]) -> int:
    """Run the command in a session of its own until it ends; return its exit code (128 + n after signal n)."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    assert child.stdin is not None
    command_input = child.stdin.fileno()

    def kill_all() -> None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
            os.killpg(child.pid, signal.SIGCONT)  # a process that was stopped meanwhile would not learn of it
        timer = threading.Timer(GRACE_S, kill_all)
        timer.daemon = True
        timer.start()

    def watch_starter() -> None:
        while words := os.read(0, PIPE_BYTES):
            with suppress(BrokenPipeError):  # it has ended, which ``wait`` finds out
                os.write(command_input, words)
        kill_all()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch_starter, daemon=True).start()
    code = child.wait()
    kill_all()  # what the command has left behind
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
