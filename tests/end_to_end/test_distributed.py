"""Distributed Locust against a real fastDeploy: the same exact load, whatever happens to the workers."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from math import ceil
from pathlib import Path

import pytest

from servecost.bench.arms.server import Server, serving
from servecost.bench.processes.process import free_port
from servecost.core import recipe, systems
from servecost.core.layout import LEDGER_COLUMNS, REQUESTS_COLUMNS, RunName
from servecost.core.verdicts import RULES
from tests.support import ROOT, Command, by_type, rows, verdict_on, write_recipe

LOCUST = [sys.executable, "-m", "locust", "-f", "locustfiles/generic.py"]
COUNTS = LEDGER_COLUMNS[3:9]


def start(*options: object, log: Path | None = None, **env: str) -> "subprocess.Popen[bytes]":
    """Start a Locust process of the echo recipe, unless ``env`` names another."""
    with log.open("w") if log else open(os.devnull, "w") as output:  # noqa: PTH123
        return subprocess.Popen(
            [*LOCUST, *map(str, options)],
            cwd=ROOT,
            env={**os.environ, "RECIPE": "echo", **env},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def workers(count: int, port: int, logs: Path) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Run workers that connect to the master at ``port``; none outlives the block."""
    started = [start("--worker", "--master-port", port, log=logs / f"worker-{number}.log") for number in range(count)]
    try:
        yield started
    finally:
        for worker in started:
            worker.kill()
            worker.wait()


def processes(count: int) -> tuple[object, ...]:
    """Return Locust's options for so many processes, which meet at a port that nobody else uses."""
    port = free_port()
    return "--processes", count, "--master-bind-port", port, "--master-port", port


def master_options(host: str, port: int, count: int, prefix: Path) -> list[object]:
    options = "--master", "--master-bind-port", port, "--expect-workers", count, "--headless", "--only-summary"
    return [*options, "--host", host, "--csv", prefix]


def assert_accounts_agree(prefix: Path, users: int, batch_size: int, examples: int) -> None:
    """Locust's statistics, the requests' file and the ledger say the same: exactly N, and the server has seen them."""
    requests = ceil(examples / batch_size)
    stats = by_type(prefix)
    assert set(stats) == {"POST", "RUN", ""}
    assert stats["POST"]["Request Count"] == stats[""]["Request Count"] == str(requests)
    assert stats["POST"]["Failure Count"] == stats[""]["Failure Count"] == "0"
    rule = json.loads(prefix.with_name(prefix.name + "_run.json").read_text())["rule"]
    assert stats["RUN"]["Failure Count"] == ("1" if rule else "0")

    ledger = rows(prefix.with_name(prefix.name + "_ledger.csv"))
    assert tuple(ledger[0]) == LEDGER_COLUMNS
    *parts, total = ledger
    for column in ("users", *COUNTS):
        assert sum(int(part[column]) for part in parts) == int(total[column])
    assert total["users"] == str(users)
    assert total["requests_issued"] == total["requests_answered"] == total["server_seen"] == str(requests)
    assert total["examples_issued"] == total["examples_answered"] == str(examples)
    assert total["requests_failed"] == total["examples_failed"] == "0"

    sent = rows(prefix.with_name(prefix.name + "_requests.csv"))
    assert tuple(sent[0]) == REQUESTS_COLUMNS
    assert [int(row["request"]) for row in sent] == list(range(requests))
    assert sum(int(row["examples"]) for row in sent) == examples
    for part in parts:
        assert int(part["requests_issued"]) == sum(row["worker"] == part["worker"] for row in sent)

    # No worker's span, on its own clock, is longer than the run on the master's; and the run is what the CSV says.
    assert float(stats["RUN"]["Average Response Time"]) == pytest.approx(float(total["span_s"]) * 1000, rel=1e-9)
    assert max(float(part["span_s"]) for part in parts if part["span_s"]) <= float(total["span_s"])


@pytest.mark.parametrize(
    ("count", "users", "batch_size", "examples"),
    [
        (3, 32, 8, 10000),
        (3, 5, 7, 1000),  # not divisible by anything
        (4, 2, 1, 300),  # fewer users than workers
        (5, 8, 4, 9),  # more workers than requests
        (2, 16, 1000, 1),  # one request, smaller than a batch
        (8, 32, 1, 4001),
    ],
)
def test_exactly_n_examples_are_sent_by_all_workers_together(
    command: Command, echo_server: Server, tmp_path, count, users, batch_size, examples
):
    """Master and workers started one by one, as on several machines."""
    port = free_port()
    with workers(count, port, tmp_path):
        options = "-u", users, "--batch-size", batch_size, "--examples", examples
        master = *LOCUST[1:], *master_options(echo_server.address, port, count, tmp_path / "out"), *options
        done = command(*master, RECIPE="echo", timeout_s=60)
    exit_code, word = verdict_on(ceil(examples / batch_size), users)
    assert done.returncode == exit_code, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1].startswith(f"{word}: {RunName('echo', batch_size, users, examples)}: ")
    assert any(line.startswith("Server: received") and line.endswith("they agree.") for line in lines)
    assert len(rows(tmp_path / "out_ledger.csv")) == count + 1
    assert_accounts_agree(tmp_path / "out", users, batch_size, examples)


