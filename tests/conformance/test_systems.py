"""Every system passes the same tests, for either type of input: what the bench and the load rely on."""

from __future__ import annotations

import ast
import http.client
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from servecost.bench.arms.records import check_server
from servecost.bench.arms.server import Server, ServerSpec, serve
from servecost.bench.environments import Environments
from servecost.bench.processes.process import is_taken
from servecost.core import call_log, recipe, systems
from servecost.core.serving import ServerFailed, ask
from servecost.core.system import VARIANT_SIGN, BadAnswer, Wire
from tests.support import PATIENCE_S, write_recipe

pytestmark = pytest.mark.usefixtures("no_orphans", "hostile_shell")

TEXTS = ("example = ['a', 'b']", "def predictor(inputs, batch_size=1): return [item.upper() for item in inputs]")
FILES = (
    "example = [b'abc', b'\\xff\\x00']",
    "def predictor(inputs, batch_size=1): return [{'size': len(item), 'half': len(item) / 2} for item in inputs]",
)
REST_S = 7
NO_ANSWERS = ((200, b"<html>"), (200, b"17"), (200, b""), (500, b"Internal Server Error"), (404, b"{}"))
# The systems whose packages `make setup` installs; an environment has to be built for any other one.
INSTALLED = ("delay", "fastapi", "fastdeploy", "null", "uvicorn")


def each(names: Iterable[str]) -> list[Any]:
    """Return the systems as parameters of a test; those that pip has to install first need a package index."""
    is_here = {name: systems.folder_of(name).name in INSTALLED for name in names}
    return [pytest.param(name, marks=() if here else pytest.mark.network) for name, here in is_here.items()]


# What somebody's shell may have set: names that a system reads, common ones among them, and what they would do to it.
HOSTILE = {
    **dict.fromkeys(("HOST", "BASE", "PREDICTOR_NAME", "INPUT_TYPE"), "7"),
    **dict.fromkeys(
        ("PORT", "PORTS", "HTTP_PORT", "METRICS_PORT", "TIMEOUT", "TIMEOUT_S", "KEEP_ALIVE", "KEEP_ALIVE_S"), "7"
    ),
    **dict.fromkeys(
        ("WORKERS", "WEB_CONCURRENCY", "OPTIMAL_BATCH_SIZE", "MAX_REQUEST_BATCH_SIZE", "MAX_BATCH_SIZE"), "7"
    ),
    **dict.fromkeys(("BATCH_WINDOW_MS", "MAX_LATENCY_MS"), "60000"),
    "ALLOW_PICKLE": "true",
    "GUNICORN_CMD_ARGS": "--workers 7",
    "UVICORN_ROOT_PATH": "/elsewhere",
    "UVICORN_LIMIT_CONCURRENCY": "0",
    "BENTOML_CONFIG": "nowhere.yaml",
    "RAY_ADDRESS": "203.0.113.1:6379",
    "MLSERVER_PARALLEL_WORKERS": "7",
    "MOSEC_PORT": "7",
    "TS_CONFIG_FILE": "nowhere.properties",
}
SERVED = systems.available()
WITHOUT_VARIANTS = [name for name in SERVED if VARIANT_SIGN not in name]
RIGHT: dict[str, list[Any]] = {"json": ["A", "B"], "msgpack": [{"size": 3, "half": 1.5}, {"size": 2, "half": 1.0}]}


@pytest.fixture(scope="module", params=["json", "msgpack"])
def chosen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> recipe.Recipe:
    """Return a recipe with inputs of that type."""
    content = TEXTS if request.param == "json" else FILES
    found = recipe.load(write_recipe(tmp_path_factory.mktemp("recipes") / request.param, *content))
    assert found.input_type == request.param
    return found


