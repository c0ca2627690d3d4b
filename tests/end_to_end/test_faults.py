"""Each fault, injected for real into an experiment: its verdict, no process left, nothing lost, the same runs after.

What a load by itself does about failures and lost workers is in test_load.py and test_distributed.py; an interrupted
bench is in test_bench.py, and so is a port that is taken. Damaged results are in test_damage.py.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.faulty import MIDDLE, Case
from tests.faults import fault
from tests.support import PATIENCE_S, Command, wait_until

pytestmark = pytest.mark.usefixtures("no_orphans")


# By the cell in which the served predictor does it: the rule that it breaks, what is said, and how.
ANSWERS = {
    "b1-c1": ("answers", "wrong answer to input ", "return ['a lie' for _ in inputs]"),
    "b1-c2": ("failures", "HTTP 500: server says: prediction failed", "raise RuntimeError('no')"),
    "b1-c3": ("failures", "no answer within 1 s", "__import__('time').sleep(3); return inputs"),
}


@pytest.mark.long
@fault("An answer is wrong", "the served predictor lies in the middle of a run", "INVALID(answers)")
@fault("A request fails", "the served predictor raises: the server sends 500", "INVALID(failures)")
@fault("An answer is late", "the served predictor sleeps beyond the time-out", "INVALID(failures)")
def test_an_answer_that_is_wrong_or_late_or_none(invoke: Command, tmp_path: Path):
    """In the middle of a run that has begun well: a line with its remedy and its log, missing in the table, no more."""
    case = Case(tmp_path, invoke, timeout_s=1, users=(1, 2, 3, 4))
    acts = "".join(f"    if run.endswith('/{cell}.unfinished'):\n        {ANSWERS[cell][-1]}\n" for cell in ANSWERS)
    case.fault.write_text(f"def act(inputs, run):\n{acts}    return list(inputs)\n")
    done = case.run()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("FAILED: ")]
    assert len(lines) == len(ANSWERS), done.stderr
    for cell, (rule, says, _) in ANSWERS.items():
        log = case.part / f"{cell}.failed" / "locust.log"
        (line,) = (line for line in lines if f"(log: {log})" in line)
        assert f"INVALID({rule}): " in line
        assert says in line
        assert "Remedy: " in line
        assert log.is_file()
        assert case.rule_of(cell) == rule
    rows = [line for line in done.stdout.splitlines() if line.startswith("| faulty ")]
    assert sorted(row.count("INVALID(") for row in rows) == [0, 3, 3, 3]  # both arms and the overhead


def descendants(bench: "subprocess.Popen[str]", word: str) -> Iterator[psutil.Process]:
    """Yield the processes of a bench that have this word on their command line, without the keepers."""
    for process in psutil.Process(bench.pid).children(recursive=True):
        words = process.cmdline()
        if word in words and not any(each.endswith("keeper.py") for each in words):
            yield process


def kill_loop(bench: "subprocess.Popen[str]") -> None:
    for process in descendants(bench, "--loop"):
        process.kill()


def kill_rest(bench: "subprocess.Popen[str]") -> None:
    first, *_ = descendants(bench, "--rest")
    first.kill()


def kill_a_rest_worker(bench: "subprocess.Popen[str]") -> None:
    """A connection is reset, and gunicorn starts another worker in its place."""
    for worker in descendants(bench, "--rest"):
        if not worker.children() and any(c.status == "ESTABLISHED" for c in worker.net_connections("tcp")):
            worker.kill()


def starve_the_client(bench: "subprocess.Popen[str]") -> None:
    """Others want the core that the client is bound to."""
    (client,) = descendants(bench, "--web-host")
    client.cpu_affinity([0])
    client.nice(19)
    for _ in range(40):  # each in a session of its own: the kernel shares a core among sessions first
        subprocess.Popen([sys.executable, "-c", BURN], start_new_session=True)


BURN = """
import os, time
os.sched_setaffinity(0, [0])
end_s = time.time() + 5
while time.time() < end_s:
    pass
