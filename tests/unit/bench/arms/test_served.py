"""The served arm is a server and one Locust for each run, both stopped except while the run is made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from servecost.bench import store
from servecost.bench.arms import served
from servecost.bench.arms.protocol import FOREVER, ArmFailed
from servecost.bench.arms.served import ServedArm, served_arm
from servecost.bench.arms.server import Server
from servecost.bench.arms.server_on_demand import ServerOnDemand
from servecost.bench.conditions import Subject
from servecost.bench.processes.process import Command
from servecost.bench.runs import Part
from servecost.core import answers, call_log, csv_files, layout, manifest, systems
from servecost.core.serving import ServerFailed
from servecost.core.system import Served, StageTime
from servecost.core.verdicts import Verdict
from tests.unit.bench.arms.fakes import FakeProcess, FakeTree, FakeWatch
from tests.unit.bench.fakes import FakeInstalled, planned

RELEASED_NS = 5_000
TOO_LITTLE = Verdict("memory", "12 MiB of 100 MiB were left; it was stopped")


class Serving:
    """A served arm whose server and Locust are fake.

    Attributes:
        summary: what Locust writes of its run; nothing if it writes none.
        calls: the inputs of the predictor's calls in the run.
        said: what Locust prints.
        exit_code: Locust's, once it has ended.
        on_work: called whenever Locust is waited for.
    """

    def __init__(self, part: Part, copy: Path) -> None:
        self.part, self.copy = part, copy
        self.summary: dict[str, Any] | None = {
            "run": "run-1",
            "total_s": 0.5,
            "released_ns": RELEASED_NS,
            "released_unix_ns": 0,
            "rule": "",
            "reason": "",
        }
        self.calls = [40, 20]
        self.said, self.exit_code = "VALID: echo", 0
        self.on_work: Callable[[], object] = lambda: None
        self.waits = 0
        self.servers: list[Server] = []
        self.locusts: list[FakeProcess] = []
        self.fails = False
        subject = Subject(part.recipe, part.system, "own/python", {"OMP_NUM_THREADS": "2"})
        self.arm = ServedArm(part, subject, 480, ServerOnDemand(self.start, lambda: None), lambda: None)

    @property
    def server_tree(self) -> FakeTree:
        return cast(Any, self.servers[-1].tree)

    @contextmanager
    def start(self) -> Iterator[Server]:
        if self.fails:
            raise ServerFailed("its loop process ended\nlast lines of loop.log:\nno such model")
        process = FakeProcess("loop", self.part.folder / "loop.log")
        process.log.write_text("started\n")
        described = Served(self.copy, "own/python", "127.0.0.1", (8080,), 480)
        system = systems.load(self.part.system)
        self.servers.append(Server(system, described, cast(Any, [process]), {"size": 4.0}, cast(Any, FakeTree())))
        yield self.servers[-1]

    def launch(self, command: Command) -> FakeProcess:
        self.locusts.append(FakeProcess(command.name, command.log, self.work))
        self.locusts[-1].command = command
        return self.locusts[-1]

    def work(self) -> None:
        """End at the third wait, with the files of a run."""
        self.waits += 1
        self.on_work()
        if self.waits % 3 or self.locusts[-1].code is not None:
            return
        folder = self.locusts[-1].log.parent
        for name in layout.REQUIRED_RUN_FILES[1:]:
            (folder / name).write_text("x\n")
        if self.summary is not None:
            (folder / layout.LOCUST_RUN_JSON).write_text(json.dumps(self.summary))
        with (self.copy / call_log.LOG).open("a") as file:
            file.writelines(f"{RELEASED_NS},{RELEASED_NS + 1},{inputs},8\n" for inputs in self.calls)
        with (self.part.folder / "loop.log").open("a") as file:
            file.write("of this run\n")
        self.locusts[-1].log.write_text(self.said + "\n")
        self.locusts[-1].code = self.exit_code

    def make(self, place: int = 0) -> tuple[float, Verdict]:
        """Make a run as an experiment does; return its seconds and its verdict."""
        run = self.part.served[place]
        self.arm.ready()
        self.arm.begin(run)
        assert self.arm.advance(FOREVER)
        timed = self.arm.finish()
        return timed.total_s, timed.verdict


@pytest.fixture
def arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: FakeInstalled) -> Serving:
    """Return a served arm on a machine with enough memory, whose server is idle at once."""
    part = planned(tmp_path / "out", rounds=1)[0]
    answers.write(part.expected_json, ["a"])
    copy = tmp_path / "echo"
    copy.mkdir()
    (copy / call_log.LOG).write_text("1000,4000,1,1\n")  # a warm-up of an earlier run
    made = Serving(part, copy)
    monkeypatch.setattr(served, "Process", made.launch)
    monkeypatch.setattr(served, "Tree", FakeTree)
    monkeypatch.setattr(served, "Watch", type("OwnWatch", (FakeWatch,), {}))
    monkeypatch.setattr(ServerOnDemand, "_wait_until_idle", lambda *_: None)
    monkeypatch.setattr(type(systems.load(part.system)), "stages", lambda *_: [StageTime("run-1-0", "received", 5e-6)])
    return made


def folder_of(arm: Serving, place: int = 0) -> Path:
    return store.unfinished_folder(arm.part.served[place])


def test_it_is_ready_once_its_server_answers_and_stopped_from_then_on(arm: Serving):
    """The answers are the direct arm's, which the server has given."""
    assert arm.arm.ready() == ["a"]
    assert arm.server_tree.is_suspended


