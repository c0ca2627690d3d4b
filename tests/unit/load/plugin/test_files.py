"""The files, the console and the tab say the same of a run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest
from locust.env import Environment

from servecost.core import csv_files
from servecost.core.csv_files import rows
from servecost.core.layout import LEDGER_COLUMNS, REQUESTS_COLUMNS, RunName
from servecost.core.stops import Stop, Stops
from servecost.core.verdicts import Verdict
from servecost.load.cpu_use import CpuUse
from servecost.load.ledger import Ledger, ServerCount
from servecost.load.outcome import Outcome
from servecost.load.payloads import Load
from servecost.load.plugin.console import print_ledger
from servecost.load.plugin.csv_files import log_run, write_ledger, write_requests, write_run, write_run_files
from servecost.load.plugin.web_tab import TITLES, find_baseline_s, row_of
from servecost.load.records import Record, Records
from servecost.load.tally import Tally

SECOND = 1_000_000_000


def outcome(**more: object) -> Outcome:
    """Return the outcome of a run of two requests that took half a second."""
    ledger = Ledger(["w0"])
    entry = ledger.entries["w0"]
    entry.users, entry.tally = 2, Tally(2, 2, 0, 4, 4, 0)
    entry.records = Records([Record(0, 0, 2, 10, 20, ""), Record(1, 1, 2, 11, SECOND // 2, "")])
    entry.end_ns, entry.span_ns, entry.cpu_use = SECOND, SECOND // 2, CpuUse(SECOND // 2, SECOND // 8, 0)
    ledger.server_count = ServerCount(2, 2, 2, "in the whole run")
    return Outcome(RunName("echo", 2, 2, 4), Load(2, 4), SECOND // 2, ledger, **more)  # type: ignore[arg-type]


def test_the_ledger_has_a_row_for_each_worker_and_one_for_all(tmp_path):
    """The server's count stands in the row for all."""
    write_ledger(str(tmp_path / "out"), outcome())
    worker, total = rows(tmp_path / "out_ledger.csv")
    assert tuple(total) == LEDGER_COLUMNS
    assert (worker["name"], worker["users"], worker["span_s"], worker["cpu_share"]) == ("w0", "2", "0.5", "0.25")
    assert (worker["server_seen"], total["server_seen"], total["server_seen_most"]) == ("", "2", "2")
    assert (total["worker"], total["examples_answered"], total["fault"]) == ("total", "4", "")


def test_a_server_without_a_count_leaves_its_columns_empty(tmp_path):
    """Missing is not zero."""
    made = outcome()
    made.ledger.server_count = ServerCount(None, 0, 0, "the server keeps no count of requests")
    write_ledger(str(tmp_path / "out"), made)
    assert rows(tmp_path / "out_ledger.csv")[-1]["server_seen"] == ""


def test_every_request_has_a_row_with_unrounded_times(tmp_path):
    """In the order of the requests."""
    write_requests(str(tmp_path / "out"), outcome())
    first, second = rows(tmp_path / "out_requests.csv")
    assert tuple(first) == REQUESTS_COLUMNS
    assert (second["request"], second["worker"], second["answered_ns"]) == ("1", "0", "500000000")


@pytest.mark.parametrize(
    ("refusal", "rule"), [(Verdict(), ""), (Verdict("interrupted", "stopped"), "interrupted")], ids=["valid", "invalid"]
)
def test_the_run_has_its_total_and_its_verdict(tmp_path, refusal, rule):
    """For whoever reads the results."""
    write_run(str(tmp_path / "out"), outcome(run="run-1", refusal=refusal))
    content = json.loads((tmp_path / "out_run.json").read_text())
    assert (content["run"], content["total_s"], content["rule"]) == ("run-1", 0.5, rule)
    assert (content["requests"], content["users"], content["examples"]) == (2, 2, 4)
    assert content["mean_in_flight"] == pytest.approx(1)


def test_a_run_that_was_never_released_has_no_total(tmp_path):
    """Its rule and reason are there."""
    refused = Outcome(RunName("echo", 2, 2, 4), Load(2, 4), None, Ledger(["w0"]), Verdict("busy", "others use it"))
    write_run(str(tmp_path / "out"), refused)
    content = json.loads((tmp_path / "out_run.json").read_text())
    assert (content["rule"], content["reason"]) == ("busy", "others use it")
    assert (content["total_s"], content["mean_in_flight"], content["released_ns"]) == (None, None, None)


