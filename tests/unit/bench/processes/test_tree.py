"""All descendants of a command are stopped, continued and counted together."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import psutil
import pytest

from servecost.bench.processes.process import Process
from servecost.bench.processes.tree import Tree


class FakeMember:
    """A process that notes its signals."""

    def __init__(self, pid: int, cpu_s: float = 0.0) -> None:
        self.pid, self._cpu_s = pid, cpu_s
        self.is_stopped = self.has_ended = False

    def create_time(self) -> float:
        return 1000.0 + self.pid

    def cpu_times(self) -> SimpleNamespace:
        self._check()
        return SimpleNamespace(user=self._cpu_s, system=self._cpu_s / 2)

    def suspend(self) -> None:
        self._check()
        self.is_stopped = True

    def resume(self) -> None:
        self._check()
        self.is_stopped = False

    def _check(self) -> None:
        if self.has_ended:
            raise psutil.NoSuchProcess(self.pid)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[FakeMember]]:
    """Return the descendants of the one command that there is, whose process id is 1."""
    members = [FakeMember(2, 0.5), FakeMember(3, 1.0)]

    def process(pid: int) -> SimpleNamespace:
        if pid != 1:
            raise psutil.NoSuchProcess(pid)
        return SimpleNamespace(children=lambda recursive: list(members))

    monkeypatch.setattr(psutil, "Process", process)
    yield members


def of_commands(*pids: int) -> Tree:
    return Tree([cast(Process, SimpleNamespace(pid=pid)) for pid in pids])


def test_members_are_told_apart_by_id_and_start(children: list[FakeMember]):
    """The system may give an id to another process; a command that has ended has no members."""
    assert of_commands(1, 77).members() == {(2, 1002.0), (3, 1003.0)}


def test_cpu_time_is_that_of_all_members(children: list[FakeMember]):
    """A member that ends meanwhile is left out."""
    assert of_commands(1).cpu_s() == pytest.approx(2.25)
    children[0].has_ended = True
    assert of_commands(1).cpu_s() == pytest.approx(1.5)


def test_all_members_are_stopped_and_continued(children: list[FakeMember]):
    """A member that has ended is no reason to leave the others running."""
    children[0].has_ended = True
    of_commands(1).suspend()
    assert [member.is_stopped for member in children] == [False, True]
    of_commands(1).resume()
    assert [member.is_stopped for member in children] == [False, False]


def test_a_process_that_was_just_being_started_is_stopped_too(children: list[FakeMember]):
    """Its parent had started it before it was stopped itself."""
    late = FakeMember(4)
    children[1].suspend = lambda: children.append(late) if late not in children else None  # type: ignore[method-assign]
    of_commands(1).suspend()
    assert late.is_stopped
