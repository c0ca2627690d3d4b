"""The two ends of a distributed run, joined in this process by Locust's packing alone."""

from argparse import Namespace
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from locust.env import Environment
from locust.rpc.protocol import Message

from servecost.core import systems
from servecost.core.recipe import Recipe
from servecost.core.verdicts import Verdict
from servecost.load.distributed.master_end import RemoteWorkers
from servecost.load.distributed.messages import MESSAGE
from servecost.load.distributed.worker_end import WorkerEnd
from servecost.load.leases import Lease
from servecost.load.records import Record
from servecost.load.run_spec import RunSpec, describe_run
from servecost.load.tally import Tally
from servecost.load.worker_share import WorkerShare
from tests.unit.load.fakes import Events, ListWire, Users, answer

WORKER = "vm_1"
NAMED = f"worker 0 ({WORKER})"


class Runner:
    """One end of the network: what it sends arrives at the other end at once."""

    def __init__(self) -> None:
        self.client_id = WORKER
        client = SimpleNamespace(id=WORKER, state="running")
        self.clients = Clients({WORKER: client})
        self.other: Runner | None = None
        self.sent: list[tuple[str, Any]] = []

    def register_message(self, kind: str, listener: Any) -> None:
        self._listener = listener

    def get_worker_index(self, worker: str) -> int:
        return 0

    def send_message(self, kind: str, data: Any, worker: str | None = None) -> None:
        self.sent.append((kind, data))
        if kind == MESSAGE and self.other is not None:
            self.other.receive(data)

    def receive(self, data: Any) -> None:
        message = Message.unserialize(Message(MESSAGE, data, WORKER).serialize())
        self._listener(environment=None, msg=message)


class Clients(dict[str, Any]):
    """Locust's table of workers: one that is ready."""

    @property
    def ready(self) -> list[Any]:
        return list(self.values())

    @property
    def running(self) -> list[Any]:
        return []

    spawning = missing = running


class Joined:
    """A master and a worker, with the events that the run receives."""

    def __init__(self, recipe: Recipe, worker_recipe: Recipe) -> None:
        Users.detach_run()
        self.master_runner, self.worker_runner = cast(Any, Runner()), cast(Any, Runner())
        self.master = RemoteWorkers(Environment(), self.master_runner)
        environment: Any = SimpleNamespace(user_classes=[Users], events=Environment().events)
        self.worker = WorkerEnd(environment, worker_recipe, self.worker_runner)
        self.master_runner.other, self.worker_runner.other = self.worker_runner, self.master_runner
        self.events = Events()
        options = Namespace(batch_size=2, examples=6, warm_ups=0, request_timeout=60, system="lists")
        self.spec: RunSpec = describe_run("run-1", options, recipe, ["A", "B", "C"])

    def prepare(self) -> list[tuple[object, ...]]:
        assert self.master.prepare(self.spec, self.events) == [WORKER]
        return self.events.events

    @property
    def share(self) -> WorkerShare:
        """The worker's share of the run."""
        assert Users.attached is not None
        return Users.attached.share


@pytest.fixture
def recipe(tmp_path, monkeypatch) -> Recipe:
    """A recipe of three inputs, served by a system with a wire of plain lists."""
    monkeypatch.setattr(systems, "load", lambda name: SimpleNamespace(wire=lambda input_type: ListWire()))
    return Recipe("three", tmp_path, ("a", "b", "c"))


@pytest.fixture
def joined(recipe) -> Iterator[Joined]:
    """A master and a worker with the same recipe."""
    both = Joined(recipe, recipe)
    yield both
    both.master._watching.kill(block=False)


def test_a_run_crosses_the_network_and_comes_back(joined):
    """Users, leases, answers, records, and the end; no clock reading does."""
    events = joined.prepare()
    share = joined.share
    share.add_user()
    joined.master.release({WORKER: Lease(0, 2, False)})
    released_ns = share.released_ns
    assert released_ns is not None
    requests = share.take_requests()
    answer(share, next(requests), at_ns=released_ns + 10)
    answer(share, next(requests), at_ns=released_ns + 20)
    joined.master.supply(WORKER, Lease(2, 1, True))
    answer(share, next(requests), at_ns=released_ns + 30)
    joined.master.collect()
    joined.master.detach()

    whole = Tally(3, 3, 0, 6, 6, 0)
    assert [event[0] for event in events] == ["users_ready", "requests_low", "done", "records"]
    _, worker, end_ns, span_ns = events[2]
    assert (worker, span_ns) == (WORKER, 30)
    assert end_ns is not None
    records = [Record(number, 0, 2, -released_ns, 10 * (number + 1), "") for number in range(3)]
    assert events[3] == ("records", WORKER, whole, records, True)
    assert [kind for kind, _ in joined.worker_runner.sent if kind != MESSAGE] == ["stats"]
    assert Users.attached is None


