"""The options that the load adds to Locust's own, and the check of those that it relies on.

No option names a file or a command: Locust's web UI accepts every option from whoever reaches it.
"""

import sys
from typing import Any, NoReturn
from urllib.parse import urlsplit

from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import Runner, WorkerRunner

from servecost.core.options import at_least

# Locust itself warns that faster spawning "is known to sometimes cause issues".
SPAWN_RATE_MAX = 100
LOOPBACK = "127.0.0.1"
WORKERS_MAX_WAIT_S = 120


# The load's own options: the least value, the default, and what the help and the web form say.
_LOAD = {
    "batch_size": (1, 1, "Examples in one request"),
    "examples": (1, 10000, "Examples in the run"),
    "warm_ups": (0, 3, "Untimed requests of one example that each user sends first"),
    "request_timeout": (1, 1800, "Seconds to wait for an answer"),
}
LOAD_OPTIONS = {name: least for name, (least, _, _) in _LOAD.items()}


def add_arguments(parser: LocustArgumentParser, **_: Any) -> None:
    """Add the load's options to Locust's command line and web form, and change defaults that do harm.

    Locust would listen to the whole network, with no login, and would wait for workers for ever.
    """
    parser.set_defaults(web_host=LOOPBACK, master_bind_host=LOOPBACK, expect_workers_max_wait=WORKERS_MAX_WAIT_S)
    for name, (least, default, help_text) in _LOAD.items():
        option = "--" + name.replace("_", "-")
        # Not in a group of its own: Locust's web form shows what is added to the parser itself.
        parser.add_argument(option, type=at_least(least), default=default, help=f"{help_text}; default {default}")


def check(environment: Environment, runner: Runner | None, **_: Any) -> None:
    """Stop the process with one line and exit code 2 when the options cannot make a run."""
    options = environment.parsed_options
    assert options is not None
    if len(environment.user_classes) != 1:
        names = ", ".join(user_class.__name__ for user_class in environment.user_classes)
        stop(f"a run has one user class, but these are loaded: {names}; name one of them on the command line")
    environment.reset_stats = False  # it would drop requests from the counts, and there is no ramp-up to forget
    if isinstance(runner, WorkerRunner):
        return  # the master has these
    if options.num_users is not None and options.num_users < 1:
        stop(f"argument -u/--users: {options.num_users} is not a whole number from 1 up")
    if options.headless and not is_address(environment.host):
        stop(f"argument -H/--host: {environment.host!r} is no server's address; give one, like http://127.0.0.1:8080")
    if options.spawn_rate is None:  # Locust's default, one user a second, would only delay the release
        options.spawn_rate = min(options.num_users or SPAWN_RATE_MAX, SPAWN_RATE_MAX)


def is_address(host: str | None) -> bool:
    """Say whether ``host`` is an address that a user can connect to."""
    parts = urlsplit(host or "")
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def stop(message: str) -> NoReturn:
    """End the process as a command line does for a wrong option."""
    print(f"locust: error: {message}", file=sys.stderr, flush=True)
    sys.exit(2)