def test_all_times_are_less_the_stops_and_the_release_is_not(tmp_path):
    """The rows of the requests, the spans of the ledger, and the total."""
    stops = Stops([Stop(SECOND // 10, SECOND // 5), Stop(SECOND // 4, SECOND // 4 + 5)])
    made = outcome(stops=stops)
    made = replace(made, released_ns=0)
    made.ledger.entries["w0"].end_ns = SECOND // 2
    prefix, active_ns = str(tmp_path / "out"), SECOND // 2 - SECOND // 10 - 5
    write_requests(prefix, made)
    write_ledger(prefix, made)
    write_run(prefix, made)
    assert [row["answered_ns"] for row in rows(tmp_path / "out_requests.csv")] == ["20", str(active_ns)]
    assert [float(row["span_s"]) for row in rows(tmp_path / "out_ledger.csv")] == [active_ns / 1e9] * 2
    content = json.loads((tmp_path / "out_run.json").read_text())
    assert (content["total_s"], content["released_ns"]) == (active_ns / 1e9, 0)
    assert [record.answered_ns for record in made.ledger.entries["w0"].records] == [20, SECOND // 2]


def test_the_file_with_the_verdict_comes_last(tmp_path, monkeypatch):
    """Once it is there, all of them are, Locust's own included."""
    replaced: list[str] = []
    replace_file = csv_files.replace

    def noted(path: Path, write: Callable[[IO[str]], object]) -> None:
        replaced.append(path.name)
        replace_file(path, write)

    monkeypatch.setattr(csv_files, "replace", noted)
    environment = Environment()
    log_run(environment, outcome())
    write_run_files(environment, str(tmp_path / "out"), outcome())
    assert [name.removeprefix("out_") for name in replaced] == [
        "requests.csv",
        "ledger.csv",
        "stats.csv",
        "failures.csv",
        "exceptions.csv",
        "run.json",
    ]
    total = next(row for row in rows(tmp_path / "out_stats.csv") if row["Type"] == "RUN")
    assert float(total["Average Response Time"]) == 500


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (
            ServerCount(2, 2, 2, "in the whole run"),
            "Server: received 2 requests in the whole run; sent: 2; they agree.",
        ),
        (
            ServerCount(5, 1, 2, "in the last 30 s"),
            "Server: received 5 requests in the last 30 s; sent: 1 to 2; they DO NOT agree.",
        ),
        (
            ServerCount(None, 0, 0, "the server keeps no count of requests"),
            "Server: the server keeps no count of requests.",
        ),
    ],
)
def test_the_console_says_what_the_server_counted(capsys, count, line):
    """Below the table."""
    made = outcome()
    made.ledger.server_count = count
    print_ledger(made)
    assert capsys.readouterr().out.splitlines()[-1] == line


BASELINE = "recipe,batch_size,run,examples,total_s\necho,2,1,4,0.1\necho,2,2,4,0.3\necho,8,1,4,9\nother,2,1,4,9\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(BASELINE, 500.0), ("recipe,batch_size,run,examples,total_s\n", None), ("a,b\n1,2\n", None), (None, None)],
)
def test_a_baseline_is_the_mean_of_its_runs(tmp_path, text, expected):
    """Of the same recipe and batch size, per 10,000 examples."""
    path = tmp_path / "baseline.csv"
    if text is not None:
        path.write_text(text)
    found = find_baseline_s(str(path), outcome())
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("refusal", "baseline_s", "expected"),
    [
        (Verdict(), 500.0, ("0.500", "1250.000", "500.000", "+750.000", "VALID")),
        (Verdict(), None, ("0.500", "1250.000", "not known", "—", "VALID")),
    ],
)
def test_a_row_of_the_tab_has_the_overhead_if_a_baseline_is_known(refusal, baseline_s, expected):
    """In seconds per 10,000 examples."""
    assert row_of(1, outcome(refusal=refusal), baseline_s)[5:] == expected


def test_an_invalid_run_has_no_number_in_the_tab():
    """Its verdict stands in their place."""
    row = row_of(1, outcome(refusal=Verdict("interrupted", "stopped")), 500.0)
    assert (row.total, row.served, row.overhead) == ("—", "—", "—")
    assert row.verdict.startswith("INVALID(interrupted): stopped")
    assert TITLES["served"] == "Served [s per 10,000]"
