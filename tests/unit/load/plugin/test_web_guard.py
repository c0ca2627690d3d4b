"""What the web interface refuses before Locust answers."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from servecost.core import systems
from servecost.load.plugin import web_guard

HOST = "http://127.0.0.1:8080"
asked: list[tuple[object, ...]] = []


class Conductor:
    """Is ready for a run; notes of which server it is asked, and one server is busy."""

    is_running, is_ready = False, True

    def find_other_users(self, host: str, system: str) -> str:
        asked.append((host, system))
        return "http://busy is busy with others" if host == "http://busy" else ""


@pytest.fixture
def conductor() -> Any:
    """A conductor that is ready for a run."""
    return Conductor()


@pytest.fixture
def any_host() -> bool:
    """Whether the interface may choose any server."""
    return True


@pytest.fixture
def client(conductor, any_host) -> FlaskClient:
    """A browser at a guarded interface that accepts whatever the guard lets pass."""
    return guarded(conductor, any_host)


def guarded(conductor: Any = None, any_host: bool = True) -> FlaskClient:
    """Return a browser at a guarded interface; by default, its conductor is ready for a run on any host."""
    asked.clear()
    app = Flask("locust")
    for path in ("/swarm", "/user", "/stats/reset", "/"):
        app.add_url_rule(path, path, lambda: {"success": True}, methods=["GET", "POST"])
    options = SimpleNamespace(
        batch_size=1,
        system=systems.default(),
        csv_prefix="",
        html_file="",
        locustfile="x",
        web_name=["bench.example"],
        any_host=any_host,
    )
    environment: Any = SimpleNamespace(host=HOST, parsed_options=options)
    web_ui: Any = SimpleNamespace(app=app, host="*")
    web_guard.guard(web_ui, environment, conductor or cast(Any, Conductor()))
    return app.test_client(use_cookies=False)  # whose parser knows no odd addresses


def start(client: FlaskClient, **form: str) -> str:
    """Send the form; return the message of a refusal, or nothing."""
    answered: Any = client.post("/swarm", data=form, base_url="http://127.0.0.1:8089").json
    return str(answered.get("message", ""))


ALL = {"user_count": "4", "spawn_rate": "100", "host": HOST, "batch_size": "8", "examples": "100"}
ALL |= {"request_timeout": "60", "system": systems.default(), "warm_ups": "1"}


@pytest.mark.parametrize("form", [{}, ALL])
def test_a_right_form_starts_a_run(client, form):
    """Once the server is quiet."""
    assert start(client, **form) == ""
    assert asked == [(HOST, systems.default())]


@pytest.mark.parametrize("name", systems.available())
def test_every_system_can_be_chosen(client, name):
    """It is asked whether others use it, if it keeps a count."""
    assert start(client, system=name) == ""
    assert asked == [(HOST, name)]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"system": "nope"}, "System: unknown system 'nope'; there are: "),
        ({"system": ""}, "System: unknown system ''"),
        ({"system": "../x"}, "System: unknown system '../x'"),
        ({"batch_size": "0"}, "Batch size: '0' is not a whole number from 1 up"),
        ({"warm_ups": "many"}, "Warm ups: 'many' is not a whole number from 0 up"),
        ({"user_count": "0"}, "User count: '0' is not a whole number from 1 up"),
        ({"host": "nowhere"}, "Host: 'nowhere' is no server's address; give one, like http://127.0.0.1:8080"),
        ({"host": "http://busy"}, "http://busy is busy with others"),
        ({"html_file": "/tmp/report.html"}, "Html file cannot be set from the web interface"),
        ({"csv_prefix": "/tmp/x"}, "Csv prefix cannot be set from the web interface"),
        ({"locustfile": "/etc/passwd"}, "Locustfile cannot be set from the web interface"),
    ],
)
def test_a_wrong_value_is_a_message_and_no_run(client, form, message):
    """In one line, which the form shows."""
    given = start(client, **form)
    assert given.startswith(message)
    assert "\n" not in given


def test_one_run_at_a_time(client, conductor):
    """The statistics of the one in progress are kept, too."""
    conductor.is_running = True
    assert start(client).startswith("A run is in progress")
    assert client.get("/stats/reset", base_url="http://localhost").status_code == 409


def test_a_start_right_after_a_run_waits_until_it_is_over(client, monkeypatch):
    """Its files are being written."""
    states = iter([False, False, True, True])
    monkeypatch.setattr(Conductor, "is_ready", property(lambda self: next(states)))
    assert start(client) == ""
    assert list(states) == []


@pytest.mark.parametrize(
    ("path", "base_url", "headers", "expected"),
    [
        ("/", "http://localhost:8089", {}, 200),
        ("/", "http://localhost:8089", {"Origin": "http://localhost:8089"}, 200),
        ("/", "http://localhost:8089", {"Origin": "http://evil.example"}, 403),
        ("/", "http://evil.example:8089", {}, 403),
        ("/", "http://evil.example:8089", {"Origin": "http://evil.example:8089"}, 403),
        ("/", "http://bench.example:8089", {"Origin": "http://bench.example:8089"}, 200),
        ("/", "http://10.0.0.7:8089", {"Origin": "http://10.0.0.7:8089"}, 200),
        ("/", "http://[::1]:8089", {}, 200),
        ("/user", "http://localhost:8089", {}, 403),
    ],
)
def test_other_sites_and_other_users_are_refused(client, path, base_url, headers, expected):
    """A page of another site, a name that points here, a change of the user class."""
    assert client.get(path, base_url=base_url, headers=headers).status_code == expected


@pytest.mark.parametrize("any_host", [False])
@pytest.mark.parametrize(("host", "is_given"), [(HOST, True), (HOST + "/", True), ("http://127.0.0.1:9", False)])
def test_the_given_server_is_the_only_one_unless_it_was_asked_for_more(client, host, is_given):
    """Or the web interface could be made to post anywhere."""
    message = start(client, host=host)
    assert message.startswith("" if is_given else f"Host: {host!r} is not the given server, {HOST}; start Locust with")
    assert bool(message) != is_given
