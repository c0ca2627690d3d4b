"""Locust's web interface as `bench web` starts it: exact runs from the form, their results in a tab, and no more."""

import csv
import io
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from playwright.sync_api import Page, expect, sync_playwright

from servecost.bench.processes.process import free_port
from tests.support import PATIENCE_S, ROOT, start_locust, used_by_others, wait_until

pytestmark = [pytest.mark.xdist_group("web"), pytest.mark.long]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
COLUMNS = "Run, Recipe, Batch size, Concurrency, Examples, Total [s], Served [s per 10,000], Baseline [s per 10,000], "
COLUMNS += "Overhead [s per 10,000], Verdict"


@dataclass
class Web:
    """A running `bench web`: where it is, what it serves, its process and what it prints."""

    address: str
    server: str
    process: "subprocess.Popen[str]"
    log: Path

    def start(self, **form: object) -> dict[str, Any]:
        """Send the form as the page does; return Locust's answer."""
        fields = {"user_count": 4, "spawn_rate": 100, "host": self.server, "batch_size": 1, **form}
        answer: dict[str, Any] = requests.post(self.address + "/swarm", data=fields, timeout=30).json()
        return answer

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of the tab's own CSV file."""
        return list(csv.DictReader(io.StringIO(requests.get(self.address + "/overhead/csv", timeout=10).text)))

    def stats(self) -> dict[str, dict[str, str]]:
        """Return the rows of Locust's CSV file by their type."""
        text = requests.get(self.address + "/stats/requests/csv", timeout=10).text
        return {row["Type"]: row for row in csv.DictReader(io.StringIO(text))}

    def locust_log(self) -> str:
        """Return what Locust has printed."""
        (logs,) = (line.split("Logs: ")[1] for line in self.log.read_text().splitlines() if "Logs: " in line)
        return (Path(logs) / "locust.log").read_text()

    def wait_for_row(self, number: int) -> dict[str, str]:
        """Return the result of the run of that number, from 1, once it is there."""
        wait_until(lambda: len(self.rows()) >= number, process=self.process, log=self.log)
        return self.rows()[number - 1]

    def wait_for_answers(self) -> None:
        """Return once requests of the run in progress have been answered."""
        wait_until(
            lambda: int(self.stats().get("POST", {}).get("Request Count", 0)), process=self.process, log=self.log
        )


@contextmanager
def web(folder: Path, *options: object) -> Iterator[Web]:
    """Run `bench web echo` until the block ends, which it has to end in order."""
    port, log = free_port(), folder / "web.log"
    command = [sys.executable, "-m", "servecost", "web", "echo", "--port", 0, "--web-port", port, *options]
    with log.open("w") as output:
        process = subprocess.Popen([*map(str, command)], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, text=True)
    try:
        wait_until(lambda: "Ctrl-C" in log.read_text(), 120, process, log)
        server = next(word for word in log.read_text().split() if word.startswith("http://"))
        yield Web(f"http://127.0.0.1:{port}", server, process, log)
    finally:
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
        assert log.read_text().splitlines()[-1] == "stopped"


@pytest.fixture(scope="module")
def one_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """`bench web` as `make web` starts it, with a baseline timed for batch size 7."""
    with web(tmp_path_factory.mktemp("web"), "--baseline", 7) as started:
        yield started


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a real, headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt install chromium")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses to be root's
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser.new_page(viewport={"width": 1400, "height": 900})
        browser.close()


def fill_in(page: Page, users: int, batch_size: object, examples: int) -> None:
    page.fill("input[name=userCount] >> visible=true", str(users))
    page.get_by_text("Custom parameters").click()
    page.fill("input[name=batchSize] >> visible=true", str(batch_size))
    page.fill("input[name=examples] >> visible=true", str(examples))
    page.get_by_role("button", name="Start", exact=True).click()


