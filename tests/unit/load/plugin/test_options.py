"""The options that the load adds to Locust's own."""

from argparse import Namespace

import pytest
from locust import User, tag, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from servecost.core import systems
from servecost.core.system import LOOPBACK
from servecost.load.plugin.options import _has_task, add_arguments, check, is_address


@pytest.fixture
def parser() -> LocustArgumentParser:
    """A parser with the load's options."""
    made = LocustArgumentParser()
    add_arguments(made)
    return made


def test_the_defaults_are_those_of_the_page(parser):
    """And no port is open to the network."""
    options = parser.parse_args([])
    assert (options.batch_size, options.examples, options.warm_ups) == (1, 10_000, 1)
    assert options.system == systems.default()
    assert options.web_host == options.master_bind_host == LOOPBACK


def test_the_system_is_one_of_those_that_there_are(parser, capsys):
    """A command line with another is refused with their names."""
    for name in systems.available():
        assert parser.parse_args(["--system", name]).system == name
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["--system", "nope"])
    refused = capsys.readouterr().err
    assert all(name in refused for name in systems.available())


def test_the_web_form_offers_every_option(parser):
    """The systems as a list to choose from."""
    shown = parser.args_included_in_web_ui
    assert shown.keys() >= {"batch_size", "examples", "warm_ups", "request_timeout", "system"}
    assert shown["system"].choices == systems.available()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("http://127.0.0.1:8080", True),
        ("https://server", True),
        ("http://[::1]:8080/base/", True),
        ("server:8080", False),
        ("", False),
        (None, False),
        ("http://127.0.0.1:80a80", False),
        ("http://127.0.0.1:99999", False),
        ("http://127.0.0.1:0", False),
        ("http://[::1", False),
        ("http://", False),
    ],
)
def test_an_address_has_a_scheme_and_a_host(host, expected):
    """Anything else is not connected to."""
    assert is_address(host) is expected


class Users(User):
    """Users with two tasks."""

    @task
    @tag("slow")
    def one(self): ...

    @task
    def other(self): ...


@pytest.mark.parametrize(
    ("tags", "excluded", "is_left"),
    [
        (None, None, True),
        (["slow"], None, True),
        (["smoke"], None, False),
        (None, ["slow"], True),
        (["slow"], ["slow"], False),
    ],
)
def test_a_filter_that_leaves_no_task_is_seen(tags, excluded, is_left):
    """The users would send nothing, and the run wait for them."""
    assert _has_task(Users, Namespace(tags=tags, exclude_tags=excluded)) is is_left


@pytest.mark.parametrize("option", ["--batch-size", "--examples"])
def test_a_number_that_is_none_is_refused(parser, capsys, option):
    """With exit code 2."""
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args([option, "0"])
    assert f"argument {option}: '0' is not a whole number from 1 up" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("users", "host", "says"),
    [
        (1, "nowhere", "argument -H/--host: 'nowhere' is no server's address; give one, like http://127.0.0.1:8080"),
        (0, "http://127.0.0.1:9", "argument -u/--users: 0 is not a whole number from 1 up"),
    ],
)
def test_options_with_which_no_run_can_be_made_are_one_line(capsys, users, host, says):
    """With exit code 2, before any user is started."""
    options = Namespace(num_users=users, headless=True, tags=None, exclude_tags=None, spawn_rate=None)
    environment = Environment(user_classes=[Users], host=host, parsed_options=options)
    with pytest.raises(SystemExit, match="2"):
        check(environment, None)
    assert capsys.readouterr().err.splitlines() == [f"locust: error: {says}"]
