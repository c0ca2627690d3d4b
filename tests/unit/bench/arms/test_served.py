"""The served arm is a server and a Locust that stays beside it, both stopped except while there is work for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from servecost.bench import store
from servecost.bench.arms import served
from servecost.bench.arms.protocol import ArmFailed, Timed
from servecost.bench.arms.resident import Load
from servecost.bench.arms.served import ServedArm, served_arm
from servecost.bench.arms.server import Server
from servecost.bench.arms.server_on_demand import ServerOnDemand
from servecost.bench.conditions import Subject
from servecost.bench.runs import UNFINISHED_SUFFIX, Kind, Part, Run
from servecost.bench.turns import FOREVER
from servecost.core import answers, call_log, csv_files, layout, stops, systems
from servecost.core.recipe import Recipe
from servecost.core.serving import ServerFailed
from servecost.core.system import Served, StageTime
from servecost.core.verdicts import VALID, Verdict
from servecost.core.warming import LIMIT_S
from tests.unit.bench.arms.fakes import FakeProcess, FakeTree, FakeWatch
from tests.unit.bench.fakes import of_kind, planned
from tests.unit.core.fakes import FakeTime

TOO_LITTLE = Verdict("memory", "12 MiB of 100 MiB were left; it was stopped")
COLD: dict[str, Any] = {"run": "run-1", "first_s": 0.5, "steady_s": 0.1, "calls": 3}
RELEASED_NS = 5_000


class Clock(FakeTime):
    """A clock by which work is done: whoever sleeps lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.work: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.work()