def test_a_run_from_the_form_ends_by_itself_and_its_result_is_in_the_tab(one_process: Web, page: Page):
    """As a user does it: fill in the form, start, wait, read; and again, and a mistake, and again."""
    before = len(one_process.rows())
    page.goto(one_process.address)
    fill_in(page, 4, "x", 100)
    expect(page.get_by_text("Batch size: 'x' is not a whole number from 1 up")).to_be_visible()
    page.fill("input[name=batchSize]", "7")
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("tab", name="Overhead").click()
    lines = page.locator("tbody tr")
    expect(lines).to_have_count(before + 1, timeout=30_000)
    expect(page.get_by_text("STOPPED")).to_be_visible(timeout=30_000)
    titles = page.locator("thead th").all_inner_texts()
    assert ", ".join(titles) == COLUMNS

    shown = dict(zip(titles, lines.last.locator("td").all_inner_texts(), strict=True))
    assert (shown["Recipe"], shown["Batch size"], shown["Concurrency"], shown["Examples"]) == ("echo", "7", "4", "100")
    assert shown["Verdict"] == "VALID"
    stats = one_process.stats()
    assert stats["POST"]["Request Count"] == "15"
    total_s = float(stats["RUN"]["Average Response Time"]) / 1000
    assert shown["Total [s]"] == f"{total_s:.3f}"
    served, baseline, overhead = (float(shown[f"{name} [s per 10,000]"]) for name in ("Served", "Baseline", "Overhead"))
    assert served == pytest.approx(total_s / 100 * 10_000, abs=0.001)
    assert overhead == pytest.approx(served - baseline, abs=0.002)

    page.get_by_role("button", name="New").click()
    fill_in(page, 2, 3, 50)  # no baseline is known for this one
    expect(lines).to_have_count(before + 2, timeout=30_000)
    second = dict(zip(titles, lines.last.locator("td").all_inner_texts(), strict=True))
    assert (second["Run"], second["Verdict"]) == (str(before + 2), "VALID")
    assert (second["Baseline [s per 10,000]"], second["Overhead [s per 10,000]"]) == ("not known", "—")


def test_an_invalid_run_is_shown_as_such_and_never_as_a_number(one_process: Web):
    """Not every user had a request: the row says so, and the next run is as good as any."""
    before = len(one_process.rows())
    assert one_process.start(examples=2)["success"]
    row = one_process.wait_for_row(before + 1)
    assert row["verdict"].startswith("INVALID(concurrency): 2 requests for 4 users")
    assert (row["total"], row["served"], row["overhead"]) == ("—", "—", "—")
    assert one_process.start(examples=10)["success"]
    assert one_process.wait_for_row(before + 2)["verdict"] == "VALID"


def test_a_run_that_is_stopped_is_invalid_and_a_start_meanwhile_is_refused(one_process: Web):
    """One run at a time; what was broken off is no result."""
    before = len(one_process.rows())
    assert one_process.start(examples=1_000_000)["success"]
    one_process.wait_for_answers()
    assert "A run is in progress" in one_process.start(examples=10)["message"]
    assert requests.post(one_process.address + "/stats/reset", timeout=10).status_code == 409
    assert requests.post(one_process.address + "/stop", timeout=30).json()["success"]
    assert "INVALID(interrupted): ended after" in one_process.wait_for_row(before + 1)["verdict"]
    assert one_process.start(examples=10)["success"]
    assert one_process.wait_for_row(before + 2)["verdict"] == "VALID"


def test_a_start_waits_until_the_server_is_quiet(one_process: Web):
    """Somebody else's request a moment before is not taken for one of the run's."""
    before = len(one_process.rows())
    assert requests.post(one_process.server + "/infer", json={"data": ["a"]}, timeout=10).ok
    assert one_process.start(examples=10)["success"]
    assert one_process.wait_for_row(before + 1)["verdict"] == "VALID"
    assert "Server: received 10 requests in the whole run; sent: 10; they agree." in one_process.locust_log()


def test_a_server_that_others_use_is_refused_in_the_form(one_process: Web):
    """Their requests would take part of its time, and be in no account."""
    with used_by_others(one_process.server):
        assert "is busy with others" in one_process.start(examples=10)["message"]


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"batch_size": "0"}, "Batch size: '0' is not a whole number from 1 up"),
        ({"batch_size": ""}, "Batch size: '' is not a whole number from 1 up"),
        ({"batch_size": "1.5"}, "Batch size: '1.5' is not a whole number from 1 up"),
        ({"examples": "-1"}, "Examples: '-1' is not a whole number from 1 up"),
        ({"warm_ups": "many"}, "Warm ups: 'many' is not a whole number from 0 up"),
        ({"request_timeout": "0"}, "Request timeout: '0' is not a whole number from 1 up"),
        ({"user_count": "0"}, "User count: '0' is not a whole number from 1 up"),
        ({"user_count": "x"}, "User count: 'x' is not a whole number from 1 up"),
        ({"spawn_rate": "x"}, "Invalid spawn_rate value: 'x' (must be a number)"),
        ({"host": "nowhere"}, "Host: 'nowhere' is not the given server"),
        ({"host": "http://127.0.0.1:9"}, "start Locust with --any-host to choose here"),
        ({"run_time": "soon"}, "Valid run_time formats are"),
        ({"html_file": "/tmp/report.html"}, "Html file cannot be set from the web interface"),
        ({"csv_prefix": "/tmp/x"}, "Csv prefix cannot be set from the web interface"),
        ({"locustfile": "/etc/passwd"}, "Locustfile cannot be set from the web interface"),
    ],
)
def test_a_bad_value_in_the_form_is_a_message_and_no_run(one_process: Web, form, says):
    """One line, which the form shows; nothing is started and no option of Locust's is changed."""
    before = len(one_process.rows())
    answer = one_process.start(**form)
    assert not answer["success"]
    assert says in answer["message"]
    assert "\n" not in answer["message"]
    assert len(one_process.rows()) == before


