"""Each fault, injected for real into an experiment: its verdict, no process left, nothing lost, the same runs after.

What a load by itself does about failures and lost workers is in test_load.py and test_distributed.py; an interrupted
bench is in test_bench.py, and so is a port that is taken.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from servecost.core import layout
from tests.support import ROOT, Command, write_recipe

pytestmark = pytest.mark.usefixtures("no_orphans")

CELLS = ("b1-c1", "b1-c4")
EXPERIMENT = """
recipes = ["./faulty"]
batch_sizes = [1]
concurrencies = [1, 4]
examples = {examples}
request_timeout_s = {timeout_s}
"""
# Served, and once a run has had its warm-ups, it does what the file beside it says, as long as that is there.
FAULTY = """
import glob, os, sys, time
FAULT, PART = {fault!r}, {part!r}
seen = {{}}

def predictor(inputs, batch_size=1):
    if "--loop" in sys.argv:
        time.sleep({pause_s})
        for run in glob.glob(PART + "/b*-c*.unfinished"):
            seen[run] = seen.get(run, 0) + len(inputs)
            if seen[run] > 20 and os.path.exists(FAULT):
                namespace = {{}}
                exec(open(FAULT).read(), namespace)
                return namespace["act"](inputs)
    return list(inputs)
"""


class Case:
    """An experiment on a recipe that can be made to fail."""

    def __init__(self, folder: Path, command: Command, examples: int = 40, timeout_s: int = 60, pause_s: float = 0):
        self._command = command
        self.fault, self.out, self.toml = folder / "fault.py", folder / "out", folder / "my.toml"
        self.part = self.out / "round-1" / "faulty" / "fastdeploy"
        predictor = FAULTY.format(fault=str(self.fault), part=str(self.part), pause_s=pause_s)
        write_recipe(folder / "faulty", predictor=predictor)
        self.toml.write_text(EXPERIMENT.format(examples=examples, timeout_s=timeout_s))
        self.burners: list[subprocess.Popen[bytes]] = []

    @property
    def arguments(self) -> list[str]:
        return ["-m", "servecost", "run", str(self.toml), "--out", str(self.out)]

    def run(self, **env: str) -> "subprocess.CompletedProcess[str]":
        return self._command(*self.arguments, **env)

    def start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, *self.arguments]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait_for(self, pattern: str, bench: "subprocess.Popen[str]") -> None:
        deadline = time.monotonic() + 120
        while not any(self.out.rglob(pattern)):
            assert bench.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def rule_of(self, cell: str) -> str:
        """Return the rule that a failed run broke."""
        return str(json.loads((self.part / f"{cell}.failed" / layout.FAILURE_JSON).read_text())["rule"])

    def assert_goes_on_as_if_nothing_had_been(self) -> None:
        """The next command makes the same set of runs as an undisturbed experiment, and all of them are valid."""
        self.fault.unlink(missing_ok=True)
        done = self.run()
        assert done.returncode == 0, done.stdout + done.stderr
        assert "**VALID**: all 2 rows" in done.stdout
        assert {path.parent.name for path in self.part.rglob("locust_run.json")} == set(CELLS)
        assert not [path for path in self.out.rglob("*") if re.search(r"\.(failed|unfinished|new)$", path.name)]


def assert_is_told(done: "subprocess.CompletedProcess[str]", rule: str, count: int) -> None:
    """So many rows are invalid by this rule, in the table and on stderr with its remedy, and without a traceback."""
    assert done.returncode == 1, done.stdout + done.stderr
    failures = [line for line in done.stderr.splitlines() if line.startswith("FAILED: ")]
    assert len(failures) == count, done.stderr
    assert all(f"INVALID({rule}): " in line and "Remedy: " in line for line in failures), done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| faulty ")]
    assert sum(f"INVALID({rule})" in row for row in rows) == count, done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("return ['a lie' for _ in inputs]", "answers"),
        ("raise RuntimeError('no')", "failures"),  # HTTP 500
        ("__import__('time').sleep(3); return inputs", "failures"),  # slower than the time-out
    ],
    ids=["wrong answer", "HTTP 500", "time-out"],
)
def test_an_answer_that_is_wrong_or_late_or_none(command: Command, tmp_path: Path, fault: str, rule: str):
    """In the middle of a run that has begun well."""
    case = Case(tmp_path, command, timeout_s=1)
    case.fault.write_text(f"def act(inputs):\n    {fault}\n")
    done = case.run()
    assert_is_told(done, rule, 2)
    assert {case.rule_of(cell) for cell in CELLS} == {rule}
    case.assert_goes_on_as_if_nothing_had_been()


def part_of_server(case: Case, word: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if word in line and "keeper.py" not in line and "/faulty" in line and "fastdeploy" in line:
            yield process


def kill_loop(case: Case) -> None:
    for process in part_of_server(case, "--loop"):
        process.kill()


def kill_rest(case: Case) -> None:
    for process in part_of_server(case, "--rest"):
        if process.parent() and "keeper.py" in " ".join(process.parent().cmdline()):
            process.kill()


def kill_a_rest_worker(case: Case) -> None:
    """A connection is reset, and gunicorn starts another worker in its place."""
    for parent in part_of_server(case, "--rest"):
        for child in parent.children(recursive=True):
            if not child.children() and any(c.status == "ESTABLISHED" for c in child.net_connections("tcp")):
                child.kill()


def starve_the_client(case: Case) -> None:
    """Others want the core that the client is bound to."""
    clients = [p for p in psutil.process_iter(["cmdline"]) if "--headless" in (p.info["cmdline"] or [])]
    for client in clients:
        if "keeper.py" in " ".join(client.info["cmdline"]):
            continue
        client.cpu_affinity([0])
        client.nice(19)
        # Each in a session of its own: the kernel shares a core among sessions first.
        case.burners = [subprocess.Popen([sys.executable, "-c", BURN], start_new_session=True) for _ in range(40)]


BURN = """
import os, time
os.sched_setaffinity(0, [0])
end_s = time.time() + 8
while time.time() < end_s:
    pass