def test_a_server_that_cannot_be_started_fails_every_run_in_one_line(arm: Serving):
    """The line has the end of its logs."""
    arm.fails = True
    for call in (arm.arm.ready, lambda: arm.arm.begin(arm.part.served[0])):
        with pytest.raises(ArmFailed) as failed:
            call()
        verdict = Verdict("server", "its loop process ended | last lines of loop.log: | no such model")
        assert failed.value.verdict == verdict


def test_a_run_has_its_seconds_from_locust_and_all_its_files(arm: Serving):
    """What the server did in the run is kept beside it, and the manifest has the digests."""
    assert arm.make() == (0.5, Verdict())
    folder = folder_of(arm)
    content = manifest.checked(folder, [*layout.REQUIRED_RUN_FILES, layout.CALLS_CSV])
    assert [row["inputs"] for row in csv_files.rows(folder / layout.CALLS_CSV)] == ["40", "20"]
    assert [row["stage"] for row in csv_files.rows(folder / layout.SERVER_STAGES_CSV)] == ["received"]
    assert (folder / "server-loop.log").read_text() == "of this run\n"
    run = arm.part.served[0]
    assert {name: content[name] for name in ("arm", "round", "system", "batch_size", "concurrency", "examples")} == {
        "arm": "served",
        "round": 1,
        "system": arm.part.system,
        "batch_size": run.batch_size,
        "concurrency": run.concurrency,
        "examples": 60,
    }
    assert (content["server"], content["resources"]) == ({"size": 4.0}, {"memory_free_least_gib": 1.0})
    assert content["verdict"] == {"rule": "", "reason": ""}


def test_a_system_whose_record_cannot_be_read_costs_its_run_alone(arm: Serving, monkeypatch: pytest.MonkeyPatch):
    """It is read while the server runs, which might hold a lock on it; whatever is raised becomes the run's verdict."""
    running: list[bool] = []

    def stages(*_: object) -> None:
        running.append(not arm.server_tree.is_suspended)
        raise RuntimeError("database is locked")

    monkeypatch.setattr(type(systems.load(arm.part.system)), "stages", stages)
    verdict = Verdict("server", "its record of stages cannot be read: RuntimeError: database is locked")
    assert arm.make() == (0.5, verdict)
    assert running == [True]


def test_the_server_and_locust_run_only_while_the_run_is_made(arm: Serving):
    """In between, every process of the arm is stopped."""
    stopped: list[bool] = []
    arm.on_work = lambda: stopped.append(arm.server_tree.is_suspended)
    arm.arm.ready()
    arm.arm.begin(arm.part.served[0])
    assert arm.server_tree.is_suspended
    assert not arm.arm.advance(until_s=0.0)
    assert arm.server_tree.is_suspended
    assert arm.arm.advance(FOREVER)
    assert arm.server_tree.is_suspended
    assert stopped == [False] * 3
    assert len(arm.locusts) == 1


def test_locust_is_started_as_a_user_starts_it(arm: Serving):
    """It is given the cell, the server, the expected answers and the variables of both arms."""
    arm.make()
    command = arm.locusts[0].command
    assert command is not None
    run, words = arm.part.served[0], [str(word) for word in command.words]
    options = dict(pairwise(words))
    assert words[1:3] == ["-m", "locust"]
    assert "--headless" in words
    assert (options["--users"], options["--batch-size"]) == (str(run.concurrency), str(run.batch_size))
    assert (options["--examples"], options["--request-timeout"]) == ("60", "480")
    assert (options["--system"], options["--host"]) == (arm.part.system, "http://127.0.0.1:8080")
    assert options["--csv"] == str(folder_of(arm) / layout.LOCUST_PREFIX)
    assert Path(options["-f"]).is_file()
    assert command.environment["OMP_NUM_THREADS"] == "2"
    assert command.environment["EXPECTED_ANSWERS"] == str(arm.part.expected_json)


