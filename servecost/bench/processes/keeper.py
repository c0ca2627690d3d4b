"""Keeps one command: ends its process tree when the command ends, when asked to, and when the starter is gone.

Run as a program by ``bench.processes``, with a pipe as standard input, which closes when the starter ends, however it
ends (even by SIGKILL). What is written to it meanwhile is passed on to a command that reads its input. Imports next to
nothing, because it starts before every process.

On Linux it is the parent of all that the command leaves behind, in whatever session: nobody else would end that.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from types import FrameType

GRACE_S = 10
PIPE_BYTES = 4096
PR_SET_CHILD_SUBREAPER = 36  # of <sys/prctl.h>
REAP_LIMIT_S, REAP_POLL_S = 5, 0.01  # a process that is killed ends at once, unless the kernel waits for a device


def main(stop_signal: int, reads_input: bool, command: "list[str]") -> int:
    """Run the command in a session of its own until it ends; return its exit code (128 + n after signal n).

    ``stop_signal``: by which the command is asked to end when this process is; ``reads_input``: whether it is given
    what is written to this process, or nothing.
    """
    is_asked = False

    def note(signal_number: int, _frame: "FrameType | None") -> None:
        nonlocal is_asked
        is_asked = is_asked or signal_number == signal.SIGTERM

    adopt_orphans()
    # Before there is a child, so that no signal finds this process without a handler. SIG_IGN would be inherited.
    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    given = subprocess.PIPE if reads_input else subprocess.DEVNULL
    child = subprocess.Popen(command, stdin=given, start_new_session=True)

    def kill_all() -> None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, stop_signal)
            os.killpg(child.pid, signal.SIGCONT)  # a process that was stopped meanwhile would not learn of it
        timer = threading.Timer(GRACE_S, kill_all)
        timer.daemon = True
        timer.start()

    def watch_starter() -> None:
        while words := os.read(0, PIPE_BYTES):
            with suppress(BrokenPipeError):  # it has ended, which ``wait`` finds out
                if child.stdin is not None:
                    os.write(child.stdin.fileno(), words)
        kill_all()

    signal.signal(signal.SIGTERM, stop)
    if is_asked:
        stop(signal.SIGTERM, None)
    threading.Thread(target=watch_starter, daemon=True).start()
    code = wait_for(child.pid)
    kill_all()  # what the command has left behind
    end_adopted()
    return code


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, where the kernel can do that."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_for(pid: int) -> int:
    """Return the exit code of a child once it has ended (128 + n after signal n); take leave of others meanwhile."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def end_adopted() -> None:
    """Kill the children that are left, and theirs, which become this process's, and wait until they are gone."""
    deadline_s = time.monotonic() + REAP_LIMIT_S
    while time.monotonic() < deadline_s:
        for pid in children():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(REAP_POLL_S)


def children() -> "list[int]":
    """Return the ids of this process's children; none where there is no ``/proc``."""
    own, found = str(os.getpid()), []
    with suppress(OSError):
        for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208  # pathlib takes long to import
            with suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123
                if stat.read().rpartition(")")[2].split()[1] == own:
                    found.append(int(name))
    return found


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2] == "reads", sys.argv[3:]))
