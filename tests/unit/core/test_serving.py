"""A server is started process after process, and is ready once it answers the example as the direct arm does."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from servecost.core import answers, call_log, encodings, layout, recipe, serving
from servecost.core.system import BadAnswer, Body, Served, ServerProcess, System, Wire
from tests.support import write_recipe
from tests.unit.core.fakes import FakeRunning, FakeTime

RIGHT = ["A", "B"]
NAMES = ("loop", "rest")
LOADING = 503


class ListWire(Wire):
    """A wire of plain JSON lists, with a header of its own."""

    def body(self, inputs: Iterable[Any]) -> Body:
        return encodings.encode(list(inputs), encodings.JSON)._replace(headers=(("X-Kind", "list"),))

    def path(self, request_id: str) -> str:
        return f"/predict/{request_id}"

    def predictions(self, status: int, answer: bytes, request_id: str) -> list[Any]:
        if status != 200:
            raise BadAnswer(f"server says: {status}")
        return list(encodings.decode(answer, encodings.JSON))

    def inputs(self, content: bytes) -> list[Any]:
        return list(encodings.decode(content, encodings.JSON))

    def answer(self, predictions: Sequence[Any], request_id: str) -> bytes:
        return encodings.encode(list(predictions), encodings.JSON).content

    def check_answers(self, answers: Sequence[Any]) -> None:
        encodings.check_answers(answers, encodings.JSON)


class TwoProcesses(System):
    """A system of two processes; the second waits until the first is up."""

    label = "two processes"
    loading_statuses = (LOADING,)

    def __init__(self, is_up: Callable[[], bool] = lambda: True) -> None:
        self._is_up = is_up

    def wire(self, input_type: str) -> Wire:
        return ListWire()

    def processes(self, served: Served) -> list[ServerProcess]:
        loop, rest = NAMES
        return [ServerProcess(loop, (loop,), is_up=self._is_up), ServerProcess(rest, (rest,))]


@dataclass
class Start:
    """One start of a server, of which everything is fake but its order and its limits.

    Attributes:
        answered: what a request to the server gives: status and answer, or an error; the last one is given for ever.
        events: what happened, in its order.
    """

    copy: Path
    clock: FakeTime
    system: System = field(default_factory=TwoProcesses)
    answered: list[tuple[int, object] | Exception] = field(default_factory=lambda: [(200, RIGHT)])
    events: list[str] = field(default_factory=list)
    running: dict[str, FakeRunning] = field(default_factory=dict)
    tick: Callable[[], None] = lambda: None

    def __call__(self) -> list[serving.Running]:
        chosen = recipe.Recipe("mine", self.copy, ("a", "b"))
        served = Served(self.copy, "python", "127.0.0.1", (1,), 60)
        return serving.start(self.system, served, chosen, self.expected, serving.Launcher(self.launch, self.tick))

    def expected(self) -> list[Any]:
        self.events.append("asked for the expected answers")
        return RIGHT

    def launch(self, process: ServerProcess) -> FakeRunning:
        self.events.append(f"started {process.name}")
        self.running[process.name] = FakeRunning(process.name, f"last lines of {process.name}.log:\nthe end")
        return self.running[process.name]

    def post(self, *_: object) -> tuple[int, bytes, str]:
        given = self.answered.pop(0) if len(self.answered) > 1 else self.answered[0]
        self.events.append("asked the server")
        if isinstance(given, Exception):
            raise given
        return given[0], json.dumps(given[1]).encode(), "id"


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Return a start that succeeds at once, to be changed by the test."""
    made = Start(tmp_path, FakeTime())
    monkeypatch.setattr(serving, "time", made.clock)
    monkeypatch.setattr(serving, "_post_example", made.post)
    return made


def test_the_expected_answers_are_written_before_the_second_process_is_started(start: Start):
    """The first process loads its model meanwhile; its predictor waits for that file."""
    assert start() == [start.running[name] for name in NAMES]
    assert start.events[:3] == ["started loop", "asked for the expected answers", "started rest"]
    assert start.events[-1] == "asked the server"
    assert answers.read(start.copy / layout.EXPECTED_JSON) == RIGHT


def test_the_next_process_is_started_once_the_one_before_is_up(start: Start):
    """The display moves on meanwhile."""
    ticks: list[float] = []
    start.tick = lambda: ticks.append(start.clock.now_s)
    began_s = start.clock.now_s
    start.system = TwoProcesses(lambda: start.clock.now_s > began_s + 60)
    start()
    assert start.clock.now_s > began_s + 60
    assert len(ticks) > 100


def test_the_display_moves_on_while_a_server_loads_behind_its_port(start: Start):
    """A server of one process is waited for at its port alone."""
    ticks: list[float] = []
    start.tick = lambda: ticks.append(start.clock.now_s)
    start.answered = [*[ConnectionRefusedError()] * 50, (200, RIGHT)]
    start()
    assert len(ticks) >= 50


def test_a_server_is_asked_until_it_listens_and_has_loaded(start: Start):
    """A refused connection and a status that means loading are no failures."""
    start.answered = [ConnectionRefusedError(), http.client.RemoteDisconnected("closed"), (LOADING, []), (200, RIGHT)]
    start()
    assert start.events.count("asked the server") == 4


