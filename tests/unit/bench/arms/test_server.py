"""A server is described by what is served, by whom, and how."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from servecost.bench.arms import server as servers
from servecost.bench.arms.server import Server, ServerSpec, serve
from servecost.bench.processes.process import Command
from servecost.core import call_log, recipe, serving, systems
from servecost.core.serving import Launcher
from servecost.core.system import Served, ServerProcess
from tests.unit.bench.arms.fakes import FakeProcess, FakeTree

SYSTEM = systems.load(systems.default())


def spec_of(tmp_path: Path, **changes: Any) -> ServerSpec:
    return ServerSpec(recipe.load("echo"), SYSTEM, "own/python", tmp_path, 60, {"OMP_NUM_THREADS": "2"}, **changes)


def test_a_server_listens_on_a_free_port_of_loopback(tmp_path: Path):
    """Other machines cannot reach it."""
    served = spec_of(tmp_path).served(tmp_path / "echo")
    assert (served.copy, served.python, served.host, served.request_timeout_s) == (
        tmp_path / "echo",
        "own/python",
        "127.0.0.1",
        60,
    )
    assert len(set(served.ports)) == SYSTEM.ports


def test_a_server_listens_where_a_user_has_it_listen(tmp_path: Path):
    """The port that is asked for is the one that requests are sent to."""
    served = spec_of(tmp_path, listen="0.0.0.0", port=8080).served(tmp_path / "echo")
    assert (served.host, served.port, served.address) == ("0.0.0.0", 8080, "http://127.0.0.1:8080")


def test_settings_that_are_not_given_are_the_systems_defaults(tmp_path: Path):
    """A system may rely on having a value for each."""
    name = next(iter(SYSTEM.settings))
    served = spec_of(tmp_path, settings={name: "7"}).served(tmp_path / "echo")
    assert served.settings == {**SYSTEM.settings, name: "7"}
    assert spec_of(tmp_path).served(tmp_path / "echo").settings == SYSTEM.settings


def test_the_log_of_calls_may_be_read_from_any_line_on(tmp_path: Path):
    """A system that does not call the predictor has none."""
    served = Served(tmp_path, "python3", "127.0.0.1", (8080,), 60)
    server = Server(SYSTEM, served, [], {}, cast(Any, FakeTree()))
    assert server.calls() == []
    (tmp_path / call_log.LOG).write_text("1,2,3,4\n5,6,7,8\n")
    assert (server.calls(), server.calls(1), server.calls(2)) == (["1,2,3,4", "5,6,7,8"], ["5,6,7,8"], [])


def test_a_server_is_started_from_a_copy_and_ended_whatever_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each process has its log in the folder of logs, and its own variables before those of both arms."""
    commands: list[Command] = []
    events: list[str] = []

    @contextmanager
    def running(command: Command) -> Iterator[FakeProcess]:
        commands.append(command)
        try:
            yield FakeProcess(command.name, command.log)
        finally:
            events.append(f"ended {command.name}")

    def start(system: object, served: Served, chosen: object, expected: object, launcher: Launcher) -> None:
        assert (served.copy / "predictor.py").is_file()
        launcher.start(ServerProcess("loop", ("loop",), {"PORT": "1", "OMP_NUM_THREADS": "3"}, tmp_path))
        launcher.start(ServerProcess("rest", ("rest",)))

    monkeypatch.setattr(servers, "running", running)
    monkeypatch.setattr(serving, "start", start)
    monkeypatch.setattr(type(SYSTEM), "facts", lambda *_: {"a": 1.0})
    with pytest.raises(KeyboardInterrupt), serve(spec_of(tmp_path), lambda: ["a"]) as server:
        copy = server.served.copy
        assert (copy.name, server.facts, [process.name for process in server.processes]) == (
            "echo",
            {"a": 1.0},
            ["loop", "rest"],
        )
        assert 0 <= server.start_s < 10
        raise KeyboardInterrupt
    assert [(command.log, command.folder, command.environment) for command in commands] == [
        (tmp_path / "loop.log", tmp_path, {"PORT": "1", "OMP_NUM_THREADS": "3"}),
        (tmp_path / "rest.log", None, {"OMP_NUM_THREADS": "2"}),
    ]
    assert events == ["ended rest", "ended loop"]
    assert not copy.exists()
