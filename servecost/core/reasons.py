"""Why a program failed, told from what it has printed: its own error, not what others print when it ends.

Owns which line that is.
"""

from __future__ import annotations

from typing import Iterator

# How programs of this project say in one line what is wrong.
MARK = "error: "
_TRACEBACK = "Traceback (most recent call last):"
# What Python prints before the tracebacks of functions that run at its end, whose errors change nothing.
_IGNORED = ("Exception ignored in", "Error in atexit", "Error in sys.excepthook")
NOTHING = "it printed nothing"


def reason_in(printed: str) -> str:
    """Return the line that says why a program failed: the last marked one, else the last error that was raised.

    Without either, the last line; ``it printed nothing`` if there is none.
    """
    lines = [line for line in printed.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(MARK)]
    raised = list(_raised(lines))
    return (marked or raised or lines or [NOTHING])[-1].strip()


def printable(text: str) -> str:
    """Return a text as one line: what cannot be printed, a line's end among it, is escaped as in Python."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _raised(lines: list[str]) -> Iterator[str]:
    """Yield the last line of each traceback, which names the error."""
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else ""
        if line.strip() == _TRACEBACK and not before.startswith(_IGNORED):
            margin = len(line) - len(line.lstrip())
            for below in lines[number + 1 :]:
                if len(below) - len(below.lstrip()) <= margin:
                    yield below
                    break
