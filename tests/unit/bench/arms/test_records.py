"""What a system records of a run is kept beside it, and decides whether the run counts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from servecost.bench.arms.records import (
    SIZES_TIMED,
    RunRecord,
    call_sizes,
    check_calls,
    check_server,
    check_warm,
    first_broken,
    grid,
    keep_cold,
    read_stages,
    write_calls,
    write_stages,
)
from servecost.bench.arms.server import Server
from servecost.bench.runs import Kind, Run
from servecost.core import call_log, csv_files, layout
from servecost.core.stops import Stop, Stops
from servecost.core.system import StageTime
from servecost.core.verdicts import VALID, Verdict
from servecost.core.warming import Cold
from tests.unit.bench.arms.fakes import FakeProcess, FakeTree
from tests.unit.bench.fakes import planned

RELEASED_NS, ENDED_NS, RELEASED_UNIX_NS = 5_000, 9_000, 1_700_000_000_000_000_000
RECORD = RunRecord("run-1", 0.5, RELEASED_NS, ENDED_NS, RELEASED_UNIX_NS, "", reconnections=2)
LOG = ["1000,4000,1,1", "5000,5500,2,8", "5500,6500,58,8"]  # a warm-up, and two calls that begin after the release
GONE = Verdict("server", "its loop process ended")


def server_of(folder: Path, stages: Iterable[StageTime] = (), calls_predictor: bool = True) -> Any:
    """Return a server whose processes and records are fake."""
    system = SimpleNamespace(stages=lambda served, run: stages, calls_predictor=calls_predictor)
    process = FakeProcess("loop", folder / "loop.log")
    return cast(Server, SimpleNamespace(system=system, served=None, processes=[process], tree=FakeTree()))


def test_a_record_says_what_locust_made_of_its_run(tmp_path: Path):
    """A run without an answer has no seconds, and one whose users were not released has no time of release."""
    assert RunRecord.read(tmp_path) is None
    content = {
        "run": "run-1",
        "total_s": 0.5,
        "released_ns": 5000,
        "ended_ns": 9000,
        "released_unix_ns": RELEASED_UNIX_NS,
        "rule": "",
        "reconnections": 2,
    }
    (tmp_path / layout.LOCUST_RUN_JSON).write_text(json.dumps({**content, "reason": "", "more": 1}))
    assert RunRecord.read(tmp_path) == RECORD
    content.update(total_s=None, released_ns=None, ended_ns=None, rule="users")
    (tmp_path / layout.LOCUST_RUN_JSON).write_text(json.dumps(content))
    assert RunRecord.read(tmp_path) == RunRecord("run-1", 0.0, None, None, RELEASED_UNIX_NS, "users", 2)


def test_the_calls_of_a_run_are_those_since_the_release(tmp_path: Path):
    """Warm-ups came before."""
    write_calls(tmp_path, LOG, RECORD, Stops())
    rows = csv_files.rows(tmp_path / layout.CALLS_CSV)
    assert [(row["start_ns"], row["inputs"], row["batch_size"]) for row in rows] == [
        ("5000", "2", "8"),
        ("5500", "58", "8"),
    ]


def test_calls_are_less_the_stops_that_they_overlap(tmp_path: Path):
    """Their times begin at the release, as those of a run that was never stopped; stops before it do not count."""
    clock = Stops([Stop(1_500, 2_500), Stop(5_200, 5_400), Stop(6_000, 9_000)])
    log = ["1000,4000,1,1", "5000,5100,1,8", "5100,5300,2,8", "5450,9500,3,8", "9500,9600,4,8"]
    write_calls(tmp_path, log, RECORD, clock)
    rows = csv_files.rows(tmp_path / layout.CALLS_CSV)
    assert tuple(rows[0]) == call_log.COLUMNS
    assert [(int(row["start_ns"]), int(row["end_ns"])) for row in rows] == [
        (5_000, 5_100),
        (5_100, 5_200),
        (5_250, 6_300),
        (6_300, 6_400),
    ]


def test_without_calls_or_a_release_there_is_no_file_of_calls(tmp_path: Path):
    """A system that does not call the predictor logs none."""
    write_calls(tmp_path, [], RECORD, Stops())
    write_calls(tmp_path, LOG, RunRecord("run-1", 0.0, None, None, RELEASED_UNIX_NS, "users"), Stops())
    assert list(tmp_path.iterdir()) == []


def test_stages_are_kept_since_the_release_under_the_requests_number(tmp_path: Path):
    """The stages' names are the system's; one that keeps none leaves no file."""
    at_s = RELEASED_UNIX_NS / 1e9
    stages = [StageTime("run-1-7", "received", at_s + 0.5), StageTime("run-1-7", "predicted", at_s + 0.75)]
    write_stages(tmp_path, read_stages(server_of(tmp_path), "run-1"), RECORD, Stops())
    assert not (tmp_path / layout.SERVER_STAGES_CSV).exists()
    write_stages(tmp_path, read_stages(server_of(tmp_path, stages), "run-1"), RECORD, Stops())
    rows = csv_files.rows(tmp_path / layout.SERVER_STAGES_CSV)
    assert [(row["request"], row["stage"]) for row in rows] == [("7", "received"), ("7", "predicted")]
    assert [int(row["at_ns"]) for row in rows] == pytest.approx([500_000_000, 750_000_000], abs=1000)


def test_stages_are_less_the_stops_before_them(tmp_path: Path):
    """The system's wall clock runs on while it is stopped."""
    at_s = RELEASED_UNIX_NS / 1e9
    stages = [StageTime(f"run-1-{number}", "received", at_s + each) for number, each in enumerate((0.25, 1.0, 3.5))]
    released_ns = RELEASED_NS
    clock = Stops([Stop(0, 1_000), Stop(released_ns + 500_000_000, released_ns + 2_500_000_000)])
    write_stages(tmp_path, read_stages(server_of(tmp_path, stages), "run-1"), RECORD, clock)
    rows = csv_files.rows(tmp_path / layout.SERVER_STAGES_CSV)
    assert [int(row["at_ns"]) / 1e9 for row in rows] == pytest.approx([0.25, 0.5, 1.5], abs=1e-6)


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
    run = Run(Kind.PAIR, "one", "pace", tmp_path, 60, 8, 4)
    record = RunRecord("run-1", 0.5, RELEASED_NS, ENDED_NS, RELEASED_UNIX_NS, rule)
    write_calls(tmp_path, [f"6000,7000,{count},8" for count in inputs], record, Stops())
    verdict = check_calls(tmp_path, run, server_of(tmp_path, calls_predictor=calls_predictor), record)
    assert verdict.rule == broken
    assert not broken or verdict.reason == f"the predictor was called with {sum(inputs)} inputs for 60 examples"


