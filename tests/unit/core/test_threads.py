"""All model libraries get the same number of threads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from servecost.core import threads


@pytest.fixture(autouse=True)
def _plain_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in threads.NAMES:
        monkeypatch.delenv(name, raising=False)


def test_a_number_that_is_given_is_every_librarys():
    """It comes before what the shell has."""
    assert threads.variables(3) == dict.fromkeys(threads.NAMES, "3")


def test_without_a_number_a_variable_stays_as_the_shell_has_it(monkeypatch: pytest.MonkeyPatch):
    """A variable that the shell has not got is one thread for each usable core."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    cores = str(len(os.sched_getaffinity(0)))
    assert threads.variables() == {**dict.fromkeys(threads.NAMES, cores), "OMP_NUM_THREADS": "7"}


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for a kernel's files on control groups: ``self/cgroup``, and those of the groups."""
    monkeypatch.setattr(threads, "PROC", tmp_path)
    monkeypatch.setattr(threads, "CGROUPS", tmp_path / "cgroups")
    return tmp_path


def write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"self/cgroup": "0::/", "cgroups/cgroup.procs": ""}, None),
        ({"self/cgroup": "0::/a/b", "cgroups/a/b/cpu.max": "max 100000"}, None),
        ({"self/cgroup": "0::/a/b", "cgroups/a/b/cpu.max": "60000 100000"}, 0.6),
        ({"self/cgroup": "0::/a/b", "cgroups/a/b/cpu.max": "max 100000", "cgroups/a/cpu.max": "150000 100000"}, 1.5),
        ({"self/cgroup": "0::/", "cgroups/cpu.max": "50000 100000"}, 0.5),
        ({"self/cgroup": "0::/../outside", "cgroups/cpu.max": "50000 100000"}, 0.5),
        (
            {
                "self/cgroup": "9:name=systemd:/\n2:cpuacct,cpu:/docker/x\n1:memory:/docker/x",
                "cgroups/cpu/cpu.cfs_quota_us": "200000",
                "cgroups/cpu/cpu.cfs_period_us": "100000",
            },
            2.0,
        ),
        (
            {
                "self/cgroup": "1:cpu:/",
                "cgroups/cpu/cpu.cfs_quota_us": "-1",
                "cgroups/cpu/cpu.cfs_period_us": "100000",
            },
            None,
        ),
    ],
)
def test_s13_a_quota_is_the_least_of_all_groups_that_the_process_is_in(
    groups: Path, files: dict[str, str], quota: float | None
):
    """Of either version of control groups; in a container the own group is the top one that is seen."""
    write(groups, files)
    assert threads.cpu_quota() == quota


def test_s13_there_are_no_more_threads_than_the_quota_has_cores(groups: Path, monkeypatch: pytest.MonkeyPatch):
    """One at least."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    for quota, cores in (("60000", 1), ("250000", 2), ("900000", 4)):
        write(groups, {"self/cgroup": "0::/", "cgroups/cpu.max": f"{quota} 100000"})
        assert threads.usable_cores() == cores


def test_where_the_kernel_names_no_usable_cores_all_of_them_count(monkeypatch: pytest.MonkeyPatch):
    """Not every system can restrict a process to some cores."""
    monkeypatch.delattr(os, "sched_getaffinity")
    assert threads.usable_cores() == os.cpu_count()
