"""The steps of a run, with workers that answer every request at once."""

import pytest

from servecost.core.layout import RunName
from servecost.core.system import RequestCount
from servecost.core.verdicts import Verdict
from servecost.load.outcome import Outcome
from servecost.load.run import Run
from servecost.load.server_count import ServerCounter
from tests.unit.load.fakes import SPEC, FakeClock, Workers

NAME = RunName("echo", SPEC.batch_size, 3, SPEC.examples)
NOT_COUNTED = ServerCounter("http://127.0.0.1:9", None)


def run_with(workers: Workers, counter: ServerCounter = NOT_COUNTED) -> Run:
    return Run(NAME, SPEC, workers, counter)


def outcome_with(workers: Workers) -> Outcome:
    run = run_with(workers)
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
    assert outcome.wall_ns == 7
    assert outcome.ledger.users == 3


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
    counter = ServerCounter("http://host", counted, get=lambda url: "3", clock=FakeClock().clock)
    workers = Workers({"local": 3})
    run = run_with(workers, counter)
    run.wait_until_quiet()
    run.execute()
    assert run.finish().verdict == Verdict("busy", "http://host is busy with others: 3 requests in the last second")
    assert "release" not in workers.calls