def test_processes_is_the_same_load(locust: Command, echo_server: Server, tmp_path):
    """Locust's own way to use several cores."""
    options = *processes(3), "-u", 8, "--batch-size", 3, "--examples", 1000, "--csv", tmp_path / "out"
    done = locust("echo", echo_server.address, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_accounts_agree(tmp_path / "out", 8, 3, 1000)


def test_no_more_requests_are_in_flight_than_there_are_users(locust: Command, echo_server: Server, tmp_path):
    """On each worker, by its own clock: as many as it has users, and not one more."""
    options = *processes(2), "-u", 6, "--examples", 600, "--csv", tmp_path / "out"
    assert locust("echo", echo_server.address, *options).returncode == 0
    sent = rows(tmp_path / "out_requests.csv")
    for worker in ("0", "1"):
        own = [row for row in sent if row["worker"] == worker]
        changes = sorted([(int(row["sent_ns"]), 1) for row in own] + [(int(row["answered_ns"]), -1) for row in own])
        assert max(sum(change for _, change in changes[: end + 1]) for end in range(len(changes))) == 3


SHORT_RUNS = 100
SERVERS = 3


def test_the_accounts_agree_in_every_one_of_many_short_runs(locust: Command, tmp_path):
    """Locust alone loses the last second of a short run, in the CSV and between worker and master."""
    seeded = random.Random(3)

    def run(number: int, server: Server) -> None:
        users, batch_size, examples = seeded.randint(1, 12), seeded.randint(1, 9), seeded.randint(1, 400)
        options = processes(seeded.randint(2, 3))
        prefix = tmp_path / f"run-{number}"
        load = "-u", users, "--batch-size", batch_size, "--examples", examples, "--csv", prefix
        done = locust("echo", server.address, *options, *load)
        # Three loads at a time keep two cores busy: here it is no matter that a client has to wait for one.
        is_right = re.search(r"^(VALID|INVALID\((concurrency|client-cpu)\)): ", done.stdout.splitlines()[-1])
        assert is_right, f"{number}: {options} {load}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        assert_accounts_agree(prefix, users, batch_size, examples)

    def run_each(server: Server, first: int) -> int:
        numbers = range(first, SHORT_RUNS, SERVERS)
        for number in numbers:
            run(number, server)
        return len(numbers)

    with ExitStack() as stack:
        chosen = recipe.load("echo")
        servers = [
            stack.enter_context(
                serving(chosen, systems.load("fastdeploy"), lambda: list(chosen.example), free_port(), 480, {}, logs)
            )
            for logs in [tmp_path / f"server-{number}" for number in range(SERVERS)]
            if logs.mkdir() is None
        ]
        with ThreadPoolExecutor(SERVERS) as pool:
            done = pool.map(run_each, servers, range(SERVERS))
            assert sum(done) == SHORT_RUNS


def a_long_run(echo_server: Server, tmp_path: Path, port: int, count: int) -> "subprocess.Popen[bytes]":
    """Start a master whose run does not end by itself in a test's time; return it once requests are answered."""
    log = tmp_path / "master.log"
    options = master_options(echo_server.address, port, count, tmp_path / "out")
    master = start(*options, "-u", 6, "--examples", 10_000_000, log=log)
    wait_until(lambda: "All users spawned" in log.read_text(), master)
    time.sleep(2)
    return master


def wait_until(is_so: Callable[[], bool], process: "subprocess.Popen[bytes]", limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not is_so():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def signalled(number: signal.Signals) -> Callable[[list["subprocess.Popen[bytes]"], int], None]:
    def act(started: list["subprocess.Popen[bytes]"], port: int) -> None:
        started[1].send_signal(number)

    return act


def killed_all(started: list["subprocess.Popen[bytes]"], port: int) -> None:
    for worker in started:
        worker.kill()


def joined_late(started: list["subprocess.Popen[bytes]"], port: int) -> None:
    started.append(start("--worker", "--master-port", port))


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (
            signalled(signal.SIGKILL),
            r"worker \d \(\S+\) was lost: no heartbeat any more \(killed, hanging, or cut off\)",
        ),
        (
            signalled(signal.SIGSTOP),
            r"worker \d \(\S+\) was lost: no heartbeat any more \(killed, hanging, or cut off\)",
        ),
        (signalled(signal.SIGTERM), r"worker \d \(\S+\) has quit"),
        (killed_all, r"worker \d \(\S+\) was lost: no heartbeat any more \(killed, hanging, or cut off\)"),
        (joined_late, r"worker 3 \(\S+\) came late: the run had begun without it"),
    ],
    ids=["dies", "hangs", "quits", "all die", "comes late"],
)
def test_a_worker_that_is_lost_or_late_makes_the_run_invalid_within_ten_seconds(
    echo_server: Server, tmp_path, no_orphans, act, reason
):
    """With its name and the reason, exit code 1; what was measured until then is kept, and marked as no run."""
    port = free_port()
    with workers(3, port, tmp_path) as started:
        master = a_long_run(echo_server, tmp_path, port, 3)
        act(started, port)
        assert master.wait(10) == 1
        for worker in started:
            worker.send_signal(signal.SIGCONT)  # one that hangs could not quit
    last = (tmp_path / "master.log").read_text().splitlines()[-1]
    ended = re.fullmatch(rf"INVALID\(workers\): echo .*: {reason} \(after (\d+) of 10000000 requests\)", last)
    assert ended, last
    assert int(ended[1]) > 0
    total = rows(tmp_path / "out_ledger.csv")[-1]
    assert int(total["requests_answered"]) == int(ended[1])
    assert total["fault"] in last
    assert "RUN" not in by_type(tmp_path / "out")


