"""Plain Locust against a real fastDeploy: exactly N examples, the total in Locust's CSV, and failures that are said."""

import http.server
import json
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import requests

from servecost.bench.arms.server import Server
from servecost.bench.processes.process import free_port, is_taken
from servecost.core import answers, recipe, stops
from servecost.core.layout import REQUESTS_COLUMNS, RunName
from servecost.core.stops import Stop
from servecost.core.verdicts import RULES
from tests.faults import fault
from tests.support import (
    MAY_HAVE_TO_WAIT,
    PATIENCE_S,
    ROOT,
    TEST_RECIPES,
    Command,
    assert_ends_as,
    by_type,
    max_in_flight,
    rows,
    rule_for,
    served_by,
    start_locust,
    used_by_others,
    wait_until,
)

pytestmark = pytest.mark.xdist_group("load")

UNRELIABLE = TEST_RECIPES / "unreliable"


@pytest.mark.parametrize(
    ("users", "batch_size", "examples"),
    [(32, 1, 10), (5, 7, 1000)],
)
def test_exactly_n_examples_are_sent(locust: Command, echo_server: Server, tmp_path, users, batch_size, examples):
    """Whatever the users and the batch size, Locust's counts, the total and every request's row add up.

    The user count is the request concurrency: reached, and never passed.
    """
    prefix = tmp_path / "out"
    options = "-u", users, "--batch-size", batch_size, "--examples", examples, "--csv", prefix
    done = locust("echo", echo_server.address, *options)
    requests = ceil(examples / batch_size)
    assert_ends_as(done, rule_for(requests, users))
    assert f": {RunName('echo', batch_size, users, examples)}: " in done.stdout.splitlines()[-1]

    stats = by_type(prefix)
    assert set(stats) == {"POST", "RUN", ""}
    assert stats["POST"]["Request Count"] == stats[""]["Request Count"] == str(requests)
    assert stats["POST"]["Failure Count"] == stats[""]["Failure Count"] == "0"
    assert stats["RUN"]["Failure Count"] == str(done.returncode)

    sent = rows(tmp_path / "out_requests.csv")
    assert tuple(sent[0]) == REQUESTS_COLUMNS
    assert [int(row["request"]) for row in sent] == list(range(requests))
    assert sum(int(row["examples"]) for row in sent) == examples
    assert int(sent[-1]["examples"]) == examples - (requests - 1) * batch_size

    run = stats["RUN"]
    assert (run["Name"], run["Request Count"]) == (str(RunName("echo", batch_size, users, examples)), "1")
    last_answer_ms = max(int(row["answered_ns"]) for row in sent) / 1e6
    assert float(run["Average Response Time"]) == pytest.approx(last_answer_ms, rel=1e-12)
    assert min(int(row["sent_ns"]) for row in sent) >= 0
    assert max_in_flight(sent) == users or requests < users


def test_s12_a_run_that_begins_by_itself_may_end_locust(command: Command, echo_server: Server):
    """With --autostart and --autoquit, so many seconds after the run, though Locust has a web interface."""
    options = "--autostart", "--autoquit", 1, "--web-port", free_port(), "--host", echo_server.address, "-u", 1
    done = command(
        "-m", "locust", "-f", "locustfiles/generic.py", *options, "--examples", 20, RECIPE="echo", timeout_s=60
    )
    assert_ends_as(done, "")


@pytest.mark.parametrize("name", ["deepsegment_en", "efficientnet_b2"])
def test_each_model_has_a_locustfile_that_names_its_recipe(command: Command, name: str):
    """About ten lines, found by Locust as a user class."""
    path = ROOT / "locustfiles" / f"{name}.py"
    code = [
        line for line in path.read_text().splitlines() if line.strip() and not line.strip().startswith(('"""', "#"))
    ]
    assert len(code) <= 10
    listed = command("-m", "locust", "-f", path, "--list")
    assert listed.returncode == 0, listed.stderr
    assert "User" in listed.stdout
    assert f'recipe = "{name}"' in path.read_text()


@contextmanager
def unreliable_server(example: str, expected: list[str], logs: Path) -> Iterator[Server]:
    """Serve the unreliable recipe with a harmless example of its own; what the load sends is ``example``."""
    chosen = recipe.load(UNRELIABLE)
    answers.write(logs / "expected.json", expected)
    with served_by("fastdeploy", chosen, ["fine"], logs=logs) as server:
        yield server


