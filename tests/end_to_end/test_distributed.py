"""Distributed Locust against a real fastDeploy: the same exact load, whatever happens to the workers."""

import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path

import pytest

from servecost.bench.arms.server import Server
from servecost.bench.processes.process import free_port
from servecost.core.layout import RunName
from servecost.core.verdicts import RULES
from tests.end_to_end.accounts import assert_accounts_agree
from tests.faults import fault
from tests.support import (
    PATIENCE_S,
    Command,
    assert_ends_as,
    by_type,
    max_in_flight,
    rows,
    rule_for,
    start_locust,
    wait_until,
    write_recipe,
)

pytestmark = [pytest.mark.xdist_group("distributed"), pytest.mark.long]

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


def master_options(port: int, count: int, prefix: Path) -> list[object]:
    return ["--master", "--master-bind-port", port, "--expect-workers", count, "--csv", prefix]


def start_master(host: str, port: int, count: int, folder: Path, *options: object) -> "subprocess.Popen[bytes]":
    """Start a master whose log and files are in a folder."""
    headless = "--headless", "--only-summary", "--host", host
    return start_locust(*master_options(port, count, folder / "out"), *headless, *options, log=folder / "master.log")


@pytest.mark.parametrize(
    ("count", "users", "batch_size", "examples"),
    [
        (3, 5, 7, 4001),  # not divisible by anything
        (4, 2, 1, 300),  # fewer users than workers
    ],
)
def test_exactly_n_examples_are_sent_by_all_workers_together(
    locust: Command, echo_server: Server, tmp_path, count, users, batch_size, examples
):
    """Master and workers started one by one, as on several machines.

    As many requests are in flight on each worker, by its own clock, as it has users, and not one more.
    """
    port = free_port()
    with workers(count, port, tmp_path):
        options = "-u", users, "--batch-size", batch_size, "--examples", examples
        master = master_options(port, count, tmp_path / "out")
        done = locust("echo", echo_server.address, *master, *options)
    assert_ends_as(done, rule_for(ceil(examples / batch_size), users))
    lines = done.stdout.splitlines()
    assert f": {RunName('echo', batch_size, users, examples)}: " in lines[-1]
    assert any(line.startswith("Server: received") and line.endswith("they agree.") for line in lines)
    assert len(rows(tmp_path / "out_ledger.csv")) == count + 1
    assert_accounts_agree(tmp_path / "out", users, batch_size, examples)
    sent = rows(tmp_path / "out_requests.csv")
    by_worker = [[row for row in sent if row["worker"] == str(number)] for number in range(count)]
    assert sum(max_in_flight(own) for own in by_worker if own) == users


def start_long_run(server: Server, folder: Path, port: int, count: int) -> "subprocess.Popen[bytes]":
    """Start a master whose run does not end by itself in a test's time; return it once it knows of answers."""
    master = start_master(server.address, port, count, folder, "-u", 6, "--examples", 10_000_000)
    wait_until((folder / "out_warm.json").exists, process=master)
    time.sleep(1.5 * PROGRESS_S)
    return master


def signalled(number: signal.Signals) -> Callable[[list["subprocess.Popen[bytes]"], int], None]:
    def act(started: list["subprocess.Popen[bytes]"], port: int) -> None:
        started[1].send_signal(number)

    return act


def killed_all(started: list["subprocess.Popen[bytes]"], port: int) -> None:
    for worker in started:
        worker.kill()


LOST = r"worker \d \(\S+\) was lost: no heartbeat any more \(killed, hanging, or cut off\)"
WORKERS = "INVALID(workers)"


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        pytest.param(
            signalled(signal.SIGKILL), LOST, marks=fault("A worker dies", "SIGKILL in a run", WORKERS), id="dies"
        ),
        pytest.param(
            signalled(signal.SIGSTOP), LOST, marks=fault("A worker hangs", "SIGSTOP in a run", WORKERS), id="hangs"
        ),
        pytest.param(
            killed_all, LOST, marks=fault("All workers die", "SIGKILL to each in a run", WORKERS), id="all die"
        ),
    ],
)
def test_a_worker_that_is_lost_makes_the_run_invalid(echo_server: Server, tmp_path, no_orphans, act, reason):
    """With its name and the reason, exit code 1; what was measured until then is kept, and marked as no run."""
    port = free_port()
    with workers(3, port, tmp_path) as started:
        master = start_long_run(echo_server, tmp_path, port, 3)
        act(started, port)
        assert master.wait(PATIENCE_S) == 1
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


@fault("A distributed run is interrupted", "SIGINT to the master", "INVALID(interrupted)")
def test_ctrl_c_keeps_what_every_worker_has_measured(echo_server: Server, tmp_path, no_orphans):
    """The master asks for it before it lets the workers go."""
    port = free_port()
    with workers(2, port, tmp_path) as started:
        master = start_long_run(echo_server, tmp_path, port, 2)
        master.send_signal(signal.SIGINT)
        assert master.wait(PATIENCE_S) == 1
        for worker in started:
            worker.wait(PATIENCE_S)
    said = (tmp_path / "master.log").read_text()  # Locust itself may end with a traceback of its CSV writer
    ended = re.search(r"^INVALID\(interrupted\): .* ended after (\d+) of 10000000 requests$", said, re.MULTILINE)
    assert ended, said
    stats = by_type(tmp_path / "out")
    assert stats["POST"]["Request Count"] == ended[1] == str(len(rows(tmp_path / "out_requests.csv")))


@fault("Workers do not come", "one of two is never started", WORKERS)
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
        assert master.wait(PATIENCE_S) == 1
        worker.wait(PATIENCE_S)
    assert f"INVALID(workers): {says}. Remedy: {RULES['workers'].remedy}" in log.read_text().splitlines()
    assert "Traceback" not in log.read_text()


@fault("A worker has other files", "a recipe with another example on one worker", WORKERS)
def test_a_worker_with_other_inputs_has_no_part_in_a_run(echo_server: Server, tmp_path):
    """All workers send the same load, or none does."""
    other = write_recipe(tmp_path / "echo", example="example = ['something else']")
    port, log = free_port(), tmp_path / "master.log"
    worker = start_locust("--worker", "--master-port", port, RECIPE=str(other))
    master = start_master(echo_server.address, port, 1, tmp_path)
    assert master.wait(PATIENCE_S) == 1
    worker.wait(PATIENCE_S)
    assert "has other inputs for echo than the master: update its files" in log.read_text().splitlines()[-1]


def test_a_server_that_does_not_answer_a_worker_is_told_with_the_worker_s_name(tmp_path):
    """The master itself sends nothing: it has to be told."""
    port, log = free_port(), tmp_path / "master.log"
    with workers(1, port, tmp_path):
        master = start_master("http://127.0.0.1:9", port, 1, tmp_path)
        assert master.wait(PATIENCE_S) == 2
    last = log.read_text().splitlines()[-1]
    assert re.search(r"no warm-up at http://127.0.0.1:9: ConnectionRefusedError: .* \(from worker 0 \(\S+\)\)", last)