@pytest.fixture
def hostile_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a shell that would configure every system."""
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)


@contextmanager
def served(
    name: str, chosen: recipe.Recipe, logs: Path, expected: Callable[[], list[Any]] | None = None
) -> Iterator[Server]:
    """Serve a recipe in the environment that the bench would choose."""
    system = systems.load(name)
    python = Environments(say=print).python_for(chosen, system)
    spec = ServerSpec(chosen, system, python, logs, request_timeout_s=60)
    with serve(spec, expected or (lambda: RIGHT[chosen.input_type])) as server:
        yield server


def post(server: Server, wire: Wire, inputs: list[Any]) -> requests.Response:
    """Send inputs to a server; it has a minute to answer."""
    body = wire.body(inputs)
    headers = {"Content-Type": body.content_type, **dict(body.headers)}
    return requests.post(server.address + wire.path("run-7"), data=body.content, headers=headers, timeout=60)


def seen_within(seconds: float, is_so: Callable[[], bool]) -> bool:
    """Say whether something becomes so in time."""
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        if is_so():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("name", systems.available())
def test_a_system_describes_itself(name: str):
    """Its folder's name, a label, settings as words; its wire gives the same bytes for the same inputs.

    The null system can stand in its place: it reads a request's inputs, and writes an answer.
    """
    system = systems.load(name)
    assert (system.name, system.folder) == (name, systems.folder_of(name))
    assert system.label
    assert all(isinstance(word, str) for item in system.settings.items() for word in item)
    for input_type, inputs in (("json", ["a", {"b": 1}]), ("msgpack", [b"\x00\xff", b""])):
        wire = system.wire(input_type)
        body = wire.body(inputs)
        assert body == wire.body(tuple(inputs))
        assert isinstance(body.content, bytes)
        assert "/" in body.content_type
        assert wire.path("run-7").startswith("/")
        assert wire.inputs(body.content) == list(inputs)
        predictions = [{"size": 1, "half": 0.5}, "é"]
        assert wire.predictions(200, wire.answer(predictions, "run-7"), "run-7") == predictions
        for status, answer in NO_ANSWERS:
            with pytest.raises(BadAnswer) as refused:
                wire.predictions(status, answer, "run-7")
            assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", each(SERVED))
def test_a_system_serves_on_loopback_until_it_is_ended(name: str, chosen: recipe.Recipe, tmp_path: Path):
    """It answers correctly, tells of itself, logs its calls, leaves the recipe's folder as it was, and frees its port.

    Stopped and continued, it is the same server; stopped, it uses nothing. A predictor that fails is no answer; a
    process that is killed is missed.
    """
    before = sorted(chosen.folder.rglob("*"))
    with served(name, chosen, tmp_path) as server:
        system = server.system
        assert ask(system, server.served, chosen) == RIGHT[chosen.input_type]
        assert all(isinstance(value, int | float) for value in server.facts.values())
        assert [process.exit_code for process in server.processes] == [None] * len(server.processes)
        assert {process.log.parent for process in server.processes} == {tmp_path}
        if system.calls_predictor:
            words = [line.split(",")[: len(call_log.COLUMNS)] for line in server.calls()]
            calls = [dict(zip(call_log.COLUMNS, own, strict=True)) for own in words]
            assert calls[-1]["inputs"] == str(len(chosen.example))
        server.tree.stop()
        server.tree.settle()
        assert {psutil.Process(pid).status() for pid, _ in server.tree.members()} == {psutil.STATUS_STOPPED}
        members, before_s = server.tree.members(), server.tree.cpu_s()
        time.sleep(0.5)
        assert server.tree.cpu_s() == before_s
        server.tree.resume()
        assert ask(system, server.served, chosen) == RIGHT[chosen.input_type]
        assert members <= server.tree.members()
        if system.calls_predictor and chosen.input_type == "json":
            wire = system.wire("json")
            answer = post(server, wire, [17])  # a number has no upper case
            with pytest.raises(BadAnswer) as refused:
                wire.predictions(answer.status_code, answer.content, "run-7")
            assert "\n" not in str(refused.value)
            assert ask(system, server.served, chosen) == RIGHT["json"]
        members = server.tree.members()
        os.kill(max(members, key=lambda member: member[1])[0], signal.SIGKILL)  # the youngest: mostly the predictor's
        assert seen_within(PATIENCE_S, lambda: not check_server(server, members).is_valid)
        port = server.served.port
    assert sorted(chosen.folder.rglob("*")) == before
    assert not is_taken(port)


@pytest.mark.parametrize("name", each(name for name in WITHOUT_VARIANTS if systems.load(name).can_be_stopped))
def test_a_rest_closes_no_connection(name: str, tmp_path: Path):
    """Many servers close a connection that is idle for 5 s; users that are connected would have to connect anew."""
    chosen = recipe.load(write_recipe(tmp_path / "mine"))
    (tmp_path / "logs").mkdir()
    with served(name, chosen, tmp_path / "logs", lambda: ["a"]) as server:
        connection = http.client.HTTPConnection(server.served.host, server.served.port, timeout=60)
        assert asked(server, connection)
        connection.auto_open = 0  # from now on, a request without a connection fails
        server.tree.stop()
        server.tree.settle()
        time.sleep(REST_S)
        server.tree.resume()
        time.sleep(0.2)  # what is overdue is done now
        assert asked(server, connection) == server.system.keeps_idle


def asked(server: Server, connection: http.client.HTTPConnection) -> bool:
    """Ask a server by a connection; say whether that was open, and is kept. Its answer is checked."""
    wire = server.system.wire("json")
    body = wire.body(["a"])
    try:
        headers = {"Content-Type": body.content_type, **dict(body.headers)}
        connection.request("POST", wire.path("run-7"), body.content, headers)
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    assert wire.predictions(answer.status, answer.read(), "run-7") == ["a"]
    return connection.sock is not None


@pytest.mark.parametrize("name", each(WITHOUT_VARIANTS))
def test_a_server_is_ready_only_after_the_right_answers_are_known(name: str, tmp_path: Path):
    """It loads its model meanwhile; its predictor is not called."""
    chosen, known_ns = recipe.load(write_recipe(tmp_path / "mine")), []

    def expected() -> list[str]:
        time.sleep(1.0)
        known_ns.append(time.perf_counter_ns())
        return ["a"]

    (tmp_path / "logs").mkdir()
    with served(name, chosen, tmp_path / "logs", expected) as server:
        assert [line for line in server.calls() if int(line.split(",")[0]) < known_ns[0]] == []


@pytest.mark.parametrize("name", each(WITHOUT_VARIANTS))
def test_a_server_is_ended_when_the_right_answers_cannot_be_had(name: str, tmp_path: Path):
    """The reason is given."""

    def expected() -> list[str]:
        raise ServerFailed("there is no baseline")

    with (
        pytest.raises(ServerFailed, match="there is no baseline"),
        served(name, recipe.load("echo"), tmp_path, expected),
    ):
        pass


# A system that does not call the predictor has no other answers than the right ones that it is given.
@pytest.mark.parametrize("name", each(name for name in WITHOUT_VARIANTS if systems.load(name).calls_predictor))
def test_a_system_that_answers_wrongly_is_not_ready(name: str, tmp_path: Path):
    """The direct arm's answer is the only right one."""
    with (
        pytest.raises(ServerFailed, match="but called directly it gives"),
        served(name, recipe.load("echo"), tmp_path, lambda: ["else"]),
    ):
        pass


def test_what_a_shell_has_set_does_not_configure_fastdeploy(tmp_path: Path):
    """By what it says of itself."""
    chosen = recipe.load("echo")
    with served("fastdeploy", chosen, tmp_path, lambda: list(chosen.example)) as server:
        meta = requests.get(f"{server.address}/meta", timeout=20).json()
    assert (meta["timeout"], meta["is_pickle_allowed"]) == (60, False)


def test_what_a_system_is_called_and_how_it_speaks_is_known_in_its_folder_alone():
    """No code of the package names a system; prose may."""
    offenders = []
    for path in sorted((recipe.ROOT / "servecost").rglob("*.py")):
        code = "\n".join(line for line in _without_prose(path.read_text()).splitlines())
        offenders += [f"{path.name}: {name}" for name in ("fastdeploy", "fastapi", "unique_id") if name in code.lower()]
    assert offenders == []


def _without_prose(source: str) -> str:
    """Return Python source without comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                value.value = ""
    return ast.unparse(tree)
