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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from servecost.core import layout
from tests.support import ROOT, Command, wait_until, write_recipe

pytestmark = pytest.mark.usefixtures("no_orphans")

USERS = 1, 4
EXPERIMENT = """
recipes = ["./faulty"]
batch_sizes = [1]
concurrencies = {users}
examples = {examples}
request_timeout_s = {timeout_s}
"""
MIDDLE = "middle"  # a file in a run's folder, made once its requests are being answered
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
                return namespace["act"](inputs, run)
    return list(inputs)
"""


class Case:
    """An experiment on a recipe that can be made to fail, with one run for each number of users."""

    def __init__(
        self,
        folder: Path,
        command: Command,
        examples: int = 40,
        timeout_s: int = 60,
        pause_s: float = 0,
        users: Sequence[int] = USERS,
    ) -> None:
        self._command = command
        self.cells = [f"b1-c{count}" for count in users]
        self.fault, self.out, self.toml = folder / "fault.py", folder / "out", folder / "my.toml"
        self.part = self.out / "round-1" / "faulty" / "fastdeploy"
        predictor = FAULTY.format(fault=str(self.fault), part=str(self.part), pause_s=pause_s)
        write_recipe(folder / "faulty", predictor=predictor)
        self.toml.write_text(EXPERIMENT.format(users=list(users), examples=examples, timeout_s=timeout_s))

    @property
    def arguments(self) -> list[str]:
        return ["-m", "servecost", "run", str(self.toml), "--out", str(self.out)]

    def run(self, **env: str) -> "subprocess.CompletedProcess[str]":
        return self._command(*self.arguments, **env)

    def start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, *self.arguments]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait_for(self, pattern: str, bench: "subprocess.Popen[str]") -> None:
        wait_until(lambda: any(self.out.rglob(pattern)), 120, bench)

    def rule_of(self, cell: str) -> str:
        """Return the rule that a failed run broke."""
        return str(json.loads((self.part / f"{cell}.failed" / layout.FAILURE_JSON).read_text())["rule"])

    def assert_goes_on_as_if_nothing_had_been(self) -> None:
        """The next command makes the same set of runs as an undisturbed experiment, and all of them are valid."""
        self.fault.unlink(missing_ok=True)
        done = self.run()
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"**VALID**: all {len(self.cells)} rows" in done.stdout
        assert {path.parent.name for path in self.part.rglob("locust_run.json")} == set(self.cells)
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
    ("fault", "rule", "users"),
    [
        ("return ['a lie' for _ in inputs]", "answers", (1, 4)),
        ("raise RuntimeError('no')", "failures", (4,)),  # HTTP 500
        ("__import__('time').sleep(3); return inputs", "failures", (4,)),  # slower than the time-out
    ],
    ids=["wrong answer", "HTTP 500", "time-out"],
)
def test_an_answer_that_is_wrong_or_late_or_none(command: Command, tmp_path: Path, fault: str, rule: str, users):
    """In the middle of a run that has begun well."""
    case = Case(tmp_path, command, timeout_s=1, users=users)
    case.fault.write_text(f"def act(inputs, run):\n    {fault}\n")
    done = case.run()
    assert_is_told(done, rule, len(users))
    assert {case.rule_of(cell) for cell in case.cells} == {rule}
    case.assert_goes_on_as_if_nothing_had_been()


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
    (client,) = descendants(bench, "--headless")
    client.cpu_affinity([0])
    client.nice(19)
    for _ in range(40):  # each in a session of its own: the kernel shares a core among sessions first
        subprocess.Popen([sys.executable, "-c", BURN], start_new_session=True)


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
        pytest.param(starve_the_client, "client-cpu", marks=pytest.mark.alone),
    ],
)
def test_a_process_that_is_killed_or_starved_in_the_middle_of_a_run(
    command: Command, tmp_path: Path, inject: Callable[["subprocess.Popen[str]"], None], rule: str
):
    """That run is invalid, by what has happened and not by its symptom; the other one has a new server and is valid."""
    case = Case(tmp_path, command, examples=500, pause_s=0.01)
    case.fault.write_text(f"def act(inputs, run):\n    open(run + '/{MIDDLE}', 'w').close()\n    return list(inputs)\n")
    bench = case.start()
    case.wait_for(f"*.unfinished/{MIDDLE}", bench)
    inject(bench)
    output, _ = bench.communicate(timeout=120)
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
        kept = {path: path.read_bytes() for cell in case.cells for path in (case.part / cell).glob("*.csv")}
        subprocess.run(["mount", "-o", "remount,size=64m", case.out], check=True)
        case.assert_goes_on_as_if_nothing_had_been()
        assert {path: path.read_bytes() for path in kept} == kept
    finally:
        subprocess.run(["umount", "-l", case.out], check=True)


CUT_SHORT = "locust_stats.csv", "locust_requests.csv", "locust_ledger.csv", "calls.csv", "manifest.json"


@pytest.fixture(scope="module")
def finished(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """An experiment that is done, with a run for each file that is to be cut short, and one more."""
    case = Case(tmp_path_factory.mktemp("finished"), command, users=range(1, len(CUT_SHORT) + 2))
    done = case.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return case


def test_files_that_were_cut_short_in_a_results_folder(invoke: Command, finished: Case):
    """The report says which, and the next run makes those runs anew, and no other."""
    *damaged, whole = finished.cells
    paths = [finished.part / cell / name for cell, name in zip(damaged, CUT_SHORT, strict=True)]
    before = (finished.part / whole / "locust_run.json").stat().st_mtime_ns
    for path in paths:
        cut(path, len(path.read_bytes()) // 3)
    told = invoke("report", finished.out)
    assert told.returncode == 1
    assert f"**{len(paths)} of {len(paths) + 1} rows are not valid:**" in told.stdout
    assert told.stdout.count("INVALID(files): ") == len(paths)
    assert all(str(path) in told.stdout for path in paths)
    assert "Traceback" not in told.stderr
    finished.assert_goes_on_as_if_nothing_had_been()
    assert (finished.part / whole / "locust_run.json").stat().st_mtime_ns == before


def cut(path: Path, count: int) -> None:
    """Take so many bytes from the end of a file."""
    path.write_bytes(path.read_bytes()[:-count])


@pytest.mark.parametrize("names", [["plan.csv"], ["baseline.csv", "direct_calls.csv"]], ids=lambda names: names[0])
def test_a_shared_file_that_was_cut_short(invoke: Command, finished: Case, names: list[str]):
    """One line or a verdict, and the next run mends it."""
    for name in names:
        cut((finished.out if name == "plan.csv" else finished.part) / name, 4)
    told = invoke("report", finished.out)
    assert "Traceback" not in told.stderr
    finished.assert_goes_on_as_if_nothing_had_been()


def test_results_of_two_machines_are_not_pooled(invoke: Command, finished: Case):
    """The line names the field and both values; whoever overrides the check gets a table that says so."""
    path = finished.part / "b1-c4" / layout.MANIFEST_JSON
    text = path.read_text()
    content = json.loads(text)
    own = content["conditions"]["machine"]["host"]
    content["conditions"]["machine"]["host"] = "another"
    path.write_text(json.dumps(content))
    try:
        for arguments in (["report", finished.out], ["run", finished.toml, "--out", finished.out]):
            told = invoke(*arguments)
            assert told.returncode == 2, told.stdout + told.stderr
            (line,) = told.stderr.splitlines()
            assert line.startswith("error: ")
            (values,) = re.findall(r"machine\.host \((.*?)\)", line)
            assert {own, "another"} == set(values.split(" / "))
            assert "--allow-different" in line
        overridden = invoke("report", finished.out, "--allow-different", "machine.host")
        assert overridden.returncode == 0, overridden.stderr
        assert "**Merged although these differ**: machine.host." in overridden.stdout
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
