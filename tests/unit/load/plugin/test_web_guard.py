"""What the web interface refuses before Locust answers."""

from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from servecost.core import systems
from servecost.load.plugin import web_guard
from servecost.load.server_count import Busy

HOST = "http://127.0.0.1:8080"
asked: list[tuple[object, ...]] = []


class Counter:
    """Notes who is asked, and is busy at one host."""

    def __init__(self, host: str, request_count: object) -> None:
        asked.append((host, request_count))
        self._host = host

    def wait_until_quiet(self) -> None:
        if self._host == "http://busy":
            raise Busy("http://busy is busy with others")


@pytest.fixture
def conductor() -> Any:
    """A conductor that is ready for a run."""
    return SimpleNamespace(is_running=False, is_ready=True)


@pytest.fixture
def client(conductor, monkeypatch) -> FlaskClient:
    """A browser at a guarded interface that accepts whatever the guard lets pass."""
    monkeypatch.setattr(web_guard, "ServerCounter", Counter)
    asked.clear()
    app = Flask("locust")
    for path in ("/swarm", "/user", "/stats/reset", "/"):
        app.add_url_rule(path, path, lambda: {"success": True}, methods=["GET", "POST"])
    options = SimpleNamespace(batch_size=1, system=systems.default(), csv_prefix="", html_file="", locustfile="x")
    environment: Any = SimpleNamespace(host=HOST, parsed_options=options)
    web_ui: Any = SimpleNamespace(app=app, host="127.0.0.1")
    web_guard.guard(web_ui, environment, conductor)
    return app.test_client()


def start(client: FlaskClient, **form: str) -> str:
    """Send the form; return the message of a refusal, or nothing."""
    answered: Any = client.post("/swarm", data=form, base_url="http://127.0.0.1:8089").json
    return str(answered.get("message", ""))


@pytest.mark.parametrize("form", [{}, {"user_count": "4", "spawn_rate": "100", "host": HOST, "batch_size": "8"}])
def test_a_right_form_starts_a_run(client, form):
    """Once the server is quiet."""
    assert start(client, **form) == ""
    assert asked == [(HOST, systems.load(systems.default()).request_count)]


@pytest.mark.parametrize("name", systems.available())
def test_every_system_can_be_chosen(client, name):
    """And its own count is asked for, if it has one."""
    assert start(client, system=name) == ""
    assert asked == [(HOST, systems.load(name).request_count)]


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


@pytest.mark.parametrize(
    ("path", "base_url", "headers", "expected"),
    [
        ("/", "http://localhost:8089", {}, 200),
        ("/", "http://localhost:8089", {"Origin": "http://localhost:8089"}, 200),
        ("/", "http://localhost:8089", {"Origin": "http://evil.example"}, 403),
        ("/", "http://evil.example:8089", {}, 403),
        ("/user", "http://localhost:8089", {}, 403),
    ],
)
def test_other_sites_and_other_users_are_refused(client, path, base_url, headers, expected):
    """A page of another site, a name that points here, a change of the user class."""
    assert client.get(path, base_url=base_url, headers=headers).status_code == expected
