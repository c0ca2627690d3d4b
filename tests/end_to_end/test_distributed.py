"""Distributed Locust against a real fastDeploy: the same exact load, whatever happens to the workers."""

import json
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from math import ceil
from pathlib import Path

import pytest

from servecost.bench.arms.server import Server
from servecost.bench.processes.process import free_port
from servecost.core import recipe
from servecost.core.layout import LEDGER_COLUMNS, REQUESTS_COLUMNS, RunName
from servecost.core.verdicts import RULES
from tests.support import (
    Command,
    assert_ends_as,
    by_type,
    rows,
    rule_for,
    served_by,
    start_locust,
    wait_until,
    write_recipe,
)

COUNTS = LEDGER_COLUMNS[3:9]
PROGRESS_S = 1.0  # every so often a worker tells the master how far it is


@contextmanager
def workers(count: int, port: int, logs: Path) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Run workers that connect to the master at ``port``; none outlives the block."""
    logged = [logs / f"worker-{number}.log" for number in range(count)]
    started = [start_locust("--worker", "--master-port", port, log=log) for log in logged]
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


def master_options(port: int, count: int, prefix: Path) -> list[object]:
    return ["--master", "--master-bind-port", port, "--expect-workers", count, "--csv", prefix]


def start_master(host: str, port: int, count: int, folder: Path, *options: object) -> "subprocess.Popen[bytes]":
    """Start a master whose log and files are in a folder."""
    headless = "--headless", "--only-summary", "--host", host
    return start_locust(*master_options(port, count, folder / "out"), *headless, *options, log=folder / "master.log")


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
    locust: Command, echo_server: Server, tmp_path, count, users, batch_size, examples
):
    """Master and workers started one by one, as on several machines."""
    port = free_port()
    with workers(count, port, tmp_path):
        options = "-u", users, "--batch-size", batch_size, "--examples", examples
        master = master_options(port, count, tmp_path / "out")
        done = locust("echo", echo_server.address, *master, *options, timeout_s=60)
    assert_ends_as(done, rule_for(ceil(examples / batch_size), users))
    lines = done.stdout.splitlines()
    assert f": {RunName('echo', batch_size, users, examples)}: " in lines[-1]
    assert any(line.startswith("Server: received") and line.endswith("they agree.") for line in lines)
    assert len(rows(tmp_path / "out_ledger.csv")) == count + 1
    assert_accounts_agree(tmp_path / "out", users, batch_size, examples)


def test_processes_is_the_same_load(locust: Command, echo_server: Server, tmp_path):
    """Locust's own way to use several cores."""
    options = *processes(3), "-u", 8, "--batch-size", 3, "--examples", 1000, "--csv", tmp_path / "out"
    done = locust("echo", echo_server.address, *options)
    assert_ends_as(done)
    assert_accounts_agree(tmp_path / "out", 8, 3, 1000)


def test_no_more_requests_are_in_flight_than_there_are_users(locust: Command, echo_server: Server, tmp_path):
    """On each worker, by its own clock: as many as it has users, and not one more."""
    options = *processes(2), "-u", 6, "--examples", 600, "--csv", tmp_path / "out"
    assert_ends_as(locust("echo", echo_server.address, *options))
    sent = rows(tmp_path / "out_requests.csv")
    for worker in ("0", "1"):
        own = [row for row in sent if row["worker"] == worker]
        changes = sorted([(int(row["sent_ns"]), 1) for row in own] + [(int(row["answered_ns"]), -1) for row in own])
        assert max(sum(change for _, change in changes[: end + 1]) for end in range(len(changes))) == 3


SHORT_RUNS = 30
SERVERS = 2


