"""Finds processes that a test has started and that outlive it, and no others, whatever else runs on the machine.

Owns the mark: an environment variable with a value of its own for each test, which everything that the test starts
inherits and which the kernel keeps for as long as a process lives (``/proc/PID/environ``).
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

MARK = "PYTEST_SERVECOST"
POLL_S = 0.1


@contextmanager
def no_orphans(within_s: float) -> Iterator[None]:
    """Fail if a process that is started in the ``with`` block outlives it by more than that time."""
    before, mark = os.environ.get(MARK), uuid4().hex
    os.environ[MARK] = mark
    try:
        yield
    finally:
        os.environ.pop(MARK)
        if before is not None:
            os.environ[MARK] = before
    deadline = time.monotonic() + within_s
    while left := sorted(marked(mark)):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(POLL_S)


def marked(mark: str) -> Iterator[str]:
    """Yield the command lines of the running processes that have this mark; a zombie has none."""
    entry = f"{MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                yield (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (FileNotFoundError, PermissionError, ProcessLookupError):  # ended meanwhile, or somebody else's
            continue