class FakeLocust:
    """A Locust that is warm after its second step of work, and has made its run after the third since the release."""

    def __init__(self, serving: Serving, recipe: Recipe, folder: Path, expected: Path, env: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.serving, self.folder, self.given = serving, folder, (recipe, expected, env)
        self.prefix, self.stops_csv = folder / layout.LOCUST_PREFIX, folder / "stops.csv"
        self.warm_json, self.run_json = folder / layout.LOCUST_WARM_JSON, folder / layout.LOCUST_RUN_JSON
        self.process = FakeProcess("locust", folder / "locust.log")
        self.loads: list[Load] = []
        self.was_ended = self.is_up = self.is_released = False
        self.steps = 0

    def wait_until_up(self, tick: Callable[[], None]) -> None:
        self.is_up = True

    def start(self, load: Load) -> None:
        assert self.is_up
        for path in self.files():
            path.unlink()
        self.loads.append(load)
        self.is_released, self.steps = False, 0

    def release(self) -> None:
        assert self.warm_json.exists(), "the run is not warm"
        self.is_released, self.steps = True, 0

    def work(self) -> None:
        """Go on with the run."""
        self.steps += 1
        if not self.loads or self.run_json.exists():
            return
        if not self.is_released and self.steps == 2:
            refused = self.serving.refused
            path, content = (self.run_json, refused) if refused else (self.warm_json, COLD)
            path.write_text(json.dumps(content))
        if self.is_released:
            self.serving.serve(self.steps)
        if self.is_released and self.steps == 3:
            for name in layout.LOCUST_RUN_FILES[1:]:
                (self.folder / name).write_text("x\n")
            self.process.log.write_text("of this run\n")
            self.run_json.write_text(json.dumps(self.serving.summary))

    def files(self) -> list[Path]:
        return sorted(self.folder.glob(f"{layout.LOCUST_PREFIX}_*"))

    def hand_over(self, folder: Path) -> None:
        for path in self.files():
            path.rename(folder / path.name)

    def end(self) -> None:
        self.was_ended = True


class Serving:
    """A served arm whose server and Locust are fake.

    Attributes:
        summary: what Locust writes of its run.
        refused: what it writes of a run that it does not make warm.
        calls: the inputs of the predictor's calls in the run.
        on_work: called whenever there is time to work.
        was_stopped: at each step of work, whether the server was stopped.
    """

    def __init__(self, part: Part, copy: Path, clock: Clock) -> None:
        self.part, self.copy, self.clock = part, copy, clock
        clock.work = self.work
        self.summary: dict[str, Any] = {
            "run": "run-1",
            "total_s": 0.5,
            "released_ns": RELEASED_NS,
            "ended_ns": RELEASED_NS + 25,
            "requests": 60,
            "users": 4,
            "released_unix_ns": RELEASED_NS,
            "rule": "",
            "reason": "",
            "reconnections": 0,
        }
        self.refused: dict[str, str] = {}
        self.calls = [40, 20]
        self.on_work: Callable[[], object] = lambda: None
        self.was_stopped: list[bool] = []
        self.servers: list[Server] = []
        self.locusts: list[FakeLocust] = []
        self.fails = False
        subject = Subject(part.recipe, part.system, "own/python", {"OMP_NUM_THREADS": "2"})
        self.arm = ServedArm(part, subject, 480, ServerOnDemand(self.start, lambda: None), lambda: None)

    @property
    def tree(self) -> FakeTree:
        return cast(FakeTree, self.servers[-1].tree)

    @property
    def locust(self) -> FakeLocust:
        return self.locusts[-1]

    @contextmanager
    def start(self) -> Iterator[Server]:
        if self.fails:
            raise ServerFailed("its loop process ended\nlast lines of loop.log:\nno such model")
        process = FakeProcess("loop", self.part.folder / "loop.log")
        process.log.write_text("started\n")
        described = Served(self.copy, "own/python", "127.0.0.1", (8080,), 480)
        system = systems.load(self.part.system)
        tree = cast(Any, FakeTree())
        self.servers.append(Server(system, described, cast(Any, [process]), {"size": 4.0}, tree, 12.5))
        yield self.servers[-1]

    def launch(self, *arguments: Any) -> FakeLocust:
        self.locusts.append(FakeLocust(self, *arguments))
        return self.locusts[-1]

    def work(self) -> None:
        """Let the server and Locust go on."""
        self.was_stopped.append(self.tree.is_suspended)
        assert not self.tree.is_suspended, "a stopped process does not work"
        self.on_work()
        self.locust.work()

    def serve(self, step: int) -> None:
        """Have the server make one call of the predictor at each step of a run."""
        if step <= len(self.calls):
            with (self.copy / call_log.LOG).open("a") as file:
                file.write(
                    f"{RELEASED_NS + step * 10},{RELEASED_NS + step * 10 + 5},{self.calls[step - 1]},8,{700 + step}\n"
                )
            with (self.part.folder / "loop.log").open("a") as file:
                file.write("of this run\n")

    def begin(self, place: int = 0) -> Run:
        """Begin a run as an experiment does."""
        run = self.part.runs[place]
        self.arm.ready()
        self.arm.warm(run)
        self.arm.begin(run, store.make_room(run))
        return run

    def make(self, place: int = 0) -> Timed:
        """Make a run as an experiment does; return what it amounts to."""
        self.begin(place)
        assert self.arm.advance(FOREVER)
        return self.arm.finish()


@pytest.fixture
def arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serving:
    """Return a served arm on a machine with enough memory, whose server is idle at once."""
    return serving_of(planned(tmp_path / "out")[0], tmp_path / "echo", monkeypatch)


def serving_of(part: Part, copy: Path, monkeypatch: pytest.MonkeyPatch) -> Serving:
    answers.write(part.expected_json, ["a"])
    copy.mkdir()
    part.folder.mkdir(parents=True, exist_ok=True)
    (copy / call_log.LOG).write_text("1000,4000,1,1\n")  # of an earlier run
    made = Serving(part, copy, clock := Clock())
    monkeypatch.setattr(served, "ResidentLocust", made.launch)
    monkeypatch.setattr(served, "Tree", FakeTree)
    monkeypatch.setattr(served, "Watch", type("OwnWatch", (FakeWatch,), {}))
    monkeypatch.setattr(served, "time", clock)
    monkeypatch.setattr(ServerOnDemand, "_wait_until_idle", lambda *_: None)
    monkeypatch.setattr(type(systems.load(part.system)), "stages", lambda *_: [StageTime("run-1-0", "received", 5e-6)])
    return made


def folder_of(arm: Serving, place: int = 0) -> Path:
    return arm.part.runs[place].unfinished_place


def test_it_is_ready_once_its_server_answers_and_stopped_from_then_on(arm: Serving):
    """The answers are the direct arm's, which the server has given."""
    assert arm.arm.ready() == ["a"]
    assert arm.tree.is_suspended
    assert arm.arm.ready() == ["a"]
    assert (len(arm.servers), len(arm.locusts)) == (1, 1)


def test_a_new_server_meets_the_largest_batch_first(arm: Serving):
    """One request of it, untimed, so that memory is touched before anything is timed."""
    arm.arm.ready()
    (load,) = arm.locust.loads
    assert (load.batch_size, load.users, load.examples) == (8, 1, 8)
    assert arm.locust.is_released
    assert arm.locust.run_json.exists()


def test_a_system_that_does_not_call_the_predictor_meets_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The null system has no memory to touch."""
    part = of_kind(planned(tmp_path / "out"), Kind.LOAD)[0]
    arm = serving_of(part, tmp_path / "echo", monkeypatch)
    arm.arm.ready()
    assert arm.locust.loads == []


def test_locust_is_given_what_both_arms_have(arm: Serving):
    """The recipe, the right answers and the variables; each run's load, with the server's address."""
    run = arm.begin()
    chosen, expected, environment = arm.locust.given
    assert (chosen, expected, environment) == (arm.part.recipe, arm.part.expected_json, {"OMP_NUM_THREADS": "2"})
    assert arm.locust.loads[-1] == Load(
        "http://127.0.0.1:8080", arm.part.system, run.concurrency, run.batch_size, 60, 480, LIMIT_S
    )
    assert UNFINISHED_SUFFIX in arm.locust.folder.name


def test_it_is_warmed_with_all_users_at_the_runs_own_batch_size_and_then_held(arm: Serving):
    """The run is expected to take as long as its requests once they are steady."""
    run = arm.part.runs[0]
    arm.arm.ready()
    assert arm.arm.warm(run) == pytest.approx(COLD["steady_s"] * 60 / run.batch_size)
    assert not arm.locust.is_released
    assert arm.tree.is_suspended


def test_what_its_first_request_of_a_size_cost_is_kept_once(arm: Serving):
    """For each batch size, whatever the number of users: the largest one when the server is new."""
    for place in range(4):
        arm.make(place)
    rows = csv_files.rows(arm.part.folder / layout.COLD_CSV)
    assert sorted((row["arm"], row["batch_size"]) for row in rows) == [("served", "1"), ("served", "8")]
    assert {(row["first_s"], row["steady_s"], row["calls"]) for row in rows} == {("0.5", "0.1", "3")}


def test_the_instruments_own_runs_have_no_cold_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nobody asks what the null system costs at first."""
    arm = serving_of(of_kind(planned(tmp_path / "out"), Kind.LOAD)[0], tmp_path / "echo", monkeypatch)
    arm.arm.warm(arm.part.runs[0])
    assert not (arm.part.folder / layout.COLD_CSV).exists()


def test_a_run_that_cannot_be_made_warm_fails_with_locusts_own_reason(arm: Serving):
    """What Locust has written and printed of it is kept, and named by where it will be."""
    arm.arm.ready()
    arm.locust.process.log.write_text("of an earlier run\n")
    arm.refused = {"rule": "host", "reason": "it does not answer"}
    arm.on_work = lambda: arm.locust.process.log.write_text("of an earlier run\nof this one\n")
    run = arm.part.runs[0]
    folder = store.make_room(run)
    with pytest.raises(ArmFailed) as failed:
        arm.arm.warm(run)
    log = run.failed_place / "locust.log"
    assert failed.value.verdict == Verdict("host", f"it does not answer (log: {log})")
    assert arm.tree.is_suspended
    assert (folder / "locust.log").read_text() == "of this one\n"
    assert json.loads((folder / layout.LOCUST_RUN_JSON).read_text()) == arm.refused


def test_a_server_that_ends_while_it_is_warmed_has_failed(arm: Serving):
    """Nobody waits for it for ever."""
    arm.arm.ready()
    cast(FakeProcess, arm.servers[-1].processes[0]).code = 137
    store.make_room(arm.part.runs[0])
    with pytest.raises(ArmFailed, match=r"INVALID\(server\): its loop process ended with exit code 137"):
        arm.arm.warm(arm.part.runs[0])


def test_a_server_that_fails_at_the_largest_batch_still_serves_the_others(arm: Serving):
    """Pairs of that size will say so; a new server does not meet it again."""
    arm.refused = {"rule": "memory", "reason": "too little"}

    def later() -> None:
        if len(arm.servers) > 1:
            arm.refused = {}

    arm.on_work = later
    assert arm.arm.ready() == ["a"]
    assert (len(arm.servers), arm.locusts[0].was_ended, arm.locusts[1].loads) == (2, True, [])
    assert arm.make().verdict.is_valid
    assert len(arm.servers) == 2


def test_a_server_that_cannot_be_started_fails_every_pair_in_one_line(arm: Serving):
    """The line has the end of its logs."""
    arm.fails = True
    for call in (arm.arm.ready, arm.arm.ready, lambda: arm.arm.warm(arm.part.runs[0])):
        with pytest.raises(ArmFailed) as failed:
            call()
        verdict = Verdict("server", "its loop process ended | last lines of loop.log: | no such model")
        assert failed.value.verdict == verdict


def test_the_server_and_locust_run_only_while_there_is_work_for_them(arm: Serving):
    """In between, every process of the arm is stopped; a run is released when its first slice begins."""
    arm.begin()
    arm.was_stopped.clear()
    assert arm.tree.is_suspended
    assert not arm.locust.is_released
    assert not arm.arm.advance(arm.clock.now_s + 1.5 * served.POLL_S)
    assert arm.locust.is_released
    assert arm.tree.is_suspended
    assert arm.arm.advance(FOREVER)
    assert arm.tree.is_suspended
    assert arm.was_stopped == [False] * 3
    timed = arm.arm.finish()
    assert len(timed.use.slices) == 2


def test_it_advances_no_longer_than_it_may(arm: Serving):
    """Not even by a look at its files."""
    arm.begin()
    begin_s = arm.clock.now_s
    assert not arm.arm.advance(begin_s + 0.25 * served.POLL_S)
    assert arm.clock.now_s == pytest.approx(begin_s + 0.25 * served.POLL_S)


def test_its_processes_find_their_stops(arm: Serving):
    """Each stretch between two slices is in the file that Locust reads."""
    arm.begin()
    before = len(stops.read(arm.locust.stops_csv))
    arm.arm.advance(arm.clock.now_s + served.POLL_S / 2)
    arm.arm.advance(FOREVER)
    assert len(stops.read(arm.locust.stops_csv)) == before + 2


def test_how_long_a_run_will_take_is_seen_by_the_predictors_calls(arm: Serving, monkeypatch: pytest.MonkeyPatch):
    """By when it had so many of the inputs done; before its first call, nobody knows."""
    arm.begin()
    assert arm.arm.expected_s() is None
    arm.arm.advance(arm.clock.now_s + 1.5 * served.POLL_S)
    monkeypatch.setattr("servecost.bench.processes.pauses.Use.ran_s", lambda self, until_ns: until_ns / 1e3)
    ended_ns = RELEASED_NS + 2 * 10 + 5
    assert arm.arm.expected_s() == pytest.approx(ended_ns / 1e3)  # both calls, and so all inputs
    arm.calls = []


def test_a_run_has_its_seconds_from_locust_and_all_its_files(arm: Serving):
    """What the server did in the run is kept beside it."""
    timed = arm.make()
    assert (timed.total_s, timed.verdict, timed.facts) == (0.5, VALID, {"size": 4.0})
    assert (timed.begin_ns, timed.end_ns) == (RELEASED_NS, RELEASED_NS + 25)
    folder = folder_of(arm)
    expected = {*layout.LOCUST_RUN_FILES, layout.LOCUST_WARM_JSON, layout.CALLS_CSV, layout.SERVER_STAGES_CSV}
    assert expected <= {path.name for path in folder.iterdir()}
    assert [row["inputs"] for row in csv_files.rows(folder / layout.CALLS_CSV)] == ["40", "20"]
    assert [row["stage"] for row in csv_files.rows(folder / layout.SERVER_STAGES_CSV)] == ["received"]
    assert (folder / "server-loop.log").read_text() == "of this run\n" * 2


def test_what_it_took_of_the_machine_is_said(arm: Serving):
    """CPU seconds and memory are the server's; its start is from the first process to the first right answer."""
    arm.begin()
    arm.tree.peak_mib = 512.0
    arm.arm.advance(FOREVER)
    body = systems.load(arm.part.system).wire("json").body(arm.part.recipe.inputs.take(arm.part.runs[0].batch_size))
    assert arm.arm.finish().resources == {
        "memory_free_least_gib": 1.0,
        "server_cpu_s": 0.0,
        "server_memory_mib": 512.0,
        "server_start_s": 12.5,
        "server_processes": len(arm.tree.members()),
        "server_workers": len(arm.calls),
        "server_idle_cpu": 0.0,
        "request_mib": len(body.content) / 2**20,
        "reconnections": 0,
    }


def test_a_system_whose_record_cannot_be_read_costs_its_run_alone(arm: Serving, monkeypatch: pytest.MonkeyPatch):
    """It is read while the server runs, which might hold a lock on it; whatever is raised becomes the run's verdict."""
    running: list[bool] = []

    def stages(*_: object) -> None:
        running.append(not arm.tree.is_suspended)
        raise RuntimeError("database is locked")

    monkeypatch.setattr(type(systems.load(arm.part.system)), "stages", stages)
    timed = arm.make()
    verdict = Verdict("server", "its record of stages cannot be read: RuntimeError: database is locked")
    assert (timed.total_s, timed.verdict, running) == (0.5, verdict, [True])


def test_what_a_system_forgets_is_read_before(arm: Serving, monkeypatch: pytest.MonkeyPatch):
    """At rest, after a slice; where it cannot be read then, later readings have what is left."""
    known: list[list[StageTime] | None] = [[StageTime("run-1-0", "received", 1.0)], None, []]
    at_rest: list[bool] = []

    def stages(_: object, served: object, run: str) -> list[StageTime]:
        at_rest.append(arm.tree.is_suspended)
        assert run == "run-1"
        found = known.pop(0)
        if found is None:
            raise RuntimeError("database is locked")
        return found

    monkeypatch.setattr(type(systems.load(arm.part.system)), "stages", stages)
    monkeypatch.setattr("servecost.bench.arms.served.STAGES_S", -1.0)
    arm.begin()
    for _ in range(2):
        assert not arm.arm.advance(0.0)
    assert arm.arm.advance(FOREVER)
    arm.arm.finish()
    assert at_rest == [True, True, False]
    rows = csv_files.rows(folder_of(arm) / layout.SERVER_STAGES_CSV)
    assert [(row["request"], row["stage"]) for row in rows] == [("0", "received")]


def test_reading_a_systems_record_is_no_slice_of_the_run(arm: Serving):
    """The server runs meanwhile, and its clock has stopped."""
    assert len(arm.make().use.slices) == 1


def test_one_server_serves_all_runs_and_each_has_its_own_calls(arm: Serving):
    """Calls and log lines of earlier runs are not counted again."""
    for place in range(3):
        assert arm.make(place).verdict.is_valid
        assert (folder_of(arm, place) / "server-loop.log").read_text() == "of this run\n" * 2
    assert (len(arm.servers), len(arm.locusts)) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"rule": "failures", "reason": "2 of 60 failed"}, Verdict("failures", "2 of 60 failed (log: {log})")),
        ({"rule": "concurrency", "reason": "too few"}, Verdict("concurrency", "too few (log: {log})")),
    ],
)
def test_locusts_own_verdict_is_the_runs(arm: Serving, changes: dict[str, str], verdict: Verdict):
    """The log is named by where it will be kept."""
    arm.arm.ready()
    arm.summary.update(changes)
    found = arm.make().verdict
    log = arm.part.runs[0].place_for(found) / "locust.log"
    assert found == replace(verdict, reason=verdict.reason.format(log=log))


