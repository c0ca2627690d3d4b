"""One Locust makes all runs of a part, as its web interface starts them, and each is held until it is released."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from servecost.bench.arms import resident
from servecost.bench.arms.protocol import ArmFailed
from servecost.bench.arms.resident import REFUSED_LIMIT_S, START_LIMIT_S, Load, ResidentLocust
from servecost.core import layout, recipe, stops
from tests.unit.bench.arms.fakes import FakeProcess
from tests.unit.core.fakes import FakeTime

LOAD = Load("http://127.0.0.1:8080", "fastdeploy", 4, 8, 60, 480, 20)


class Web:
    """A web interface that is up after some time, and accepts a run after some more.

    Attributes:
        up_after: how often it is asked in vain whether it is there.
        refuses: how often it refuses a run.
        forms: the runs that it was asked for.
    """

    def __init__(self) -> None:
        self.up_after = self.refuses = 0
        self.forms: list[tuple[str, Mapping[str, object]]] = []
        self.trust_env, self.was_closed = True, False

    def get(self, address: str, timeout: float) -> None:
        if self.up_after:
            self.up_after -= 1
            raise requests.ConnectionError("refused")

    def post(self, address: str, data: Mapping[str, object], timeout: float) -> SimpleNamespace:
        self.forms.append((address, data))
        if self.refuses:
            self.refuses -= 1
            return SimpleNamespace(json=lambda: {"success": False, "message": "it is still stopping"})
        return SimpleNamespace(json=lambda: {"success": True})

    def close(self) -> None:
        self.was_closed = True


class Started:
    """A resident Locust whose process and web interface are fake."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.web, self.clock = Web(), FakeTime()
        monkeypatch.setattr(resident, "time", self.clock)
        monkeypatch.setattr(requests, "Session", lambda: self.web)
        monkeypatch.setattr(resident, "Process", self.launch)
        self.folder, self.ticks = folder, 0
        self.locust = ResidentLocust(recipe.load("echo"), folder, Path("expected.json"), {"OMP_NUM_THREADS": "2"})

    def launch(self, command: Any) -> FakeProcess:
        self.process = FakeProcess(command.name, command.log)
        self.process.command = command
        return self.process

    def tick(self) -> None:
        self.ticks += 1


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Started:
    """Return a Locust that has just been started, in a folder in which another has left something."""
    folder = tmp_path / "locust.unfinished"
    folder.mkdir()
    (folder / layout.LOCUST_RUN_JSON).write_text("of another Locust")
    return Started(folder, monkeypatch)


def test_it_is_started_with_its_web_interface_on_loopback(started: Started):
    """Its environment has what both arms have, and names the files by which it is held and stopped."""
    command = started.process.command
    assert command is not None
    options = dict(pairwise(str(word) for word in command.words))
    assert command.words[1:3] == ["-m", "locust"]
    assert "--headless" not in command.words
    assert (options["--web-host"], options["--csv"]) == ("127.0.0.1", str(started.folder / layout.LOCUST_PREFIX))
    assert Path(options["-f"]).is_file()
    assert command.environment == {
        "OMP_NUM_THREADS": "2",
        "EXPECTED_ANSWERS": "expected.json",
        "RECIPE": str(recipe.load("echo").folder),
        layout.HOLD_UNTIL: str(started.folder / "release"),
        stops.VARIABLE: str(started.locust.stops_csv),
        layout.INPUTS: recipe.load("echo").inputs.digest,
        "HOME": str(started.folder),
        "PYTHONPATH": str(recipe.ROOT),
    }
    assert not [name for name in command.variables if name.startswith("LOCUST_")]
    assert started.web.trust_env is False  # a proxy of the shell's is none for the loopback


def test_what_another_has_left_is_no_run_of_it(started: Started):
    """Its folder is empty at first."""
    assert started.locust.files() == []


def test_it_is_up_once_its_web_interface_answers(started: Started):
    """Its progress is shown meanwhile."""
    started.web.up_after = 5
    started.locust.wait_until_up(started.tick)
    assert started.ticks == 6


def test_one_that_does_not_come_up_has_failed(started: Started):
    """It is not waited for for ever."""
    started.web.up_after = 10**9
    begin_s = started.clock.now_s
    with pytest.raises(ArmFailed, match=r"INVALID\(interrupted\): Locust does not answer \(log: "):
        started.locust.wait_until_up(started.tick)
    assert START_LIMIT_S <= started.clock.now_s - begin_s < START_LIMIT_S + 1


def test_one_that_has_ended_says_why(started: Started):
    """The last line of its log does."""
    started.process.code = 1
    started.process.log.write_text("Traceback\nImportError: no such module\n")
    for call in (lambda: started.locust.wait_until_up(started.tick), lambda: started.locust.start(LOAD)):
        with pytest.raises(ArmFailed, match=r"INVALID\(interrupted\): locust ended .*ImportError: no such module"):
            call()


def test_a_run_is_asked_for_as_the_web_interface_does(started: Started):
    """Its form has the whole load."""
    started.locust.start(LOAD)
    ((address, form),) = started.web.forms
    assert address.endswith("/swarm")
    assert form == {
        "user_count": 4,
        "spawn_rate": resident.SPAWN_RATE,
        "host": LOAD.host,
        "system": "fastdeploy",
        "batch_size": 8,
        "examples": 60,
        "request_timeout": 480,
        "warm_seconds": 20,
    }


def test_a_run_that_is_refused_is_asked_for_again(started: Started):
    """Locust is still busy with the end of the one before."""
    started.web.refuses = 3
    started.locust.start(LOAD)
    assert len(started.web.forms) == 4


def test_a_run_that_is_refused_for_long_has_failed(started: Started):
    """Locust's reason is said."""
    started.web.refuses = 10**9
    begin_s = started.clock.now_s
    with pytest.raises(ArmFailed, match=r"Locust starts no run: it is still stopping \(log: "):
        started.locust.start(LOAD)
    assert REFUSED_LIMIT_S <= started.clock.now_s - begin_s < REFUSED_LIMIT_S + 1


def test_a_run_is_held_until_it_is_released(started: Started):
    """And the next one is, although the one before was released."""
    held = started.folder / "release"
    for _ in range(2):
        started.locust.start(LOAD)
        assert not held.exists()
        started.locust.release()
        assert held.exists()


def test_the_files_of_a_run_are_handed_over(started: Started, tmp_path: Path):
    """Nothing of them is left; its log and its stops stay."""
    started.locust.start(LOAD)
    for path in (started.locust.warm_json, started.locust.run_json, started.locust.stops_csv):
        path.write_text("of this run")
    started.locust.hand_over(tmp_path)
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        layout.LOCUST_WARM_JSON,
        layout.LOCUST_RUN_JSON,
    }
    assert {path.name for path in started.folder.iterdir()} == {"locust.log", "stops.csv"}


def test_files_of_an_earlier_run_are_none_of_the_next(started: Started):
    """One that failed while it was warmed has left some."""
    started.locust.run_json.write_text("of an earlier run")
    started.locust.start(LOAD)
    assert started.locust.files() == []


def test_it_ends_with_its_connections(started: Started):
    """None is left open."""
    started.locust.end()
    assert (started.web.was_closed, started.process.was_ended) == (True, True)
