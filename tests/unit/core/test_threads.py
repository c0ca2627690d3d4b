"""All model libraries get the same number of threads."""

import os

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


def test_where_the_kernel_names_no_usable_cores_all_of_them_count(monkeypatch: pytest.MonkeyPatch):
    """Not every system can restrict a process to some cores."""
    monkeypatch.delattr(os, "sched_getaffinity")
    assert threads.usable_cores() == os.cpu_count()
