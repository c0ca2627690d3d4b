"""What a console shows of what is printed, in whatever encoding it has."""

from __future__ import annotations

import sys


def replace_what_it_cannot_show() -> None:
    """Have standard output and standard error show a question mark for each character that their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not a stream that somebody has put in its place
            stream.reconfigure(errors="replace")
