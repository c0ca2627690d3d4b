"""A server is started when it is first needed, and another one after it was ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import cast

import pytest

from servecost.bench.arms import server_on_demand
from servecost.bench.arms.server import Server
from servecost.bench.arms.server_on_demand import STARTED_LIMIT_S, STARTED_WINDOW_S, ServerOnDemand
from servecost.core.serving import ServerFailed
from tests.unit.bench.arms.fakes import FakeTree
from tests.unit.core.fakes import FakeTime


class BusyTree(FakeTree):
    """Processes that use a whole core for some time after their start."""

    def __init__(self, clock: FakeTime, busy_s: float) -> None:
        super().__init__()
        self._clock, self._began_s, self._busy_s = clock, clock.now_s, busy_s

    def cpu_s(self) -> float:
        return min(self._clock.now_s - self._began_s, self._busy_s)


class Servers:
    """Starts servers that are fake, and notes their lives."""

    def __init__(self, clock: FakeTime) -> None:
        self.clock, self.busy_s = clock, 0.0
        self.events: list[str] = []
        self.fails = False
        self.ticks = 0
        self.on_demand = ServerOnDemand(self.start, self.tick)

    def tick(self) -> None:
        self.ticks += 1

    @contextmanager
    def start(self) -> Iterator[Server]:
        self.events.append("start")
        if self.fails:
            raise ServerFailed("its loop process ended")
        server = SimpleNamespace(tree=BusyTree(self.clock, self.busy_s))
        yield cast(Server, server)
        assert not server.tree.is_suspended, "a stopped process does not hear that it is to end"
        self.events.append("end")


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    """Return a starter of servers whose clock is fake."""
    clock = FakeTime()
    monkeypatch.setattr(server_on_demand, "time", clock)
    return Servers(clock)


def test_a_server_is_started_when_it_is_first_needed(servers: Servers):
    """The same one serves from then on."""
    assert servers.on_demand.current is None
    server = servers.on_demand.get()
    assert servers.on_demand.get() is server is servers.on_demand.current
    assert servers.events == ["start"]


def test_another_server_is_started_after_one_was_ended(servers: Servers):
    """A server that was stopped is continued first."""
    first = servers.on_demand.get()
    first.tree.stop()
    servers.on_demand.end()
    assert servers.on_demand.current is None
    assert servers.on_demand.get() is not first
    servers.on_demand.end()
    servers.on_demand.end()
    assert servers.events == ["start", "end"] * 2


def test_a_server_that_could_not_be_started_is_not_tried_again(servers: Servers):
    """The next runs fail for the same reason, and at once."""
    servers.fails = True
    for _ in range(3):
        with pytest.raises(ServerFailed, match="its loop process ended"):
            servers.on_demand.get()
    assert servers.events == ["start"]


@pytest.mark.parametrize(("busy_s", "waited_s"), [(0.0, STARTED_WINDOW_S), (2.0, 2.25), (1000.0, STARTED_LIMIT_S)])
def test_a_server_that_still_starts_processes_is_waited_for(servers: Servers, busy_s: float, waited_s: float):
    """One that never comes to rest is taken as it is."""
    servers.busy_s, began_s = busy_s, servers.clock.now_s
    servers.on_demand.get()
    assert servers.clock.now_s - began_s == pytest.approx(waited_s)
    assert servers.ticks == pytest.approx(waited_s / STARTED_WINDOW_S)
