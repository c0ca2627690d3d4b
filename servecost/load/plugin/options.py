"""The options that the load adds to Locust's own, and the check of those of Locust's that it relies on.

No option names a file or a command: Locust's web interface accepts every option from anyone who reaches it.
"""

import sys
from argparse import Namespace
from typing import Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

from locust import User
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import Runner, WorkerRunner

from servecost.core import systems
from servecost.core.options import at_least
from servecost.core.overhead import EXAMPLES
from servecost.core.system import LOOPBACK
from servecost.core.warming import LIMIT_S

# Locust itself warns that faster spawning "is known to sometimes cause issues".
SPAWN_RATE_MAX = 100
WORKERS_MAX_WAIT_S = 120


class Number(NamedTuple):
    """An option that is a whole number.

    Attributes:
        least: the least value.
        default: the value without the option.
        help: what the help and the web form say.
    """

    least: int
    default: int
    help: str


NUMBERS = {
    "batch_size": Number(1, 1, "Examples in one request"),
    "examples": Number(1, EXAMPLES, "Examples in the run"),
    "warm_ups": Number(0, 1, "Untimed requests of one example that each user sends first; 0 for no warm-up at all"),
    "warm_seconds": Number(
        0,
        LIMIT_S,
        "Seconds after which untimed requests of the run's batch size are repeated no more, steady or not",
    ),
    "request_timeout": Number(1, 1800, "Seconds to wait for an answer"),
}
SYSTEM = "system"


def add_arguments(parser: LocustArgumentParser, **_: Any) -> None:
    """Add the load's options to Locust's command line and web form, and replace defaults that do harm.

    Locust would listen to the whole network, with no login, and would wait for workers for ever.
    """
    parser.set_defaults(web_host=LOOPBACK, master_bind_host=LOOPBACK, expect_workers_max_wait=WORKERS_MAX_WAIT_S)
    # Not in a group of their own: Locust's web form shows only what is added to the parser itself.
    for name, number in NUMBERS.items():
        option, help_text = "--" + name.replace("_", "-"), f"{number.help}; default {number.default}"
        parser.add_argument(option, type=at_least(number.least), default=number.default, help=help_text)
    default = systems.default()
    help_text = f"System that serves the recipe; default {default}"
    parser.add_argument("--" + SYSTEM, choices=systems.available(), default=default, help=help_text)
    help_text = "A further name by which the web interface is reached, besides localhost and addresses; repeatable"
    parser.add_argument("--web-name", action="append", default=[], include_in_web_ui=False, help=help_text)
    help_text = "Let the web interface choose another server than the given --host"
    parser.add_argument("--any-host", action="store_true", include_in_web_ui=False, help=help_text)


def check(environment: Environment, runner: Runner | None, **_: Any) -> None:
    """Stop the process with one line and exit code 2 if no run can be made with the options."""
    options = environment.parsed_options
    assert options is not None
    if len(environment.user_classes) != 1:
        names = ", ".join(user_class.__name__ for user_class in environment.user_classes)
        stop(f"a run has one user class, but these are loaded: {names}; name one of them on the command line")
    if not _has_task(environment.user_classes[0], options):
        stop("argument -T/--tags, -E/--exclude-tags: no task is left, so the users would send nothing; leave it out")
    environment.reset_stats = False  # it would drop requests from the counts, and there is no ramp-up to forget
    if isinstance(runner, WorkerRunner):
        return  # the master has the options
    if options.num_users is not None and options.num_users < 1:
        stop(f"argument -u/--users: {options.num_users} is not a whole number from 1 up")
    if options.headless and not is_address(environment.host):
        stop(f"argument -H/--host: {environment.host!r} is no server's address; give one, like http://127.0.0.1:8080")
    if options.spawn_rate is None:  # Locust's default, one user a second, would only delay the release
        options.spawn_rate = min(options.num_users or SPAWN_RATE_MAX, SPAWN_RATE_MAX)


def _has_task(user_class: type[User], options: Namespace) -> bool:
    """Return whether Locust's filter by tags leaves the users a task."""
    wanted, unwanted = set(options.tags or ()), set(options.exclude_tags or ())
    tags: list[set[str]] = [getattr(each, "locust_tag_set", set()) for each in user_class.tasks]
    return any((not wanted or wanted & own) and not unwanted & own for own in tags)


def is_address(host: str | None) -> bool:
    """Return whether ``host`` is an address that a user can connect to."""
    try:
        parts = urlsplit(host or "")
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets or a port that are none
        return False


def stop(message: str) -> NoReturn:
    """End the process as a command line does for a wrong option."""
    print(f"locust: error: {message}", file=sys.stderr, flush=True)
    sys.exit(2)