def test_a_wave_crosses_the_network_and_comes_back(joined):
    """How many requests, how long, and a failure with the worker's name; the clocks stay where they are."""
    events = joined.prepare()
    for number, failure in enumerate(["", "HTTP 500"]):
        joined.master.warm({WORKER: 2})
        for _ in range(2):
            joined.share.waves.note(joined.share.waves._wave.begun_ns + 1000 + number, failure)
    assert events == [("warmed", WORKER, 2, 1000, ""), ("warmed", WORKER, 2, 1001, f"HTTP 500 (from {NAMED})")]


def test_a_run_that_is_sent_twice_is_accepted_once(joined):
    """A worker that had just connected may have missed the first."""
    joined.prepare()
    attached = Users.attached
    joined.master_runner.receive(joined.worker_runner.sent[0][1])
    joined.master._send_spec()
    assert Users.attached is attached
    assert not joined.master._unprepared


def test_a_refusal_names_the_worker(joined):
    """The rule and the cause are the worker's."""
    events = joined.prepare()
    joined.share.refuse(Verdict("host", "no warm-up at http://host: refused"), is_misuse=True)
    verdict = Verdict("host", f"no warm-up at http://host: refused (from {NAMED})")
    assert events == [("refused", WORKER, verdict, True)]


def test_a_worker_with_other_inputs_takes_no_part(recipe, tmp_path):
    """All workers send the same inputs, or none does."""
    joined = Joined(recipe, Recipe("three", tmp_path, ("something else",)))
    reason = f"{NAMED} has other inputs for three than the master: update its files"
    assert joined.prepare() == [("lost", WORKER, reason)]
    assert Users.attached is None
    joined.master._watching.kill(block=False)


@pytest.mark.parametrize("kind", ["Pause", "Release"])
def test_a_worker_of_another_version_makes_the_run_invalid(joined, kind):
    """The line names the worker and its message; there is no traceback."""
    events = joined.prepare()
    joined.master_runner.receive({"run": "run-1", "kind": kind, "content": {"lease": [0, 1, True]}})
    problem = f"sent a message that this master does not know ('{kind}')"
    assert events == [("lost", WORKER, f"{NAMED} {problem}: does it run the master's version of this project?")]


def test_a_master_of_another_version_makes_the_run_invalid(joined):
    """Its worker says so at once, before the master's wait for an answer ends."""
    events = joined.prepare()
    joined.worker_runner.receive({"run": "run-1", "kind": "Pause", "content": {}})
    problem = "does not know the master's message 'Pause': does it run the master's version of this project?"
    assert events == [("lost", WORKER, f"{NAMED} {problem}")]


def test_messages_of_another_run_are_ignored(joined):
    """A worker may still be reporting the last one."""
    events = joined.prepare()
    joined.master_runner.receive({"run": "run-0", "kind": "UsersReady", "content": {"users": 3}})
    joined.worker_runner.receive({"run": "run-0", "kind": "Collect", "content": {}})
    assert events == []
    assert not joined.share.is_closed


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        ("running", ""),
        ("missing", "was lost: no heartbeat any more (killed, hanging, or cut off)"),
        (None, "has quit"),
    ],
)
def test_a_worker_that_is_gone_is_found(joined, state, problem):
    """By Locust's own account of its heartbeats."""
    joined.prepare()
    if state is None:
        joined.master_runner.clients.clear()
    else:
        joined.master_runner.clients[WORKER].state = state
    assert joined.master._find_problem(WORKER) == problem


def test_a_worker_that_joins_late_makes_the_run_invalid(joined):
    """It has no share of the run."""
    events = joined.prepare()
    joined.master._on_worker_connect("vm_2")
    assert events == [("lost", "vm_2", "worker 0 (vm_2) came late: the run had begun without it")]