def test_the_accounts_agree_in_every_one_of_many_short_runs(locust: Command, tmp_path):
    """Locust alone loses the last second of a short run, in the CSV and between worker and master."""

    def run(number: int, server: Server) -> None:
        seeded = random.Random(number)
        users, batch_size, examples = seeded.randint(1, 12), seeded.randint(1, 9), seeded.randint(1, 400)
        prefix = tmp_path / f"run-{number}"
        load = "-u", users, "--batch-size", batch_size, "--examples", examples, "--csv", prefix
        done = locust("echo", server.address, *processes(seeded.randint(2, 3)), *load)
        assert_ends_as(done, rule_for(ceil(examples / batch_size), users))
        assert_accounts_agree(prefix, users, batch_size, examples)

    def run_each(server: Server, first: int) -> int:
        numbers = range(first, SHORT_RUNS, SERVERS)
        for number in numbers:
            run(number, server)
        return len(numbers)

    with ExitStack() as stack, ThreadPoolExecutor(SERVERS) as pool:
        servers = []
        for number in range(SERVERS):
            (logs := tmp_path / f"server-{number}").mkdir()
            servers.append(stack.enter_context(served_by("fastdeploy", recipe.load("echo"), logs=logs)))
        assert sum(pool.map(run_each, servers, range(SERVERS))) == SHORT_RUNS


def start_long_run(server: Server, folder: Path, port: int, count: int) -> "subprocess.Popen[bytes]":
    """Start a master whose run does not end by itself in a test's time; return it once it knows of answers."""
    calls_before = len(server.calls())
    master = start_master(server.address, port, count, folder, "-u", 6, "--examples", 10_000_000)
    wait_until(lambda: len(server.calls()) > calls_before + 100, process=master)  # more than there are warm-ups
    time.sleep(1.5 * PROGRESS_S)
    return master


def signalled(number: signal.Signals) -> Callable[[list["subprocess.Popen[bytes]"], int], None]:
    def act(started: list["subprocess.Popen[bytes]"], port: int) -> None:
        started[1].send_signal(number)

    return act


def killed_all(started: list["subprocess.Popen[bytes]"], port: int) -> None:
    for worker in started:
        worker.kill()


def joined_late(started: list["subprocess.Popen[bytes]"], port: int) -> None:
    started.append(start_locust("--worker", "--master-port", port))


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
        master = start_long_run(echo_server, tmp_path, port, 3)
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
        master = start_long_run(echo_server, tmp_path, port, 2)
        master.send_signal(signal.SIGINT)
        assert master.wait(20) == 1
        for worker in started:
            worker.wait(20)
    said = (tmp_path / "master.log").read_text()  # Locust itself may end with a traceback of its CSV writer
    ended = re.search(r"^INVALID\(interrupted\): .* ended after (\d+) of 10000000 requests$", said, re.MULTILINE)
    assert ended, said
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
        master = start_master("http://127.0.0.1:9", port, 2, tmp_path, *options)
        wait_until(lambda: "1 workers connected" in log.read_text(), process=master, log=log)
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
    worker = start_locust("--worker", "--master-port", port, RECIPE=str(other))
    master = start_master(echo_server.address, port, 1, tmp_path)
    assert master.wait(30) == 1
    worker.wait(20)
    assert "has other inputs for echo than the master: update its files" in log.read_text().splitlines()[-1]


def test_a_server_that_does_not_answer_a_worker_is_told_with_the_worker_s_name(tmp_path):
    """The master itself sends nothing: it has to be told."""
    port, log = free_port(), tmp_path / "master.log"
    with workers(1, port, tmp_path):
        master = start_master("http://127.0.0.1:9", port, 1, tmp_path)
        assert master.wait(30) == 2
    last = log.read_text().splitlines()[-1]
    assert re.search(r"no warm-up at http://127.0.0.1:9: ConnectionRefusedError: .* \(from worker 0 \(\S+\)\)", last)


def test_a_run_longer_than_the_server_s_memory_is_checked_by_its_last_half_minute(locust: Command, tmp_path):
    """FastDeploy forgets a request some 40 s after its answer."""
    slow = "import time\ndef predictor(inputs, batch_size=1):\n    time.sleep(0.5)\n    return list(inputs)\n"
    chosen = recipe.load(write_recipe(tmp_path / "slow", predictor=slow))
    with served_by("fastdeploy", chosen, logs=tmp_path) as server:
        options = *processes(2), "-u", 2, "--examples", 160, "--csv", tmp_path / "out"
        done = locust(chosen.folder, server.address, *options)
    assert_ends_as(done)
    total = rows(tmp_path / "out_ledger.csv")[-1]
    assert float(total["span_s"]) > 38
    least, seen, most = (int(total[column]) for column in ("server_seen_least", "server_seen", "server_seen_most"))
    assert 0 < least <= seen <= most < 160
    assert most - least <= 4  # the requests in flight half a minute ago