def test_ctrl_c_keeps_what_every_worker_has_measured(echo_server: Server, tmp_path, no_orphans):
    """The master asks for it before it lets the workers go."""
    port = free_port()
    with workers(2, port, tmp_path) as started:
        master = a_long_run(echo_server, tmp_path, port, 2)
        master.send_signal(signal.SIGINT)
        assert master.wait(20) == 1
        for worker in started:
            worker.wait(20)
    last = (tmp_path / "master.log").read_text().splitlines()[-1]
    ended = re.search(r"ended after (\d+) of 10000000 requests$", last)
    assert ended, last
    stats = by_type(tmp_path / "out")
    assert stats["POST"]["Request Count"] == ended[1] == str(len(rows(tmp_path / "out_requests.csv")))


@pytest.mark.parametrize(
    ("options", "number", "says"),
    [
        (("--expect-workers-max-wait", 3), None, "gave up after 3 s: 1 of 2 workers connected"),
        ((), signal.SIGINT, "interrupted: 1 of 2 workers connected"),
    ],
)
def test_a_run_does_not_wait_for_workers_for_ever(tmp_path, no_orphans, options, number, says):
    """It gives up after a stated time or when it is told to, and sends those that have come home."""
    port, log = free_port(), tmp_path / "master.log"
    with workers(1, port, tmp_path) as (worker,):
        master = start(*master_options("http://127.0.0.1:9", port, 2, tmp_path / "out"), *options, log=log)
        wait_until(lambda: "1 workers connected" in log.read_text(), master)
        if number:
            master.send_signal(number)
        assert master.wait(20) == 1
        worker.wait(20)
    assert f"INVALID(workers): {says}. Remedy: {RULES['workers'].remedy}" in log.read_text().splitlines()
    assert "Traceback" not in log.read_text()


def test_a_worker_with_other_inputs_has_no_part_in_a_run(echo_server: Server, tmp_path):
    """All workers send the same load, or none does."""
    other = write_recipe(tmp_path / "echo", example="example = ['something else']")
    port, log = free_port(), tmp_path / "master.log"
    worker = start("--worker", "--master-port", port, RECIPE=str(other))
    master = start(*master_options(echo_server.address, port, 1, tmp_path / "out"), log=log)
    assert master.wait(30) == 1
    worker.wait(20)
    assert "has other inputs for echo than the master: update its files" in log.read_text().splitlines()[-1]


def test_a_server_that_does_not_answer_a_worker_is_told_with_the_worker_s_name(tmp_path):
    """The master itself sends nothing: it has to be told."""
    port, log = free_port(), tmp_path / "master.log"
    with workers(1, port, tmp_path):
        master = start(*master_options("http://127.0.0.1:9", port, 1, tmp_path / "out"), log=log)
        assert master.wait(30) == 2
    last = log.read_text().splitlines()[-1]
    assert re.search(r"no warm-up at http://127.0.0.1:9: ConnectionRefusedError: .* \(from worker 0 \(\S+\)\)", last)


def test_a_run_longer_than_the_server_s_memory_is_checked_by_its_last_half_minute(locust: Command, tmp_path):
    """FastDeploy forgets a request some 40 s after its answer."""
    slow = "import time\ndef predictor(inputs, batch_size=1):\n    time.sleep(0.5)\n    return list(inputs)\n"
    chosen = recipe.load(write_recipe(tmp_path / "slow", predictor=slow))
    with serving(chosen, systems.load("fastdeploy"), lambda: ["a"], free_port(), 480, {}, tmp_path) as server:
        options = *processes(2), "-u", 2, "--examples", 160, "--csv", tmp_path / "out"
        done = locust(chosen.folder, server.address, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    total = rows(tmp_path / "out_ledger.csv")[-1]
    assert float(total["span_s"]) > 38
    least, seen, most = (int(total[column]) for column in ("server_seen_least", "server_seen", "server_seen_most"))
    assert 0 < least <= seen <= most < 160
    assert most - least <= 4  # the requests in flight half a minute ago