def test_a_run_that_locust_says_nothing_of_is_not_asked_for_its_calls(tmp_path: Path):
    """There is a reason for that, which is said elsewhere."""
    assert check_calls(tmp_path, Run(Kind.PAIR, "one", "pace", tmp_path, 60, 8), server_of(tmp_path), None) == VALID


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


@pytest.mark.parametrize(
    ("sizes", "timed"),
    [
        (set(), []),
        ({3}, [3]),
        ({1, 5, 64}, [1, 5, 64]),
        (set(range(3, 21)), [3, 4, 8, 16, 20]),
        (set(range(1, 257)), [1, 2, 4, 8, 16, 32, 64, 128, 256]),
    ],
)
def test_few_sizes_of_calls_are_timed_each_and_many_at_powers_of_two(sizes: set[int], timed: list[int]):
    """The least and the most always are, so that none has to be guessed beyond them."""
    assert grid(sizes) == timed
    assert len(timed) <= max(SIZES_TIMED, 2 + 8)


def write_log(folder: Path, calls: list[tuple[int, int, int, int]]) -> None:
    csv_files.write_table(folder / layout.CALLS_CSV, call_log.COLUMNS, calls)


def test_the_calls_to_be_timed_are_those_that_the_server_made(tmp_path: Path):
    """Each size once for each batch size that the predictor was given."""
    assert call_sizes(tmp_path) == []
    write_log(tmp_path, [(0, 1, 8, 8), (1, 2, 3, 8), (2, 3, 8, 8), (3, 4, 1, 1), (4, 5, 3, 8)])
    assert call_sizes(tmp_path) == [(1, 1), (3, 8), (8, 8)]


def written_run(folder: Path, tenths_s: list[float], users: int = 1) -> Path:
    """Write the calls of a run of 40 requests that took so long for each tenth of its inputs; return its folder."""
    content = {"released_ns": RELEASED_NS, "requests": 40, "users": users}
    (folder / layout.LOCUST_RUN_JSON).write_text(json.dumps(content))
    calls, at_ns = [], RELEASED_NS
    for tenth_s in tenths_s:
        for _ in range(4):
            end_ns = at_ns + round(tenth_s * 1e9 / 4)
            calls.append((at_ns, end_ns, 8, 8))
            at_ns = end_ns
    write_log(folder, calls)
    return folder


@pytest.mark.parametrize(("first_s", "is_warm"), [(1.0, True), (1.2, True), (1.6, False), (0.5, True)])
def test_a_run_whose_first_tenth_took_longer_was_not_warm(tmp_path: Path, first_s: float, is_warm: bool):
    """The verdict says how long that tenth took, and the others."""
    verdict = check_warm(written_run(tmp_path, [first_s, *[1.0] * 9]))
    reason = f"by its calls, the first tenth took {first_s} s, the median tenth 1 s"
    assert verdict == (VALID if is_warm else Verdict("warm", reason))


@pytest.mark.parametrize(("users", "is_warm"), [(4, False), (8, True), (40, True)])
def test_a_run_of_few_requests_for_each_user_is_a_burst(tmp_path: Path, users: int, is_warm: bool):
    """Its first work is done while all the other requests are received."""
    assert check_warm(written_run(tmp_path, [2.0, *[1.0] * 9], users)).is_valid is is_warm


def test_a_run_of_few_calls_or_none_is_taken_as_warm(tmp_path: Path):
    """Nobody could tell."""
    folder = written_run(tmp_path, [5.0, 1.0, 1.0])
    assert check_warm(folder) == VALID
    (folder / layout.CALLS_CSV).unlink()
    assert check_warm(folder) == VALID


def test_what_cold_work_cost_is_kept_with_the_part(tmp_path: Path):
    """A process pays it once, whichever of its pairs comes first; numbers are unrounded."""
    part = planned(tmp_path)[0]
    keep_cold(part, layout.SERVED, 8, Cold(0.1 + 0.2, 0.25, 3))
    keep_cold(part, layout.BASELINE, 1, Cold(0.5, 0.125, 2))
    rows = csv_files.rows(part.folder / layout.COLD_CSV)
    assert tuple(rows[0]) == layout.COLD_COLUMNS
    assert [tuple(row.values()) for row in rows] == [
        ("served", "8", "0.30000000000000004", "0.25", "3"),
        ("baseline", "1", "0.5", "0.125", "2"),
    ]