def test_a_predictor_that_was_called_with_other_inputs_makes_the_run_invalid(arm: Serving):
    """The log of its calls is compared with the examples that were sent."""
    arm.calls = [40, 19]
    assert arm.make().verdict == Verdict("calls", "the predictor was called with 59 inputs for 60 examples")


def test_a_server_that_ends_ends_the_run(arm: Serving):
    """Its end is the reason, whatever Locust says."""
    arm.begin()

    def die() -> None:
        cast(FakeProcess, arm.servers[-1].processes[0]).code = 137

    arm.on_work = die
    assert arm.arm.advance(FOREVER)
    verdict = arm.arm.finish().verdict
    assert verdict.rule == "server"
    assert verdict.reason.startswith("its loop process ended with exit code 137 | last lines of ")
    assert "\n" not in verdict.reason
    assert arm.locust.was_ended


def test_a_locust_that_ends_ends_the_run(arm: Serving):
    """There are no seconds then."""
    arm.begin()
    locust = arm.locust

    def die() -> None:
        locust.process.log.write_text("Traceback: no such module\n")
        locust.process.code = 2

    arm.on_work = die
    assert arm.arm.advance(FOREVER)
    timed = arm.arm.finish()
    assert (timed.total_s, timed.verdict.rule) == (0.0, "interrupted")
    assert "locust ended with exit code 2: Traceback: no such module" in timed.verdict.reason
    assert not (folder_of(arm) / layout.CALLS_CSV).exists()


