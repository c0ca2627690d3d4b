"""Memory and disk are watched while a run is made, so that a run that is too large for the machine is stopped."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from servecost.bench.processes import watch
from servecost.bench.processes.watch import MIB, Watch
from servecost.core.verdicts import RULES
from tests.unit.core.fakes import FakeTime


def test_a_machine_at_rest_has_what_a_run_needs(tmp_path: Path):
    """The manifest says how much was left."""
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
def test_what_the_machine_runs_out_of_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: float, rule: str, says: str
):
    """The limits are moved to where this machine is."""
    monkeypatch.setattr(watch, limit, value)
    verdict = Watch(tmp_path).look()
    assert verdict.rule == rule
    assert re.fullmatch(says, verdict.reason)


def test_the_rule_demands_what_is_watched():
    """Its text has the limits."""
    demand = RULES["memory"].demand
    assert f"{watch.MEMORY_LEAST * 100:g} %" in demand
    assert f"{watch.SWAPPED_MOST_MIB} MiB" in demand


def test_the_least_that_was_free_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Memory that is free again at the end does not hide that there was little; looks are some time apart."""
    clock, free_mib, swapped_mib = FakeTime(), [4096.0], [10.0]
    memory = lambda: SimpleNamespace(available=free_mib[0] * MIB, total=8192 * MIB)  # noqa: E731
    monkeypatch.setattr(watch, "time", clock)
    monkeypatch.setattr(psutil, "virtual_memory", memory)
    monkeypatch.setattr(psutil, "swap_memory", lambda: SimpleNamespace(sout=swapped_mib[0] * MIB))
    own = Watch(tmp_path)
    for free_mib[0], swapped_mib[0] in ((2048.0, 10.0), (1024.0, 12.5), (3072.0, 12.5)):
        assert own.look().is_valid
        clock.sleep(watch.INTERVAL_S)
    assert (own.found()["memory_free_least_gib"], own.found()["swapped_out_mib"]) == (1.0, 2.5)
    free_mib[0] = 100.0
    assert own.look().rule == "memory"
    assert own.look().is_valid  # not looked again yet
