"""No process outlives the bench, whatever happens to either."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from servecost.bench.processes.process import Command, running
from servecost.core.recipe import ROOT
from tests.support import PATIENCE_S

# A command with a child of its own, neither of which ends when asked: it tells both process ids.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    print(os.getpid(), child, flush=True)
time.sleep(600)
"""
OBEDIENT = STUBBORN.replace("signal.signal(signal.SIGTERM, signal.SIG_IGN)", "")


def told(log: Path) -> list[int]:
    """Return the process ids that the command has written to its log."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if log.exists() and (words := log.read_text().split()):
            return [int(word) for word in words]
        time.sleep(0.02)
    raise AssertionError("the command told nothing")


def all_gone(pids: list[int], within_s: float = PATIENCE_S) -> bool:
    """Say whether these processes have ended, or do within that time."""
    deadline = time.monotonic() + within_s
    while any(runs(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def runs(pid: int) -> bool:
    """Say whether a process runs; one that has ended, but that nobody has waited for yet, does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_command_ends_with_its_block_and_with_all_its_descendants(tmp_path):
    """A grandchild is not forgotten."""
    with running(Command("it", [sys.executable, "-c", OBEDIENT], tmp_path / "log")) as process:
        pids = told(tmp_path / "log")
        assert process.exit_code is None
    assert all_gone(pids)


def test_a_command_that_does_not_end_when_asked_is_killed(tmp_path, monkeypatch):
    """After a grace, nobody is asked any more."""
    with running(Command("it", [sys.executable, "-c", STUBBORN], tmp_path / "log")):
        pids = told(tmp_path / "log")
    assert all_gone(pids)


def test_what_a_command_leaves_behind_is_ended(tmp_path):
    """Its child would otherwise live on as an orphan."""
    script = OBEDIENT.replace("time.sleep(600)", "time.sleep(0 if child else 600); sys.exit(7 if child else 0)")
    with running(Command("it", [sys.executable, "-c", script], tmp_path / "log")) as process:
        pids = told(tmp_path / "log")
        assert process.wait(PATIENCE_S) == 7
    assert all_gone(pids)


def test_what_has_left_the_commands_session_is_ended_too(tmp_path):
    """Some servers start their processes in sessions of their own, which no signal to a group reaches."""
    away = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    script = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {away!r}], start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""
    with running(Command("it", [sys.executable, "-c", script], tmp_path / "log")):
        pids = told(tmp_path / "log")
    assert all_gone(pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_is_asked_to_end_by_the_signal_that_is_named(tmp_path, number):
    """Some servers end their processes in order on SIGINT alone."""
    script = """
import os, signal, sys, time
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, lambda got, _: sys.exit(print("asked by", int(got), flush=True)))
print(os.getpid(), os.getpid(), sep="\\n", flush=True)
time.sleep(600)
"""
    command = Command("it", [sys.executable, "-c", script], tmp_path / "log", stop_signal=number)
    with running(command):
        told(tmp_path / "log")
    assert (tmp_path / "log").read_text().splitlines()[-1] == f"asked by {int(number)}"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_processes_end_when_the_bench_is_killed(tmp_path, how):
    """Even with SIGKILL, after which it can do nothing more itself."""
    bench = f"""
import sys, time
from pathlib import Path
from servecost.bench.processes.process import Command, running
with running(Command("it", [sys.executable, "-c", {STUBBORN!r}], Path({str(tmp_path / "log")!r}))):
    time.sleep(600)
"""
    starter = subprocess.Popen([sys.executable, "-c", bench], cwd=ROOT)
    pids = told(tmp_path / "log")
    os.kill(starter.pid, how)
    starter.wait()
    assert all_gone(pids)


@pytest.mark.parametrize(("reads_input", "found"), [(False, []), (True, ["a line"])])
def test_s16_the_standard_input_of_a_command_is_empty_unless_it_is_written_to(tmp_path, reads_input, found):
    """What a predictor starts would wait for its end."""
    script = "import sys; print(sys.stdin.readlines(1))"
    command = Command("it", [sys.executable, "-c", script], tmp_path / "log", reads_input=reads_input)
    with running(command) as process:
        process.write_line("a line")
        assert process.wait(PATIENCE_S) == 0
    assert (tmp_path / "log").read_text() == f"{[line + chr(10) for line in found]}\n"


def test_output_is_appended_to_the_log_and_variables_are_set(tmp_path):
    """A server started again does not overwrite why the first one failed."""
    log = tmp_path / "log"
    for _ in range(2):
        words = [sys.executable, "-c", "import os; print(os.environ['WORD'])"]
        with running(Command("it", words, log, {"WORD": "hi"})) as process:
            assert process.wait(PATIENCE_S) == 0
    assert process.last_lines() == "hi\nhi"