"""


@pytest.mark.parametrize(
    ("inject", "rule"),
    [
        (kill_loop, "server"),
        (kill_rest, "server"),
        (kill_a_rest_worker, "server-restarted"),
        (starve_the_client, "client-cpu"),
    ],
)
def test_a_process_that_is_killed_or_starved_in_the_middle_of_a_run(
    command: Command, tmp_path: Path, inject: Callable[[Case], None], rule: str
):
    """That run is invalid, by what has happened and not by its symptom; the other one has a new server and is valid."""
    case = Case(tmp_path, command, examples=1000, pause_s=0.01)
    bench = case.start()
    case.wait_for("*.unfinished/locust_stats.csv", bench)
    time.sleep(2)  # connected, released, in the middle
    inject(case)
    output, _ = bench.communicate(timeout=120)
    for burner in case.burners:
        burner.kill()
        burner.wait()
    assert bench.returncode == 1, output
    assert output.count("FAILED: round 1, faulty fastdeploy, batch size 1 × ") == 1, output
    assert f"INVALID({rule}): " in output
    assert "**1 of 2 rows are not valid:**" in output
    assert "Traceback" not in output
    case.assert_goes_on_as_if_nothing_had_been()


def test_a_full_disk_loses_nothing_that_is_there(command: Command, tmp_path: Path):
    """The runs that were whole stay; the next command, with space again, makes the others."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    case = Case(tmp_path, command)
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
        kept = {path: path.read_bytes() for cell in CELLS for path in (case.part / cell).glob("*.csv")}
        subprocess.run(["mount", "-o", "remount,size=64m", case.out], check=True)
        case.assert_goes_on_as_if_nothing_had_been()
        assert {path: path.read_bytes() for path in kept} == kept
    finally:
        subprocess.run(["umount", "-l", case.out], check=True)


@pytest.fixture(scope="module")
def finished(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """An experiment that is done."""
    case = Case(tmp_path_factory.mktemp("finished"), command)
    done = case.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return case


@pytest.mark.parametrize(
    "name", ["locust_stats.csv", "locust_requests.csv", "locust_ledger.csv", "calls.csv", "manifest.json"]
)
def test_a_file_that_was_cut_short_in_a_results_folder(command: Command, finished: Case, name: str):
    """The report says which, and the next run makes that run anew, and no other."""
    path, other = finished.part / "b1-c4" / name, finished.part / "b1-c1" / "locust_run.json"
    text, before = path.read_text(), other.stat().st_mtime_ns
    path.write_text(text[: len(text) * 2 // 3])
    told = command("-m", "servecost", "report", finished.out)
    assert told.returncode == 1
    assert "INVALID(files)" in told.stdout
    assert str(path) in told.stdout
    assert "Traceback" not in told.stderr
    finished.assert_goes_on_as_if_nothing_had_been()
    assert other.stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["baseline.csv", "plan.csv", "direct_calls.csv"])
def test_a_shared_file_that_was_cut_short(command: Command, finished: Case, name: str):
    """One line or a verdict, and the next run mends it."""
    path = finished.out / name if name == "plan.csv" else finished.part / name
    text = path.read_text()
    path.write_text(text[:-4])
    told = command("-m", "servecost", "report", finished.out)
    assert "Traceback" not in told.stderr
    finished.assert_goes_on_as_if_nothing_had_been()


def test_results_of_two_machines_are_not_pooled(command: Command, finished: Case):
    """The line names the field and both values; whoever insists gets a table that says so."""
    path = finished.part / "b1-c4" / layout.MANIFEST_JSON
    text = path.read_text()
    content = json.loads(text)
    own = content["conditions"]["machine"]["host"]
    content["conditions"]["machine"]["host"] = "another"
    path.write_text(json.dumps(content))
    try:
        for arguments in (["report", finished.out], ["run", finished.toml, "--out", finished.out]):
            told = command("-m", "servecost", *arguments)
            assert told.returncode == 2, told.stdout + told.stderr
            (line,) = told.stderr.splitlines()
            assert line.startswith("error: ")
            assert {own, "another"} == set(re.search(r"machine\.host \((.*?)\)", line)[1].split(" / "))
            assert "--allow-different" in line
        insisted = command("-m", "servecost", "report", finished.out, "--allow-different", "machine.host")
        assert insisted.returncode == 0, insisted.stderr
        assert "**Merged although these differ**: machine.host." in insisted.stdout
    finally:
        path.write_text(text)


def test_a_bench_that_is_killed_while_it_writes(command: Command, tmp_path: Path):
    """At many moments: whatever was half written is made again, and what was whole is kept."""
    case = Case(tmp_path, command, examples=10)
    for delay_s in (0.0, 0.3, 0.1):
        bench = case.start()
        case.wait_for("b1-c*.unfinished/locust_run.json", bench)
        time.sleep(delay_s)
        bench.send_signal(signal.SIGKILL)
        bench.communicate(timeout=60)
        time.sleep(0.5)
    case.assert_goes_on_as_if_nothing_had_been()
