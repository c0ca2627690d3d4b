"""A cell that is too large for the machine is stopped and told; nothing is endured, nothing dies in silence."""

import json
import re
from pathlib import Path

import psutil
import pytest

from servecost.bench.arms import served
from servecost.bench.experiment import Experiment
from servecost.bench.processes import watch
from servecost.bench.processes.process import running
from servecost.bench.processes.watch import Watch
from servecost.bench.run import run
from servecost.bench.scripts import reason_of
from servecost.core import layout
from servecost.core.recipe import load
from servecost.core.verdicts import Verdict


def test_a_machine_at_rest_has_what_a_run_needs(tmp_path: Path):
    """And the manifest says how much was left."""
    own = Watch(tmp_path)
    assert own.look().is_valid
    found = own.found()
    assert 0 < found["memory_free_least_gib"] < psutil.virtual_memory().total / 2**30
    assert found["disk_free_least_gib"] > 0
    assert found["swapped_out_mib"] >= 0


@pytest.mark.parametrize(
    ("limit", "value", "rule", "says"),
    [
        ("MEMORY_LEAST", 2.0, "memory", r"[\d,]+ MiB of [\d,]+ MiB were left; it was stopped"),
        ("SWAPPED_MOST_MIB", -1.0, "memory", r"0 MiB were swapped out; it was stopped"),
        ("DISK_LEAST_MIB", 1e12, "disk", r"[\d,]+ MiB of disk were left; it was stopped"),
    ],
)
def test_what_is_at_its_end_is_named(tmp_path: Path, monkeypatch, limit: str, value: float, rule: str, says: str):
    """The limits are moved to where this machine is."""
    monkeypatch.setattr(watch, limit, value)
    verdict = Watch(tmp_path).look()
    assert verdict.rule == rule
    assert re.fullmatch(says, verdict.reason)


ECHO = Experiment(recipes=["echo"], batch_sizes=[1], concurrencies=[2], examples=60)


@pytest.mark.usefixtures("no_orphans")
def test_a_served_run_without_memory_is_stopped_and_its_reason_kept(tmp_path: Path, monkeypatch):
    """It gives no number, and is made again by the next command, on a larger machine say."""

    class Exhausted(Watch):
        def look(self) -> Verdict:
            return Verdict("memory", "12 MiB of 100 MiB were left; it was stopped")

    monkeypatch.setattr(served, "Watch", Exhausted)
    failures = run(ECHO, [load("echo")], tmp_path)
    assert "INVALID(memory): 12 MiB of 100 MiB were left; it was stopped. Remedy: take smaller" in failures[0]
    failed = tmp_path / "round-1" / "echo" / "fastdeploy" / "b1-c2.failed"
    assert json.loads((failed / layout.FAILURE_JSON).read_text())["rule"] == "memory"
    monkeypatch.undo()
    assert run(ECHO, [load("echo")], tmp_path) == []


@pytest.mark.usefixtures("no_orphans")
def test_a_direct_arm_without_memory_is_stopped_and_told(tmp_path: Path, monkeypatch):
    """Before anything is served."""
    monkeypatch.setattr(watch, "MEMORY_LEAST", 2.0)
    failures = run(ECHO, [load("echo")], tmp_path)
    assert any("baseline, batch size 1: INVALID(memory): " in failure for failure in failures)


def test_a_process_that_was_killed_is_said_to_have_been(tmp_path: Path):
    """As the kernel does when memory runs out."""
    with running("victim", ["sh", "-c", "kill -9 $$"], {}, tmp_path / "log") as process:
        code = process.wait(20)
        assert code is not None
        assert "ended with exit code 137, killed: by the kernel, if memory ran out" in reason_of(process, code)