@pytest.mark.parametrize(
    ("example", "rule", "says"),
    [
        ("fine,lie", "answers", "10 of 20 requests failed; 10 × wrong answer to input 0: 'a lie', not 'lie'"),
        (
            "fine,fail",
            "failures",
            "10 of 20 requests failed; 10 × HTTP 500: server says: prediction failed predictor 0",
        ),
    ],
)
def test_any_failure_is_exit_code_1_and_a_last_line(locust: Command, tmp_path, example, rule, says):
    """What failed, and how many; the total is still there, and marked as failed."""
    with unreliable_server(example, example.split(","), tmp_path) as server:
        options = "-u", 1, "--examples", 20, "--csv", tmp_path / "out"
        env = {"UNRELIABLE_EXAMPLE": example, "EXPECTED_ANSWERS": str(tmp_path / "expected.json")}
        done = locust(UNRELIABLE, server.address, *options, **env)
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert last.startswith(f"INVALID({rule}): unreliable batch_size=1 users=1 examples=20: ")
    assert done.stdout.splitlines()[-2] == f"Remedy: {RULES[rule].remedy}."
    assert says in last
    stats = by_type(tmp_path / "out")
    assert (stats["POST"]["Request Count"], stats["POST"]["Failure Count"]) == ("20", "10")
    assert stats["RUN"]["Failure Count"] == "1"
    assert sum(bool(row["failure"]) for row in rows(tmp_path / "out_requests.csv")) == 10


@fault("An untimed request is answered wrongly", "the load expects another answer", "INVALID(host)")
def test_a_wrong_answer_to_a_warm_up_ends_the_run_before_it_starts(locust: Command, echo_server: Server, tmp_path):
    """Nothing is timed that is known to be wrong."""
    answers.write(tmp_path / "expected.json", ["something else"])
    done = locust("echo", echo_server.address, EXPECTED_ANSWERS=str(tmp_path / "expected.json"))
    assert done.returncode == 1
    assert re.search(r"INVALID\(host\): .*: no warm-up at \S+: wrong answer to input 0", done.stdout.splitlines()[-1])


