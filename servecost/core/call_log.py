"""The log of a predictor's calls: the same wrapper in both arms, a few microseconds a call.

Owns the wrapper, the format of a call, and when a served predictor is ready for its first one. Needs the standard
library only, and nothing of this project: a copy of this file is put beside a served recipe, whose interpreter may be
another. Times are of the machine's monotonic clock, which all processes of one machine share:
``time.perf_counter_ns`` is CLOCK_MONOTONIC on Linux.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from contextlib import suppress
from typing import Any, Callable

COLUMNS = ("start_ns", "end_ns", "inputs", "batch_size")  # of a call; a line of the log ends in the process's id
LOG = "calls.log"
MODULE = "_logged_calls"
POLL_S = 0.05

Write = Callable[[int, int, int, int], object]


def logged(predictor: Callable[..., Any], write: Write) -> Callable[..., Any]:
    """Return the predictor with each of its calls passed to ``write``: start and end in ns, inputs, batch size.

    The batch size is 0 where none was given. A call that raises is logged, too; one that the predictor makes of itself,
    such as with halves of its inputs, is a part of the call that it is made in.
    """
    clock_ns = time.perf_counter_ns
    within = threading.local()

    @functools.wraps(predictor)
    def logging(inputs: Any, *more: Any, **named: Any) -> Any:
        if getattr(within, "a_call", False):
            return predictor(inputs, *more, **named)
        batch_size = named.get("batch_size") or (more[0] if more else 0)
        count = len(inputs)  # a predictor may use its list up
        within.a_call = True
        start_ns = clock_ns()
        try:
            return predictor(inputs, *more, **named)
        finally:
            end_ns = clock_ns()
            within.a_call = False
            write(start_ns, end_ns, count, batch_size)

    return logging


def to_file(path: str) -> Write:
    """Return a function that appends a line to a file for each call, unbuffered: a killed process loses no line."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(start_ns: int, end_ns: int, inputs: int, batch_size: int) -> None:
        with suppress(OSError):  # a full disk is no reason to fail a request; the log's reader finds it incomplete
            os.write(descriptor, b"%d,%d,%d,%d,%d\n" % (start_ns, end_ns, inputs, batch_size, os.getpid()))

    return write


def wait_for(path: str) -> None:
    """Return once there is a file at ``path``."""
    while not os.path.exists(path):
        time.sleep(POLL_S)


_FOOTER = """

# Added to this copy of the recipe: each call of the predictor is logged, and the import ends when calls are allowed.
import os as _os
import {module} as _calls
_folder = _os.path.dirname(_os.path.abspath(__file__))
predictor = _calls.logged(predictor, _calls.to_file(_os.path.join(_folder, {log!r})))
_calls.wait_for(_os.path.join(_folder, {awaited!r}))
"""


def install(folder: str, awaited: str) -> None:
    """Make the predictor of a recipe's copy log its calls into the copy's folder, in the file ``LOG``.

    It can be imported, its model loaded, before it may be used: the import ends once the folder holds ``awaited``.
    """
    with open(__file__, encoding="utf-8") as own, open(
        os.path.join(folder, MODULE + ".py"), "w", encoding="utf-8"
    ) as copy:
        copy.write(own.read())
    with open(os.path.join(folder, "predictor.py"), "a", encoding="utf-8") as file:
        file.write(_FOOTER.format(module=MODULE, log=LOG, awaited=awaited))
