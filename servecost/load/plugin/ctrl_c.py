"""Ctrl-C, wherever the process is: Locust's own way out is taken, and nothing else is printed.

Owns the handler of SIGINT. Python would raise KeyboardInterrupt in whatever runs at that moment, a greenlet that waits
for the server among others, and gevent would show a traceback.
"""

import signal

import gevent


def install() -> None:
    """Have Ctrl-C interrupt what waits for the end of Locust, and that alone; a handler of Locust's own is left."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        gevent.signal_handler(signal.SIGINT, _interrupt)


def _interrupt() -> None:
    gevent.get_hub().handle_system_error(KeyboardInterrupt, KeyboardInterrupt())
