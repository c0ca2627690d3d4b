"""All descendants of a command are stopped, continued and counted together."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psutil
import pytest

from servecost.bench.processes import tree as tree_module
from servecost.bench.processes.process import Process
from servecost.bench.processes.tree import Tree


class FakeMember:
    """A process, in a group of its own."""

    def __init__(self, pid: int, cpu_s: float = 0.0) -> None:
        self.pid, self._cpu_s = pid, cpu_s
        self.group = pid
        self.is_stopped = self.has_ended = self.is_zombie = False

    def create_time(self) -> float:
        return 1000.0 + self.pid

    def cpu_times(self) -> SimpleNamespace:
        self._check()
        return SimpleNamespace(user=self._cpu_s, system=self._cpu_s / 2)

    def is_running(self) -> bool:
        return not self.has_ended

    def status(self) -> str:
        self._check()
        return psutil.STATUS_ZOMBIE if self.is_zombie else psutil.STATUS_SLEEPING

    def _check(self) -> None:
        if self.has_ended:
            raise psutil.NoSuchProcess(self.pid)


class Machine:
    """The descendants of the one command that there is, whose process id is 1.

    Attributes:
        members: what a walk finds.
        told: the groups that were told to stop or to continue, in their order.
        on_look: called whenever somebody asks whether a process is at rest.
    """

    def __init__(self) -> None:
        self.members = [FakeMember(2, 0.5), FakeMember(3, 1.0)]
        self.told: list[int] = []
        self.on_look: Callable[[int], object] = lambda pid: None

    def process(self, pid: int) -> SimpleNamespace:
        if pid != 1:
            raise psutil.NoSuchProcess(pid)
        return SimpleNamespace(children=lambda recursive: [each for each in self.members if not each.has_ended])

    def getpgid(self, pid: int) -> int:
        return next(each.group for each in self.members if each.pid == pid)

    def killpg(self, group: int, number: int) -> None:
        self.told.append(group)
        for each in self.members:
            if each.group == group:
                each.is_stopped = number == signal.SIGSTOP

    def is_at_rest(self, pid: int) -> bool:
        self.on_look(pid)
        return all(each.is_stopped for each in self.members if each.pid == pid and not each.has_ended)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a machine with two processes."""
    made = Machine()
    monkeypatch.setattr(psutil, "Process", made.process)
    monkeypatch.setattr(tree_module, "os", SimpleNamespace(getpgid=made.getpgid, killpg=made.killpg))
    monkeypatch.setattr(tree_module, "is_at_rest", made.is_at_rest)
    monkeypatch.setattr(tree_module, "STOP_POLL_S", 0.0)
    return made


@pytest.fixture
def children(machine: Machine) -> list[FakeMember]:
    """Return its processes."""
    return machine.members


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


def rested(tree: Tree) -> bool:
    """Stop a tree; return whether processes were found that it had not known."""
    tree.stop()
    return tree.settle()


def test_all_members_are_stopped_and_continued(children: list[FakeMember]):
    """A member that has ended is no reason to leave the others running."""
    children[0].has_ended = True
    tree = of_commands(1)
    rested(tree)
    assert [member.is_stopped for member in children] == [False, True]
    tree.resume()
    assert [member.is_stopped for member in children] == [False, False]


def test_those_that_are_known_are_told_at_once_and_the_others_after_a_walk(machine: Machine):
    """A walk over all processes takes long, and what runs meanwhile takes time from the other arm."""
    tree = of_commands(1)
    assert rested(tree)
    tree.resume()
    machine.members.insert(0, late := FakeMember(4))
    machine.told.clear()
    tree.stop()
    assert sorted(machine.told) == [2, 3]
    assert tree.settle()
    assert machine.told[2:] == [4]
    tree.resume()
    assert not late.is_stopped
    assert not rested(tree)  # and the next stop knows it
    assert late.is_stopped


def test_a_group_is_told_once(machine: Machine):
    """All that are in it stop, also one that no walk has found yet."""
    machine.members[1].group = 2
    tree = of_commands(1)
    rested(tree)
    assert machine.told == [2]
    tree.resume()
    machine.members.append(late := FakeMember(4))
    late.group = 2
    tree.stop()
    assert late.is_stopped
    assert not tree.settle()  # nothing ran for longer than it was told


def test_a_fork_that_had_begun_ends_before_its_child_is_looked_for(machine: Machine):
    """A signal does not stop a process in the middle of a fork; its child would run on beside the other arm."""
    late, looks = FakeMember(4), []
    machine.members[1].is_stopped = False

    def look(pid: int) -> None:
        looks.append(pid)
        if looks.count(3) < 3:
            machine.members[1].is_stopped = False
        elif late not in machine.members:
            machine.members[1].is_stopped = True
            machine.members.append(late)

    machine.on_look = look
    rested(of_commands(1))
    assert late.is_stopped
    assert looks.count(3) >= 3


def test_a_process_that_does_not_stop_is_not_waited_for_for_ever(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    """It is one that the kernel holds, say."""
    monkeypatch.setattr(tree_module, "STOP_LIMIT_S", 0.0)
    monkeypatch.setattr(tree_module, "is_at_rest", lambda pid: False)
    rested(of_commands(1))
    assert [member.is_stopped for member in machine.members] == [True, True]


def test_an_id_that_another_process_has_by_now_is_not_told(machine: Machine):
    """Not to stop, and not to continue."""
    tree = of_commands(1)
    rested(tree)
    machine.members[0].has_ended = True
    machine.told.clear()
    tree.resume()
    rested(tree)
    assert machine.told == [3, 3]


@pytest.mark.parametrize(
    ("states", "is_so"), [("T", True), ("TT", True), ("TtXZD", True), ("TS", False), ("R", False), ("", True)]
)
def test_a_process_is_at_rest_once_all_of_its_threads_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, states: str, is_so: bool
):
    """The state of a process is that of its first thread alone."""
    for number, state in enumerate(states):
        (thread := tmp_path / "proc" / "7" / "task" / str(number)).mkdir(parents=True)
        (thread / "stat").write_text(f"{number} (a) name) {state} 1 7 7 0")
    monkeypatch.setattr(tree_module, "Path", lambda path: tmp_path / path.lstrip("/"))
    assert tree_module.is_at_rest(7) is is_so


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
