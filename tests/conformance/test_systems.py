"""Every system goes through the same conformance test: what `bench` relies on, whichever serves."""

import time
from pathlib import Path

import pytest
import requests

from servecost.bench.arms.server import ServerFailed, ask, serving
from servecost.bench.processes.process import free_port, is_taken
from servecost.core import recipe, systems
from tests.support import write_recipe

pytestmark = pytest.mark.usefixtures("no_orphans")
# One of text and one of files.
FILES = (
    "example = [b'abc', b'\\xff\\x00']",
    "def predictor(inputs, batch_size=1): return [len(item) for item in inputs]",
)


@pytest.fixture(params=["text", "files"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[recipe.Recipe, list]:
    """Return a recipe and the right answers to its example."""
    if request.param == "text":
        chosen = recipe.load("echo")
        return chosen, list(chosen.example)
    return recipe.load(write_recipe(tmp_path / "sizes", *FILES)), [3, 2]


@pytest.mark.parametrize("name", systems.available())
def test_a_system_serves_on_loopback_until_it_is_stopped(name: str, served, tmp_path: Path):
    """It answers rightly, tells of itself, leaves the recipe's folder as it was, and frees its port."""
    chosen, expected = served
    system, port = systems.load(name), free_port()
    before = sorted(chosen.folder.rglob("*"))
    with serving(chosen, system, lambda: expected, port, 60, {}, tmp_path) as server:
        assert ask(chosen, server.address) == expected
        assert all(isinstance(value, int | float) for value in server.facts.values())
        assert [process.exit_code for process in server.processes] == [None] * len(server.processes)
        for process in server.processes:
            assert process.log.parent == tmp_path
    assert system.LABEL
    assert sorted(chosen.folder.rglob("*")) == before
    assert not is_taken(port)


@pytest.mark.parametrize("name", systems.available())
def test_a_server_is_ready_only_after_the_right_answers_are_known(name: str, tmp_path: Path):
    """It loads its model meanwhile; its predictor is not called."""
    chosen, known_s = recipe.load(write_recipe(tmp_path / "mine")), []

    def expected() -> list[str]:
        time.sleep(1.5)
        known_s.append(time.perf_counter_ns())
        return ["a"]

    (tmp_path / "logs").mkdir()
    with serving(chosen, systems.load(name), expected, free_port(), 60, {}, tmp_path / "logs") as server:
        assert [line for line in server.calls() if int(line.split(",")[0]) < known_s[0]] == []


@pytest.mark.parametrize("name", systems.available())
def test_a_server_is_ended_when_the_right_answers_cannot_be_had(name: str, tmp_path: Path, no_orphans: None):
    """And the reason is told."""

    def expected() -> list[str]:
        raise ServerFailed("there is no baseline")

    with (
        pytest.raises(ServerFailed, match="there is no baseline"),
        serving(recipe.load("echo"), systems.load(name), expected, free_port(), 60, {}, tmp_path),
    ):
        pass


# The null system has no other answers than those that it is given as the right ones.
@pytest.mark.parametrize("name", sorted({*systems.available()} - {"null"}))
def test_a_system_that_answers_wrongly_is_not_ready(name: str, tmp_path: Path):
    """The direct arm's answer is the only right one."""
    chosen = recipe.load("echo")
    with (
        pytest.raises(ServerFailed, match="but called directly it gives"),
        serving(chosen, systems.load(name), lambda: ["else"], free_port(), 60, {}, tmp_path),
    ):
        pass


@pytest.mark.parametrize("name", systems.available())
def test_a_paused_server_uses_nothing_and_answers_afterwards(name: str, tmp_path: Path):
    """As if nothing had been; it is the same server."""
    chosen = recipe.load("echo")
    with serving(chosen, systems.load(name), lambda: list(chosen.example), free_port(), 60, {}, tmp_path) as server:
        with server.paused():
            time.sleep(0.2)  # the signals arrive
            members, before_s = server.members(), server.cpu_s()
            time.sleep(1)
            assert server.cpu_s() == before_s
        assert ask(chosen, server.address) == list(chosen.example)
        assert members <= server.members()


def test_what_a_shell_has_set_does_not_configure_fastdeploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """HOST, PORT and the like are common names."""
    for name in ("HOST", "PORT", "TIMEOUT", "WORKERS", "BASE", "OPTIMAL_BATCH_SIZE", "PREDICTOR_NAME"):
        monkeypatch.setenv(name, "7")
    monkeypatch.setenv("ALLOW_PICKLE", "true")
    chosen = recipe.load("echo")
    with serving(
        chosen, systems.load("fastdeploy"), lambda: list(chosen.example), free_port(), 123, {}, tmp_path
    ) as server:
        meta = requests.get(f"{server.address}/meta", timeout=20).json()
    assert (meta["timeout"], meta["is_pickle_allowed"]) == (123, False)