def test_one_server_serves_all_runs_and_each_has_its_own_calls(arm: Serving):
    """Calls and log lines of earlier runs are not counted again."""
    assert arm.make(0)[1].is_valid
    assert arm.make(1)[1].is_valid
    assert len(arm.servers) == 1
    assert (folder_of(arm, 1) / "server-loop.log").read_text() == "of this run\n"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"rule": "failures", "reason": "2 of 60 failed"}, Verdict("failures", "2 of 60 failed (log: {log})")),
        ({"rule": "concurrency", "reason": "too few"}, Verdict("concurrency", "too few (log: {log})")),
    ],
)
def test_locusts_own_verdict_is_the_runs(arm: Serving, changes: dict[str, str], verdict: Verdict):
    """The log is named by where it will be kept."""
    assert arm.summary is not None
    arm.summary.update(changes)
    arm.exit_code = 1
    _, found = arm.make()
    log = store.final_folder(arm.part.served[0], found) / "locust.log"
    assert found == replace(verdict, reason=verdict.reason.format(log=log))
    assert manifest.read(folder_of(arm))["verdict"]["rule"] == verdict.rule


@pytest.mark.parametrize(
    ("said", "rule"),
    [("INVALID(host): it does not answer", "host"), ("Traceback: no such module", "interrupted"), ("", "interrupted")],
)
def test_a_locust_that_writes_no_summary_gives_no_seconds(arm: Serving, said: str, rule: str):
    """Its last line says why; the log is named by where it will be kept."""
    arm.summary, arm.said, arm.exit_code = None, said, 2
    total_s, verdict = arm.make()
    assert (total_s, verdict.rule) == (0.0, rule)
    assert str(store.failed_folder(arm.part.served[0]) / "locust.log") in verdict.reason
    assert "locust ended with exit code 2" in verdict.reason
    assert not (folder_of(arm) / layout.CALLS_CSV).exists()


def test_a_locust_that_fails_after_a_valid_run_gives_no_seconds(arm: Serving):
    """Its files may not be whole."""
    arm.exit_code = 1
    assert arm.make()[1].rule == "interrupted"


def test_a_predictor_that_was_called_with_other_inputs_makes_the_run_invalid(arm: Serving):
    """The log of its calls is compared with the examples that were sent."""
    arm.calls = [40, 19]
    assert arm.make()[1] == Verdict("calls", "the predictor was called with 59 inputs for 60 examples")


def test_a_server_that_ends_ends_the_run(arm: Serving):
    """Locust is ended, too; the server's end is the reason, whatever Locust says."""

    def die() -> None:
        arm.servers[-1].processes[0].code = 137  # type: ignore[attr-defined]

    arm.on_work = die
    _, verdict = arm.make()
    assert verdict.rule == "server"
    assert verdict.reason.startswith("its loop process ended with exit code 137 | last lines of ")
    assert "\n" not in verdict.reason
    assert arm.locusts[0].was_ended
    assert arm.waits == 1


def test_a_run_without_memory_is_stopped(arm: Serving, monkeypatch: pytest.MonkeyPatch):
    """Its reason is kept with the files that there are."""
    monkeypatch.setattr(f"{served.__name__}.Watch.verdict", TOO_LITTLE)
    assert arm.make() == (0.0, TOO_LITTLE)
    assert arm.locusts[0].was_ended
    assert manifest.read(folder_of(arm))["verdict"]["rule"] == "memory"


@pytest.mark.parametrize(("rule", "servers"), [("", 1), ("failures", 2), ("concurrency", 1)])
def test_a_server_under_which_a_rule_was_broken_serves_no_other_run(arm: Serving, rule: str, servers: int):
    """A rule that another server would break, too, is no reason to start one."""
    assert arm.summary is not None
    arm.summary.update(rule=rule, reason=rule and "why")
    arm.make(0)
    arm.make(1)
    assert len(arm.servers) == servers


def test_a_rule_that_is_tolerated_is_no_reason(arm: Serving):
    """The instrument's own runs reach the client's limit on purpose."""
    arm.arm._part = replace(arm.part, tolerated=("client-cpu",))
    assert arm.summary is not None
    arm.summary.update(rule="client-cpu", reason="99%")
    arm.exit_code = 1
    assert arm.make()[1].is_valid


def test_its_cpu_seconds_are_the_servers(arm: Serving):
    """Without a server there are none."""
    assert arm.arm.cpu_s() == 0.0
    arm.arm.ready()
    arm.server_tree.used_s = 1.5
    assert arm.arm.cpu_s() == 1.5


def test_its_processes_end_with_it(arm: Serving):
    """Even in the middle of a run."""
    with pytest.raises(KeyboardInterrupt), served_arm(arm.arm):
        arm.arm.ready()
        arm.arm.begin(arm.part.served[0])
        arm.arm.advance(until_s=0.0)
        raise KeyboardInterrupt
    assert arm.locusts[0].was_ended
    assert not arm.server_tree.is_suspended
