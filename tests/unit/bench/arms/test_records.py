"""What a system records of a run is kept beside it, and decides whether the run counts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from servecost.bench.arms.records import (
    RunRecord,
    check_calls,
    check_server,
    first_broken,
    write_calls,
    write_stages,
)
from servecost.bench.arms.server import Server
from servecost.bench.runs import Kind, Run
from servecost.core import csv_files, layout
from servecost.core.system import StageTime
from servecost.core.verdicts import VALID, Verdict
from tests.unit.bench.arms.fakes import FakeProcess, FakeTree

RELEASED_NS, RELEASED_UNIX_NS = 5_000, 1_700_000_000_000_000_000
RECORD = RunRecord("run-1", 0.5, RELEASED_NS, RELEASED_UNIX_NS, "")
LOG = ["1000,4000,1,1", "4500,5500,2,8", "5500,6500,58,8"]  # a warm-up, and two calls that end after the release
GONE = Verdict("server", "its loop process ended")


def server_of(folder: Path, stages: Iterable[StageTime] = (), calls_predictor: bool = True) -> Any:
    """Return a server whose processes and records are fake."""
    system = SimpleNamespace(stages=lambda served, run: stages, calls_predictor=calls_predictor)
    process = FakeProcess("loop", folder / "loop.log")
    return cast(Server, SimpleNamespace(system=system, served=None, processes=[process], tree=FakeTree()))


def test_a_record_says_what_locust_made_of_its_run(tmp_path: Path):
    """A run without an answer has no seconds, and one whose users were not released has no time of release."""
    assert RunRecord.read(tmp_path) is None
    content = {"run": "run-1", "total_s": 0.5, "released_ns": 5000, "released_unix_ns": RELEASED_UNIX_NS, "rule": ""}
    (tmp_path / layout.LOCUST_RUN_JSON).write_text(json.dumps({**content, "reason": "", "more": 1}))
    assert RunRecord.read(tmp_path) == RECORD
    content.update(total_s=None, released_ns=None, rule="users")
    (tmp_path / layout.LOCUST_RUN_JSON).write_text(json.dumps(content))
    assert RunRecord.read(tmp_path) == RunRecord("run-1", 0.0, None, RELEASED_UNIX_NS, "users")


def test_the_calls_of_a_run_are_those_since_the_release(tmp_path: Path):
    """Warm-ups came before."""
    write_calls(tmp_path, LOG, RECORD)
    rows = csv_files.rows(tmp_path / layout.CALLS_CSV)
    assert [(row["start_ns"], row["inputs"], row["batch_size"]) for row in rows] == [
        ("4500", "2", "8"),
        ("5500", "58", "8"),
    ]


def test_without_calls_or_a_release_there_is_no_file_of_calls(tmp_path: Path):
    """A system that does not call the predictor logs none."""
    write_calls(tmp_path, [], RECORD)
    write_calls(tmp_path, LOG, RunRecord("run-1", 0.0, None, RELEASED_UNIX_NS, "users"))
    assert list(tmp_path.iterdir()) == []


def test_stages_are_kept_since_the_release_under_the_requests_number(tmp_path: Path):
    """The stages' names are the system's; one that keeps none leaves no file."""
    at_s = RELEASED_UNIX_NS / 1e9
    stages = [StageTime("run-1-7", "received", at_s + 0.5), StageTime("run-1-7", "predicted", at_s + 0.75)]
    write_stages(tmp_path, server_of(tmp_path), RECORD)
    assert not (tmp_path / layout.SERVER_STAGES_CSV).exists()
    write_stages(tmp_path, server_of(tmp_path, stages), RECORD)
    rows = csv_files.rows(tmp_path / layout.SERVER_STAGES_CSV)
    assert [(row["request"], row["stage"]) for row in rows] == [("7", "received"), ("7", "predicted")]
    assert [int(row["at_ns"]) for row in rows] == pytest.approx([500_000_000, 750_000_000], abs=1000)


def test_a_server_is_the_one_that_it_was_before_the_run(tmp_path: Path):
    """Further processes are none of the rule's business."""
    server = server_of(tmp_path)
    before = server.tree.members()
    server.tree.found = {*before, (9, 1009.0)}
    assert check_server(server, before) == VALID


def test_a_server_whose_processes_were_replaced_is_another(tmp_path: Path):
    """The verdict says how many ended and how many began."""
    server = server_of(tmp_path)
    before = server.tree.members()
    server.tree.found = {(2, 1002.0), (8, 1008.0), (9, 1009.0)}
    assert check_server(server, before) == Verdict(
        "server-restarted", "1 of its processes ended and 2 began in the run"
    )


def test_a_server_that_has_ended_is_named_in_one_line(tmp_path: Path):
    """The line has the end of its log."""
    server = server_of(tmp_path)
    server.processes[0].code = 9
    server.processes[0].log.write_text("one\ntwo\n")
    log = tmp_path / "loop.log"
    reason = f"its loop process ended with exit code 9 | last lines of {log}: | one | two"
    assert check_server(server, set()) == Verdict("server", reason)


@pytest.mark.parametrize(
    ("inputs", "rule", "calls_predictor", "broken"),
    [
        ([2, 58], "", True, ""),
        ([2, 57], "", True, "calls"),
        ([60, 1], "", True, "calls"),
        ([], "", True, "calls"),
        ([], "", False, ""),
        ([2], "failures", True, ""),
    ],
)
def test_the_predictor_was_called_with_exactly_the_runs_examples(
    tmp_path: Path, inputs: list[int], rule: str, calls_predictor: bool, broken: str
):
    """A run that broke another rule, or whose system does not call the predictor, is not asked for its calls."""
    run = Run(Kind.SERVED, "one", "pace", tmp_path, 60, 8, 4)
    record = RunRecord("run-1", 0.5, RELEASED_NS, RELEASED_UNIX_NS, rule)
    write_calls(tmp_path, [f"6000,7000,{count},8" for count in inputs], record)
    verdict = check_calls(tmp_path, run, server_of(tmp_path, calls_predictor=calls_predictor), record)
    assert verdict.rule == broken
    assert not broken or verdict.reason == f"the predictor was called with {sum(inputs)} inputs for 60 examples"


def test_a_run_that_locust_says_nothing_of_is_not_asked_for_its_calls(tmp_path: Path):
    """There is a reason for that, which is said elsewhere."""
    assert check_calls(tmp_path, Run(Kind.SERVED, "one", "pace", tmp_path, 60), server_of(tmp_path), None) == VALID


def test_a_server_that_is_gone_explains_the_failures_that_the_client_saw():
    """It comes first, whoever noticed first."""
    failed, restarted = Verdict("failures", "reset"), Verdict("server-restarted", "1 ended")
    assert first_broken([failed, GONE, VALID]) == GONE
    assert first_broken([failed, restarted]) == restarted
    assert first_broken([VALID, failed, Verdict("calls", "2 of 60")]) == failed
    assert first_broken([VALID, VALID]) == VALID


def test_a_rule_may_be_tolerated():
    """On the null system the client reaches its limit, which is what it is for."""
    broken = Verdict("client-cpu", "99%")
    assert first_broken([broken, VALID], tolerated=["client-cpu"]) == VALID
    assert first_broken([broken, GONE], tolerated=["client-cpu"]) == GONE