def test_the_web_interface_answers_its_own_pages_only(one_process: Web):
    """No other site's page can start a load, and no foreign name that points here."""
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example:8089"}):
        for path in ("/", "/stats/requests", "/overhead/csv"):
            assert requests.get(one_process.address + path, headers=headers, timeout=10).status_code == 403
        assert requests.post(one_process.address + "/swarm", headers=headers, timeout=10).status_code == 403
    own = {"Origin": one_process.address}
    assert requests.get(one_process.address + "/overhead/csv", headers=own, timeout=10).status_code == 200


def test_a_user_class_cannot_be_changed_from_the_web(one_process: Web):
    """Its attributes name the recipe, which is a path."""
    change = {"user_class_name": "GenericUser", "recipe": "/etc"}
    assert requests.post(one_process.address + "/user", json=change, timeout=10).status_code == 403


def test_nothing_listens_beyond_loopback(one_process: Web):
    """Neither the server, nor the web interface, nor a master: each of the processes, by its own sockets."""
    processes = psutil.Process(one_process.process.pid).children(recursive=True)
    listening = [c.laddr.ip for p in processes for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening
    assert set(listening) == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [((), {"127.0.0.1"}), (("--web-host", "*", "--master-bind-host", "*"), {"0.0.0.0", "::"})],
    ids=["by default", "asked for more"],
)
def test_plain_locust_listens_on_loopback_unless_it_is_asked_for_more(asked, expected):
    """Locust's own default is every network, with no login."""
    ports = free_port(), free_port()
    locust = start_locust("--master", "--web-port", ports[0], "--master-bind-port", ports[1], *asked)
    try:
        wait_until(lambda: listening(locust.pid).keys() == set(ports), process=locust)
        assert set(listening(locust.pid).values()) <= expected
    finally:
        locust.terminate()
        locust.wait(PATIENCE_S)


def listening(pid: int) -> dict[int, str]:
    """Return the ports that a process listens on, and the address of each."""
    sockets = psutil.Process(pid).net_connections("inet")
    return {c.laddr.port: c.laddr.ip for c in sockets if c.status == psutil.CONN_LISTEN}


def test_distributed_runs_from_the_form_follow_one_another(tmp_path, no_orphans):
    """With workers, as soon as the row of the last run is there."""
    with web(tmp_path, "--workers", 2) as started:
        for number, (users, batch_size, examples) in enumerate([(4, 5, 100), (1, 1, 30), (8, 3, 1000)], start=1):
            assert started.start(user_count=users, batch_size=batch_size, examples=examples)["success"]
            row = started.wait_for_row(number)
            assert (row["verdict"], row["examples"], row["concurrency"]) == ("VALID", str(examples), str(users))
        assert started.start(examples=1_000_000)["success"]
        started.wait_for_answers()
        assert requests.post(started.address + "/stop", timeout=30).json()["success"]
        assert re.match(r"INVALID\(interrupted\): ended after [1-9]\d* of 1000000", started.wait_for_row(4)["verdict"])
        assert started.start(examples=100)["success"]
        assert started.wait_for_row(5)["verdict"] == "VALID"


def test_a_lost_worker_is_shown_and_the_next_run_wants_it_back(tmp_path, no_orphans):
    """The verdict names the worker; with too few of them nothing starts."""
    with web(tmp_path, "--workers", 2) as started:
        assert started.start(examples=10_000_000)["success"]
        started.wait_for_answers()
        processes = psutil.Process(started.process.pid).children(recursive=True)
        locusts = [p for p in processes if "locust" in p.cmdline() and "keeper" not in " ".join(p.cmdline())]
        worker = max(locusts, key=lambda process: process.pid)
        command = worker.cmdline()
        worker.kill()
        assert "was lost: no heartbeat any more" in started.wait_for_row(1)["verdict"]
        answer = started.start(examples=10)
        assert not answer["success"]
        assert "Not all expected workers are connected" in answer["message"]

        port = command[command.index("--master-port") + 1]
        replacement = start_locust("--worker", "--master-port", port)
        try:
            assert started.start(examples=10)["success"]
            assert started.wait_for_row(2)["verdict"] == "VALID"
        finally:
            replacement.kill()
            replacement.wait()


def test_a_port_that_is_taken_is_told(tmp_path):
    """And which option chooses another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "servecost", "web", "echo", "--port", "0", "--web-port", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"error: port {port} is taken on 127.0.0.1; choose another with --web-port"]
