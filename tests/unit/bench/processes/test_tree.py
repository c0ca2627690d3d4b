"""All descendants of a command are stopped, continued and counted together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psutil
import pytest

from servecost.bench.processes import tree as tree_module
from servecost.bench.processes.process import Process
from servecost.bench.processes.tree import Tree


class FakeMember:
    """A process that notes its signals."""

    def __init__(self, pid: int, cpu_s: float = 0.0) -> None:
        self.pid, self._cpu_s = pid, cpu_s
        self.is_stopped = self.has_ended = self.is_zombie = False

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

    def status(self) -> str:
        self._check()
        if self.is_zombie:
            return psutil.STATUS_ZOMBIE
        return psutil.STATUS_STOPPED if self.is_stopped else psutil.STATUS_SLEEPING

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


def test_a_process_that_nobody_has_waited_for_is_no_member(children: list[FakeMember]):
    """Some servers never learn that one of theirs was killed."""
    children[0].is_zombie = True
    assert of_commands(1).members() == {(3, 1003.0)}


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
    children[1].is_stopped = True
    children[1].suspend = lambda: children.append(late) if late not in children else None  # type: ignore[method-assign]
    of_commands(1).suspend()
    assert late.is_stopped


def test_a_fork_that_had_begun_ends_before_its_child_is_looked_for(children: list[FakeMember]):
    """A signal does not stop a process in the middle of a fork; its child would run on beside the other arm."""
    late, forking = FakeMember(4), children[1]
    readings = iter([psutil.STATUS_RUNNING, psutil.STATUS_RUNNING])

    def status() -> str:
        if (reading := next(readings, psutil.STATUS_STOPPED)) == psutil.STATUS_STOPPED and late not in children:
            children.append(late)
        return reading

    forking.status = status  # type: ignore[method-assign]
    of_commands(1).suspend()
    assert late.is_stopped


def test_a_process_that_does_not_stop_is_not_waited_for_for_ever(
    children: list[FakeMember], monkeypatch: pytest.MonkeyPatch
):
    """It is one that the kernel holds, say."""
    monkeypatch.setattr(tree_module, "STOP_LIMIT_S", 0.0)
    children[0].status = lambda: psutil.STATUS_RUNNING  # type: ignore[method-assign]
    of_commands(1).suspend()
    assert children[1].is_stopped


def test_those_that_the_last_stop_found_are_stopped_first(children: list[FakeMember]):
    """A walk over all processes takes long, and what runs meanwhile takes time from the other arm."""
    tree = of_commands(1)
    tree.suspend()
    tree.resume()
    order: list[int] = []
    late = FakeMember(4)
    for member in (*children, late):
        member.is_stopped = True
        member.suspend = lambda pid=member.pid: order.append(pid)  # type: ignore[method-assign,misc]
    children.insert(0, late)
    tree.suspend()
    assert order == [2, 3, 4]


def test_a_process_that_was_started_since_is_stopped_with_the_others(children: list[FakeMember]):
    """And continued with them; the next stop knows it."""
    tree = of_commands(1)
    tree.suspend()
    tree.resume()
    late = FakeMember(4)
    children.append(late)
    tree.suspend()
    assert late.is_stopped
    tree.resume()
    assert not late.is_stopped


def test_a_known_process_that_has_ended_is_no_reason_to_leave_the_others(children: list[FakeMember]):
    """It is stopped and continued no more."""
    tree = of_commands(1)
    tree.suspend()
    tree.resume()
    children.pop(0).has_ended = True
    tree.suspend()
    assert children[0].is_stopped
    tree.resume()
    assert not children[0].is_stopped


def test_no_process_is_stopped_twice_at_a_time(children: list[FakeMember]):
    """A walk finds those again that were known."""
    stopped: list[int] = []
    for member in children:
        member.is_stopped = True
        member.suspend = lambda pid=member.pid: stopped.append(pid)  # type: ignore[method-assign,misc]
    tree = of_commands(1)
    for _ in range(2):
        tree.suspend()
    assert stopped == [2, 3, 2, 3]


def test_processes_that_nobody_has_stopped_may_be_continued(children: list[FakeMember]):
    """They have been stopped by somebody else, say."""
    children[0].is_stopped = True
    of_commands(1).resume()
    assert not children[0].is_stopped


def test_memory_is_the_sum_of_the_members_peaks(
    children: list[FakeMember], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A member of which the kernel does not say it has none."""
    (tmp_path / "2").write_text("VmPeak:\t 9999 kB\nVmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n")
    (tmp_path / "3").write_text("Name:\tkernel\n")
    children.append(FakeMember(4))
    monkeypatch.setattr(tree_module, "Path", lambda path: tmp_path / path.split("/")[2])
    assert of_commands(1).memory_mib() == 2.0