@fault("A request hangs", "the predictor waits beyond the time-out", "INVALID(failures)")
def test_a_request_that_takes_too_long_ends_the_run(locust: Command, tmp_path):
    """A server that hangs does not make the load hang: no further request is issued."""
    with unreliable_server("fine,wait", ["fine", "wait"], tmp_path) as server:
        env = {"UNRELIABLE_EXAMPLE": "fine,wait", "EXPECTED_ANSWERS": str(tmp_path / "expected.json")}
        done = locust(UNRELIABLE, server.address, "--examples", 20, "--request-timeout", 2, **env)
    assert done.returncode == 1
    assert "ended after 2 of 20 requests; 1 × no answer within 2 s" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("host", "options", "says"),
    [
        ("http://127.0.0.1:9", [], "no warm-up at http://127.0.0.1:9: ConnectionRefusedError"),
        ("http://127.0.0.1:9", ["--examples", "0"], "argument --examples: '0' is not a whole number from 1 up"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(locust: Command, host, options, says):
    """No traceback."""
    done = locust("echo", host, *options)
    assert done.returncode == 2
    assert says in [line for line in (done.stdout + done.stderr).splitlines() if "rror" in line][-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["nope"])
def test_a_wrong_recipe_is_one_line_and_exit_code_2(locust: Command, name):
    """With the names of those that there are."""
    done = locust(name, "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "deepsegment_en, echo, efficientnet_b2" in done.stderr.splitlines()[-1]


def test_something_else_than_fastdeploy_is_told(locust: Command):
    """A web server that answers with a page is no server of a recipe."""
    page = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=page.serve_forever, daemon=True).start()
    done = locust("echo", f"http://127.0.0.1:{page.server_port}")
    page.shutdown()
    assert done.returncode == 1
    assert "HTTP 501: answer is not json: " in done.stdout.splitlines()[-1]


@fault("Connections are closed", "a server that reads a request and closes", "INVALID(failures)")
def test_a_connection_that_is_reset_is_a_failure_and_nothing_is_sent_twice(locust: Command):
    """The server sees as many requests as the load counts."""
    seen: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            seen.append(connection.recv(65536))
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    done = locust("echo", f"http://127.0.0.1:{listener.getsockname()[1]}", "--warm-ups", 0, "--examples", 7)
    assert done.returncode == 1
    assert "7 of 7 requests failed" in done.stdout.splitlines()[-1]
    assert len([body for body in seen if body.startswith(b"POST")]) == 7


@fault("A run is interrupted", "SIGINT to Locust", "INVALID(interrupted)")
def test_ctrl_c_is_said_and_the_files_hold_what_was_measured(echo_server: Server, tmp_path):
    """A run that was broken off is no run."""
    log = tmp_path / "log"
    options = "--headless", "--host", echo_server.address, "--csv", tmp_path / "out", "--examples", 1_000_000
    locust = start_locust(*options, log=log)
    wait_until(lambda: "POST     echo" in log.read_text(), process=locust, log=log)
    time.sleep(0.3)  # Locust's own writers, which have just woken up, would swallow the signal
    locust.send_signal(signal.SIGINT)
    assert locust.wait(PATIENCE_S) == 1
    last = log.read_text().splitlines()[-1]
    ended = re.search(
        r"INVALID\(interrupted\): echo batch_size=1 users=1 examples=1000000: ended after (\d+) of 1000000 requests",
        last,
    )
    assert ended, last
    stats = by_type(tmp_path / "out")
    assert "RUN" not in stats
    assert stats["POST"]["Request Count"] == ended[1] == str(len(rows(tmp_path / "out_requests.csv")))


@fault("A run's files cannot be written", "a folder lies in one's place", "INVALID(files)")
def test_a_run_whose_files_cannot_be_written_is_no_run(locust: Command, echo_server: Server, tmp_path):
    """A number without its evidence is not reported as right, and nothing hangs."""
    (tmp_path / "out_requests.csv").mkdir()
    done = locust("echo", echo_server.address, "--examples", 10, "--csv", tmp_path / "out")
    assert done.returncode == 1
    assert "its files cannot be written" in done.stdout.splitlines()[-1]


@fault("Locust is told to end", "--run-time shorter than the run", "INVALID(interrupted)")
def test_a_run_that_locust_is_told_to_cut_short_is_no_run(locust: Command, echo_server: Server):
    """`--run-time` ends it before its examples are through."""
    done = locust("echo", echo_server.address, "--examples", 100000, "--run-time", "2s")
    assert done.returncode == 1
    assert re.search(r"INVALID\(interrupted\): .*: ended after \d+ of 100000 requests$", done.stdout.splitlines()[-1])


@fault("Others use the server", "requests of another client all the time", "INVALID(busy)")
@pytest.mark.parametrize(
    ("is_interrupted", "says"),
    [(False, "is busy with others: "), (True, "ended after 0 of 10 requests")],
    ids=["waited for", "interrupted"],
)
def test_a_server_that_others_use_is_refused(echo_server: Server, tmp_path, is_interrupted, says):
    """Not for ever waited for, and to be interrupted meanwhile: their requests would take part of its time."""
    log = tmp_path / "log"
    options = "--headless", "--host", echo_server.address, "--examples", 10, "--loglevel", "DEBUG"
    with used_by_others(echo_server.address):
        locust = start_locust(*options, log=log)
        if is_interrupted:
            # It asks whether the server is quiet.
            wait_until(lambda: '"GET /' in log.read_text(), process=locust, log=log)
            locust.send_signal(signal.SIGINT)
        assert locust.wait(PATIENCE_S) == 1
    said = log.read_text()
    assert says in said.splitlines()[-1], said
    assert "Traceback" not in said


def content_of(prefix: Path, suffix: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(f"{prefix}{suffix}").read_text())
    return content


REST_S = 1.5


def test_a_run_is_held_until_it_is_released_and_its_times_are_less_its_stops(echo_server: Server, tmp_path):
    """As the bench makes it: warm and waiting, then released, stopped for a while and continued."""
    prefix, log, stops_csv, release = (tmp_path / name for name in ("out", "log", "stops.csv", "release"))
    options = "--headless", "--host", echo_server.address, "-u", 4, "--examples", 2000, "--csv", prefix
    locust = start_locust(*options, log=log, HOLD_UNTIL=str(release), STOPS_CSV=str(stops_csv))
    wait_until(Path(f"{prefix}_warm.json").exists, process=locust, log=log)
    warm = content_of(prefix, "_warm.json")
    assert warm["requests"] > warm["calls"] + 4
    assert 0 < warm["steady_s"] < 1
    calls = len(echo_server.calls())
    time.sleep(0.3)
    assert len(echo_server.calls()) == calls

    release.touch()
    wait_until(lambda: len(echo_server.calls()) > calls + 100, process=locust, log=log)
    locust.send_signal(signal.SIGSTOP)
    begin_ns = time.perf_counter_ns()
    time.sleep(REST_S)
    stops.append(stops_csv, Stop(begin_ns, end_ns := time.perf_counter_ns()))
    locust.send_signal(signal.SIGCONT)
    locust.wait(60)
    ended_ns = time.perf_counter_ns()

    run, (*_, total) = content_of(prefix, "_run.json"), rows(tmp_path / "out_ledger.csv")
    assert run["rule"] in ("", *MAY_HAVE_TO_WAIT), log.read_text()
    assert run["released_ns"] < begin_ns < end_ns < ended_ns
    assert 0 < run["total_s"] < (ended_ns - run["released_ns"]) / 1e9 - REST_S
    assert float(total["span_s"]) == run["total_s"]
    assert float(by_type(prefix)["RUN"]["Average Response Time"]) == pytest.approx(run["total_s"] * 1000)
    assert float(by_type(prefix)["POST"]["Max Response Time"]) < REST_S * 1000
    sent = rows(tmp_path / "out_requests.csv")
    assert max(int(row["answered_ns"]) for row in sent) == pytest.approx(run["total_s"] * 1e9)
    assert max(int(row["answered_ns"]) - int(row["sent_ns"]) for row in sent) < REST_S * 1e9
    assert 3 < run["mean_in_flight"] <= 4.004
    assert total["server_seen"] == "2000"


def test_a_run_that_nobody_can_release_any_more_is_none(locust: Command, echo_server: Server, tmp_path):
    """It does not wait for ever."""
    done = locust("echo", echo_server.address, HOLD_UNTIL=str(tmp_path / "gone" / "release"))
    assert done.returncode == 1
    assert re.search(r"INVALID\(interrupted\): .*: it was held, and the folder of ", done.stdout.splitlines()[-1])


def test_runs_in_one_web_process_leave_their_own_files(echo_server: Server, tmp_path):
    """The verdict's file comes last and the next run can be started then; what has been moved away does not return."""
    prefix, log, address = tmp_path / "now" / "out", tmp_path / "log", f"http://127.0.0.1:{free_port()}"
    prefix.parent.mkdir()
    locust = start_locust("--web-port", address.rpartition(":")[2], "--csv", prefix, log=log)

    def start(**form: object) -> dict[str, Any]:
        fields = {"user_count": 4, "spawn_rate": 100, "host": echo_server.address, "system": "fastdeploy"}
        fields |= {"batch_size": 2, "examples": 100, "request_timeout": 30, "warm_ups": 1}
        answer: dict[str, Any] = requests.post(address + "/swarm", data=fields | form, timeout=30).json()
        return answer

    def finish(name: str) -> Path:
        wait_until(Path(f"{prefix}_run.json").exists, process=locust, log=log)
        (folder := tmp_path / name).mkdir()
        for path in prefix.parent.iterdir():
            path.rename(folder / path.name)
        return folder / prefix.name

    wait_until(lambda: is_taken(int(address.rpartition(":")[2])), process=locust, log=log)
    for number, (users, batch_size, examples) in enumerate([(4, 2, 100), (1, 5, 203), (4, 2, 60)]):
        assert start(user_count=users, batch_size=batch_size, examples=examples)["success"]
        moved = finish(f"run-{number}")
        run, count = content_of(moved, "_run.json"), ceil(examples / batch_size)
        assert (run["users"], run["requests"]) == (users, count)
        assert run["rule"] in ("", *MAY_HAVE_TO_WAIT), log.read_text()
        assert len(rows(Path(f"{moved}_requests.csv"))) == count
        assert rows(Path(f"{moved}_ledger.csv"))[-1]["server_seen"] == str(count)
        stats = by_type(moved)
        assert (stats["POST"]["Request Count"], stats["RUN"]["Name"]) == (str(count), run["name"])
        assert Path(f"{moved}_warm.json").exists()

    assert not (refused := start(batch_size="0"))["success"]
    assert refused["message"] == "Batch size: '0' is not a whole number from 1 up"
    assert start(host="http://127.0.0.1:9")["success"]
    moved = finish("refused")
    run = content_of(moved, "_run.json")
    assert (run["rule"], run["total_s"], run["released_ns"]) == ("host", None, None)
    assert not Path(f"{moved}_warm.json").exists()
    assert start()["success"]
    assert content_of(finish("last"), "_run.json")["rule"] in ("", *MAY_HAVE_TO_WAIT)

    time.sleep(1.5)  # Locust writes its own files once a second
    locust.terminate()
    locust.wait(PATIENCE_S)
    assert list(prefix.parent.iterdir()) == []