def test_a_run_without_memory_is_stopped(arm: Serving, monkeypatch: pytest.MonkeyPatch):
    """So that the kernel kills nobody."""
    arm.begin()
    monkeypatch.setattr(f"{served.__name__}.Watch.verdict", TOO_LITTLE)
    assert arm.arm.advance(FOREVER)
    timed = arm.arm.finish()
    assert (timed.total_s, timed.verdict) == (0.0, TOO_LITTLE)
    assert arm.locust.was_ended


@pytest.mark.parametrize(("rule", "servers"), [("", 1), ("failures", 2), ("concurrency", 1)])
def test_a_server_under_which_a_rule_was_broken_serves_no_other_run(arm: Serving, rule: str, servers: int):
    """A rule that another server would break, too, is no reason to start one."""
    arm.arm.ready()
    arm.summary.update(rule=rule, reason=rule and "why")
    arm.make(0)
    arm.make(1)
    assert len(arm.servers) == len(arm.locusts) == servers


def test_a_rule_that_is_tolerated_is_no_reason(arm: Serving):
    """The instrument's own runs reach the client's limit on purpose."""
    arm.arm._part = replace(arm.part, tolerated=("client-cpu",))
    arm.arm.ready()
    arm.summary.update(rule="client-cpu", reason="99%")
    assert arm.make().verdict.is_valid


def test_a_server_that_holds_a_run_which_will_not_be_made_is_ended(arm: Serving):
    """Another pair has a new one, which meets the largest batch again."""
    arm.begin()
    arm.arm.end()
    assert arm.locusts[0].was_ended
    assert not arm.tree.is_suspended
    assert not arm.locusts[0].folder.exists()
    assert arm.make(1).verdict.is_valid
    assert len(arm.servers) == 2
    assert arm.locust.loads[0].batch_size == 8


def test_its_processes_end_with_it(arm: Serving):
    """Even in the middle of a run."""
    with pytest.raises(KeyboardInterrupt), served_arm(arm.arm):
        arm.begin()
        arm.arm.advance(arm.clock.now_s + served.POLL_S / 2)
        raise KeyboardInterrupt
    assert arm.locust.was_ended
    assert not arm.tree.is_suspended


def test_without_a_start_there_is_nothing_to_end(arm: Serving):
    """A baseline that fails first has no server beside it."""
    with served_arm(arm.arm):
        pass
    assert (arm.servers, arm.locusts) == ([], [])
