"""A cell that is too large for the machine is stopped with a verdict; nothing ends without a reason."""

import json
from pathlib import Path

import pytest

from servecost.bench.arms import served
from servecost.bench.experiment import Experiment
from servecost.bench.processes import watch
from servecost.bench.processes.process import Command, running
from servecost.bench.processes.watch import Watch
from servecost.bench.run import run
from servecost.core import layout, systems
from servecost.core.recipe import load
from servecost.core.verdicts import Verdict
from tests.faults import fault
from tests.support import PATIENCE_S

ECHO = Experiment(
    recipes=["echo"], batch_sizes=[1], concurrencies=[2], examples=60, rounds=1, instrument=False, aa=False
)


@fault("Memory runs out while serving", "the watch on memory finds none left", "INVALID(memory)")
@pytest.mark.usefixtures("no_orphans")
def test_a_served_run_without_memory_is_stopped_and_its_reason_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It gives no number, and the next command makes it again, perhaps on a larger machine."""

    class Exhausted(Watch):
        def look(self) -> Verdict:
            return Verdict("memory", "12 MiB of 100 MiB were left; it was stopped")

    monkeypatch.setattr(served, "Watch", Exhausted)
    (failure,) = run(ECHO, [load("echo")], tmp_path).failures
    assert "INVALID(memory): 12 MiB of 100 MiB were left; it was stopped. Remedy: take smaller" in str(failure)
    failed = tmp_path / "round-1" / "echo" / systems.default() / "b1-c2.failed"
    assert json.loads((failed / layout.FAILURE_JSON).read_text())["rule"] == "memory"
    monkeypatch.undo()
    again = run(ECHO, [load("echo")], tmp_path).failures
    assert {each.verdict.rule for each in again} <= {"clock"}  # which somebody may set in the middle of any run


@fault("Memory runs out in the direct arm", "the watch on memory asks for more than there is", "INVALID(memory)")
@pytest.mark.usefixtures("no_orphans")
def test_a_direct_arm_without_memory_is_stopped_with_a_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It is stopped before anything is served, and no pair is made."""
    monkeypatch.setattr(watch, "MEMORY_LEAST", 2.0)
    (failure,) = run(ECHO, [load("echo")], tmp_path).failures
    assert "users: INVALID(memory): " in str(failure)
    assert not list(tmp_path.rglob(layout.BASELINE_CSV))


def test_a_process_that_was_killed_is_said_to_have_been(tmp_path: Path):
    """The kernel kills one when memory runs out."""
    with running(Command("victim", ["sh", "-c", "kill -9 $$"], tmp_path / "log")) as process:
        assert process.wait(PATIENCE_S) is not None
        assert "ended with exit code 137, killed: by the kernel, if memory ran out" in process.explain_end()