@pytest.mark.parametrize(
    ("answered", "says"),
    [
        ((200, ["A", "else"]), r"the example is answered with \['A', 'else'\], but called directly it gives"),
        ((200, ["A"]), "but called directly it gives"),
        ((500, []), "the example is not answered: server says: 500"),
        (TimeoutError("timed out"), "the example is not answered: timed out"),
        (http.client.BadStatusLine("?"), r"the example is not answered: \?"),
    ],
)
def test_a_server_that_answers_otherwise_has_failed(start: Start, answered: Any, says: str):
    """The reason is followed by the end of every process's log."""
    start.answered = [answered]
    with pytest.raises(serving.ServerFailed, match=says) as failed:
        start()
    for name in NAMES:
        assert f"last lines of {name}.log:\nthe end" in str(failed.value)


def test_a_process_that_ends_while_the_server_starts_is_named(start: Start):
    """Only its own log is shown."""

    def end_loop() -> None:
        start.running["loop"].code = 3

    start.tick, start.system = end_loop, TwoProcesses(lambda: False)
    with pytest.raises(serving.ServerFailed, match=r"^its loop process ended with exit code 3\nlast lines of loop"):
        start()
    assert "started rest" not in start.events


def test_a_process_that_ends_before_the_server_answers_is_named(start: Start, monkeypatch: pytest.MonkeyPatch):
    """The server is not asked any longer."""
    start.answered = [ConnectionRefusedError()]
    monkeypatch.setattr(start.clock, "sleep", lambda _: setattr(start.running["rest"], "code", 1))
    with pytest.raises(serving.ServerFailed, match="its rest process ended with exit code 1"):
        start()
    assert start.events.count("asked the server") == 1


def test_a_process_that_is_never_up_is_given_up(start: Start):
    """The limit is ample for slow models."""
    start.system = TwoProcesses(lambda: False)
    began_s = start.clock.now_s
    with pytest.raises(serving.ServerFailed, match=f"its loop process is not ready after {serving.START_LIMIT_S} s"):
        start()
    assert 0 <= start.clock.now_s - began_s - serving.START_LIMIT_S < 1


@pytest.mark.parametrize("answered", [ConnectionRefusedError(), (LOADING, [])])
def test_a_server_that_never_answers_is_given_up(start: Start, answered: Any):
    """A server that says for ever that it is loading is one of those."""
    start.answered = [answered]
    with pytest.raises(serving.ServerFailed, match=f"no answer within {serving.START_LIMIT_S} s"):
        start()


def test_a_server_that_closes_every_connection_has_failed(start: Start):
    """It is up, so waiting for it as long as for a slow model would help nobody."""
    start.answered = [ConnectionRefusedError(), http.client.RemoteDisconnected("closed without an answer")]
    began_s = start.clock.now_s
    with pytest.raises(serving.ServerFailed, match="it has closed every connection without an answer for 20 s"):
        start()
    assert start.clock.now_s - began_s < serving.CLOSING_LIMIT_S + 2


def test_answers_that_the_system_has_no_form_for_end_the_start(start: Start, monkeypatch: pytest.MonkeyPatch):
    """They are known before the server is asked for them."""
    monkeypatch.setattr(start, "expected", lambda: [b"sound", b"sound"])
    with pytest.raises(serving.ServerFailed, match=r"^two processes: the predictor answers with bytes"):
        start()
    assert start.events == ["started loop"]


def test_the_reason_why_there_are_no_expected_answers_reaches_the_caller(start: Start, monkeypatch: pytest.MonkeyPatch):
    """Nothing more is started."""

    def fail() -> list[Any]:
        raise serving.ServerFailed("there is no baseline")

    monkeypatch.setattr(start, "expected", fail)
    with pytest.raises(serving.ServerFailed, match="there is no baseline"):
        start()
    assert start.events == ["started loop"]


def test_processes_that_run_are_alive():
    """The first that has ended is named."""
    running = [FakeRunning(name) for name in NAMES]
    serving.check_alive(running)
    running[1].code = 0
    with pytest.raises(serving.ServerFailed, match=r"^its rest process ended with exit code 0$"):
        serving.check_alive(running)


def test_a_copy_is_served_whose_predictor_logs_its_calls(tmp_path: Path):
    """The recipe's own folder stays as it is."""
    chosen = recipe.load(write_recipe(tmp_path / "mine"))
    before = chosen.fingerprint()
    copy = serving.prepare_copy(chosen, tmp_path / "served")
    assert copy == tmp_path / "served" / "mine"
    assert (copy / f"{call_log.MODULE}.py").is_file()
    assert layout.EXPECTED_JSON in (copy / "predictor.py").read_text()
    assert chosen.fingerprint() == before


class Answering(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    asked: ClassVar[list[tuple[str, str | None, str | None, Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.path, self.headers["Content-Type"], self.headers["X-Kind"], json.loads(body)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(RIGHT).encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def test_the_example_is_sent_as_the_systems_wire_says(tmp_path: Path):
    """Path, body and all headers are the wire's."""
    chosen = recipe.Recipe("mine", tmp_path, ("a", "b"))
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        served = Served(tmp_path, "python", "127.0.0.1", (server.server_port,), 60)
        assert serving.ask(TwoProcesses(), served, chosen) == RIGHT
        thread.join()
    ((path, content_type, kind, body),) = Answering.asked
    assert path.startswith("/predict/")
    assert (content_type, kind, body) == ("application/json", "list", ["a", "b"])