"""


KILLED = {kill_loop: "server", kill_rest: "server", kill_a_rest_worker: "server-restarted"}
SAYS_MIDDLE = f"def act(inputs, run):\n    open(run + '/{MIDDLE}', 'w').close()\n    return list(inputs)\n"


@pytest.mark.long
@fault("The predictor's process dies", "SIGKILL to fastDeploy's loop in a run", "INVALID(server)")
@fault("The front end dies", "SIGKILL to fastDeploy's REST master in a run", "INVALID(server)")
@fault(
    "A worker of the front end dies, and another takes its place",
    "SIGKILL to the gunicorn worker that has a connection",
    "INVALID(server-restarted)",
)
def test_a_process_that_is_killed_in_the_middle_of_a_run(invoke: Command, tmp_path: Path):
    """That run is invalid, by what has happened and not by its symptom; the next one has a new server."""
    case = Case(tmp_path, invoke, examples=300, pause_s=0.01, users=(1, 2, 3, 4))
    case.fault.write_text(SAYS_MIDDLE)
    bench, rules = case.start(), dict[str, str]()
    for kill, rule in KILLED.items():
        wait_until(lambda: in_the_middle(case) - rules.keys(), PATIENCE_S, bench)
        (cell,) = in_the_middle(case) - rules.keys()
        kill(bench)
        rules[cell] = rule
    output, _ = bench.communicate(timeout=PATIENCE_S)
    assert bench.returncode == 1, output
    assert output.count("FAILED: round 1, faulty fastdeploy, batch size 1 × ") == len(rules), output
    assert {cell: case.rule_of(cell) for cell in rules} == rules
    assert "**3 of 4 rows are not valid:**" in output
    assert "Traceback" not in output


def in_the_middle(case: Case) -> set[str]:
    """Return the cells whose requests are being answered."""
    return {path.parent.stem for path in case.part.glob(f"*.unfinished/{MIDDLE}")}


@pytest.mark.alone
@fault(
    "The client gets no core",
    "Locust is bound to one core, and 40 busy processes to the same one",
    "INVALID(client-cpu)",
)
def test_a_client_that_is_starved_in_the_middle_of_a_run(invoke: Command, tmp_path: Path):
    """Its times are not the server's."""
    case = Case(tmp_path, invoke, examples=300, pause_s=0.01, users=(4,))
    case.fault.write_text(SAYS_MIDDLE)
    bench = case.start()
    case.wait_for(f"*.unfinished/{MIDDLE}", bench)
    starve_the_client(bench)
    output, _ = bench.communicate(timeout=PATIENCE_S)
    assert bench.returncode == 1, output
    assert case.rule_of("b1-c4") == "client-cpu"
    assert "Traceback" not in output


@fault("The disk is full", "the results folder is a file system of 96 KiB", "No space left on device")
def test_a_full_disk_loses_nothing_that_is_there(invoke: Command, tmp_path: Path):
    """The runs that were whole stay; the next command, with space again, makes the others."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    case = Case(tmp_path, invoke)
    case.out.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", case.out], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        done = case.run()
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert "No space left on device" in done.stdout + done.stderr
        kept = {path: path.read_bytes() for cell in case.cells for path in (case.part / cell).glob("*.csv")}
        subprocess.run(["mount", "-o", "remount,size=64m", case.out], check=True)
        case.assert_goes_on_as_if_nothing_had_been()
        assert {path: path.read_bytes() for path in kept} == kept
    finally:
        subprocess.run(["umount", "-l", case.out], check=True)


@fault("The bench is killed", "SIGKILL at two moments in which it writes", "made again")
def test_a_bench_that_is_killed_while_it_writes(invoke: Command, tmp_path: Path):
    """At many moments: whatever was half written is made again, and what was whole is kept."""
    case = Case(tmp_path, invoke, examples=10)
    for delay_s in (0.0, 0.2):
        bench = case.start()
        case.wait_for("b1-c*.unfinished/locust_run.json", bench)
        time.sleep(delay_s)
        bench.send_signal(signal.SIGKILL)
        bench.communicate(timeout=PATIENCE_S)
        time.sleep(0.5)
    case.assert_goes_on_as_if_nothing_had_been()
