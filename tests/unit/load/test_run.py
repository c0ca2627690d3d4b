"""The steps of a run, with workers that answer every request at once."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from servecost.core.layout import RunName
from servecost.core.system import RequestCount
from servecost.core.verdicts import Verdict
from servecost.load.hold import Hold, NobodyHolds
from servecost.load.outcome import Outcome
from servecost.load.run import Preparation, Run
from servecost.load.run_spec import RunSpec
from servecost.load.server_count import WindowCounter
from servecost.load.warm_up import WarmUp, Work
from tests.unit.load.fakes import SPEC, FakeClock, Workers

NAME = RunName("echo", SPEC.batch_size, 3, SPEC.examples)
NOT_COUNTED = WindowCounter("http://127.0.0.1:9", None)
FREE = Hold(None, None)
WORK = Work("http://127.0.0.1:9", SPEC.system, SPEC.batch_size, 3)
WARMED = replace(SPEC, warm_ups=1)


def run_with(workers: Workers, counter: WindowCounter = NOT_COUNTED, spec: RunSpec = SPEC, hold: Hold = FREE) -> Run:
    return Run(NAME, spec, workers, Preparation(counter, WarmUp(WORK, {}), hold))


def outcome_with(workers: Workers, spec: RunSpec = SPEC, hold: Hold = FREE) -> Outcome:
    run = run_with(workers, spec=spec, hold=hold)
    workers.arrive()
    run.execute()
    return run.finish()


@pytest.mark.parametrize("users", [{"local": 3}, {"a": 1, "b": 2}, {"a": 0, "b": 3}])
def test_a_run_goes_through_its_steps_and_counts_everything(users):
    """One release, every request once, the records, and the end for all workers."""
    workers = Workers(users)
    outcome = outcome_with(workers)
    assert workers.calls == ["prepare", "release", "collect", "detach"]
    assert outcome.line() == f"VALID: {NAME}: 0.000 s for 3 requests, every answer right"
    assert outcome.times.total_ns == 7
    assert outcome.ledger.users == 3


@pytest.mark.parametrize(
    ("users", "waves"),
    [
        ({"local": 3}, [{"local": 1}] * 3 + [{"local": 3}] * 3),
        ({"a": 1, "b": 2}, [{"b": 1}] * 3 + [{"a": 1, "b": 2}] * 3),
        ({"a": 0, "b": 3}, [{"b": 1}] * 3 + [{"b": 3}] * 3),
    ],
)
def test_users_are_warm_before_they_are_released(tmp_path, users, waves):
    """One alone, then all of them, wherever they are; and whoever waits for it is told what that has shown."""
    workers = Workers(users, wave_s=0.5)
    outcome = outcome_with(workers, WARMED, Hold(str(tmp_path / "out"), None))
    assert (workers.waves, outcome.is_valid) == (waves, True)
    said = json.loads((tmp_path / "out_warm.json").read_text())
    steady = {"first_s": 0.5, "steady_s": 0.5, "calls": 3, "is_steady": True}
    assert said == {"run": "run-1", **steady, "requests": 3 + 3 + 3 * 3}
    assert workers.calls == ["prepare", "release", "collect", "detach"]


def test_a_wave_takes_as_long_as_its_slowest_worker():
    """All of its requests have to be answered."""
    workers = Workers({"a": 1, "b": 2}, wave_s=0.5)
    run = run_with(workers)
    workers.arrive()
    assert (run._send_wave(3), run._send_wave(1)) == (1.0, 0.5)


@pytest.mark.parametrize(
    ("failure", "rule"),
    [("wrong answer to input 0: 'a lie', not 'lie'", "answers"), ("no answer within 60 s", "failures")],
)
def test_a_failure_in_the_warm_up_refuses_the_run(tmp_path, failure, rule):
    """It is not released, and not said to be warm."""
    workers = Workers({"a": 1, "b": 2}, warm_failure=failure)
    outcome = outcome_with(workers, WARMED, Hold(str(tmp_path / "out"), None))
    assert outcome.verdict == Verdict(rule, f"no warm-up with requests of 2 examples: {failure}")
    assert workers.calls == ["prepare", "detach"]
    assert len(workers.waves) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_wave_without_an_end_refuses_the_run(monkeypatch):
    """After the time-out of its requests and a little more."""
    workers = Workers({"local": 3})
    monkeypatch.setattr(workers, "warm", lambda users: None)
    monkeypatch.setattr("servecost.load.run.WAVE_GRACE_S", 0.01)
    outcome = outcome_with(workers, replace(WARMED, request_timeout_s=0))
    assert outcome.verdict == Verdict("failures", "a warm-up with 1 requests did not end within 0.01 s")


def test_a_run_without_warm_ups_sends_nothing_before_its_release(tmp_path):
    """And says that it begins."""
    workers = Workers({"local": 3})
    assert outcome_with(workers, hold=Hold(str(tmp_path / "out"), None)).is_valid
    assert workers.waves == []
    assert json.loads((tmp_path / "out_warm.json").read_text())["requests"] == 0


class Holder(Hold):
    """Holds a run for some looks; then something happens."""

    def __init__(self, looks: int, happens: Callable[[], object] = lambda: None) -> None:
        super().__init__(None, None)
        self.looks, self._happens = looks, happens

    def is_over(self) -> bool:
        self.looks -= 1
        if self.looks == 0:
            self._happens()
        return self.looks < 0


def raise_it(error: Exception) -> None:
    raise error


def test_a_warm_run_is_held_until_it_may_begin():
    """Its clock does not run meanwhile."""
    workers, holder = Workers({"local": 3}), Holder(3)
    outcome = outcome_with(workers, WARMED, holder)
    assert (outcome.is_valid, holder.looks) == (True, -1)
    assert outcome.times.total_ns == 7


@pytest.mark.parametrize(
    ("error", "rule", "reason"),
    [
        (NobodyHolds("it was held, and the folder is gone"), "interrupted", "it was held, and the folder is gone"),
        (OSError("no space"), "files", "its files cannot be written: no space"),
    ],
)
def test_a_hold_that_cannot_end_refuses_the_run(error, rule, reason):
    """Nothing hangs."""
    workers = Workers({"local": 3})
    outcome = outcome_with(workers, WARMED, Holder(2, lambda: raise_it(error)))
    assert outcome.verdict == Verdict(rule, reason)
    assert "release" not in workers.calls


def test_a_worker_that_is_lost_in_the_hold_refuses_the_run():
    """As at any other time."""
    workers = Workers({"a": 1, "b": 2})
    holder = Holder(2, lambda: workers.events.on_lost("b", "worker 1 has quit"))
    assert outcome_with(workers, WARMED, holder).verdict == Verdict("workers", "worker 1 has quit")
    assert "release" not in workers.calls


def test_failures_are_in_the_outcome():
    """The run itself goes to its end."""
    outcome = outcome_with(Workers({"local": 3}, failure="HTTP 500"))
    assert outcome.verdict == Verdict("failures", "3 of 3 requests failed; 3 × HTTP 500")


def test_a_refused_run_is_never_released():
    """It ends with the first reason."""
    workers = Workers({"a": 1, "b": 2})
    run = run_with(workers)
    workers.events.on_refused("a", Verdict("host", "no warm-up"), True)
    workers.events.on_lost("b", "worker 1 has quit")
    run.execute()
    outcome = run.finish()
    assert workers.calls == ["prepare", "detach"]
    assert (outcome.verdict, outcome.exit_code) == (Verdict("host", "no warm-up"), 2)
    assert outcome.ledger.faults == ["worker 1 has quit"]


def test_more_users_than_asked_for_make_the_run_invalid():
    """Its concurrency would not be what its name says."""
    workers = Workers({"local": 4})
    assert outcome_with(workers).verdict.rule == "users"


def test_a_worker_that_is_no_part_of_the_run_makes_it_invalid():
    """Although it has no entry in the ledger."""
    workers = Workers({"local": 3})
    run = run_with(workers)
    workers.events.on_lost("another", "worker 1 came late")
    run.execute()
    assert run.finish().line() == f"INVALID(workers): {NAME}: worker 1 came late"


def test_records_that_are_collected_twice_count_once():
    """A run may be cut short while they arrive."""
    workers = Workers({"local": 3})
    run = run_with(workers)
    workers.arrive()
    run.execute()
    run.collect_partial()
    assert workers.calls.count("collect") == 2
    assert run.finish().is_valid


def test_an_abandoned_run_leases_nothing_more():
    """All workers are asked to stop."""
    workers = Workers({"a": 1, "b": 2})
    run = run_with(workers)
    workers.arrive()
    run.execute()
    run.on_abandoned("a")
    assert workers.calls[-1] == "abandon"
    assert run._pool.is_empty


def test_a_busy_server_refuses_the_run():
    """Others' requests would take part of its time."""
    counted = RequestCount("/count?seconds={seconds}", int, remembered_s=38)
    counter = WindowCounter("http://host", counted, get=lambda url: "3", clock=FakeClock().clock)
    workers = Workers({"local": 3})
    run = run_with(workers, counter)
    run.wait_until_quiet()
    run.execute()
    assert run.finish().verdict == Verdict("busy", "http://host is busy with others: 3 requests in the last second")
    assert "release" not in workers.calls
