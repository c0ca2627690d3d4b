"""The workers of a distributed run, as the master's conductor sees them.

Owns the master's end of the messages between the two (``_worker`` has the other), and the watch over workers: one that
dies, hangs or comes late is told of within some seconds. Clocks of different machines are never compared: a worker
says how long ago something was, and the time of its message's arrival is read here.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner

from servecost.core.verdicts import Verdict
from servecost.load.cpu_use import Effort
from servecost.load.leases import Lease
from servecost.load.records import Record
from servecost.load.run_spec import Brief
from servecost.load.worker_share import Tally
from servecost.load.workers import Told

MESSAGE = "run"
WATCH_S = 0.5
BRIEFED_LIMIT_S = 8
CONNECTING_S = 1.0
COMING_BACK_S = 5.0


class RemoteSections:
    """The sections of the workers that are connected when a run starts."""

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        self._environment = environment
        self._runner = runner
        self._workers: list[str] = []
        self._last_connected_s = self._dismissed_s = -COMING_BACK_S
        self._run = ""
        runner.register_message(MESSAGE, self._on_message)
        environment.events.worker_connect.add_listener(self._on_worker_connect)

    def prepare(self, brief: Brief, conductor: Told) -> list[str]:
        """Describe the run to every connected worker, before Locust has it start users; watch over them from now on."""
        runner = self._runner
        connected = runner.clients.ready + runner.clients.running + runner.clients.spawning
        self._workers = sorted((client.id for client in connected), key=runner.get_worker_index)
        self._conductor, self._brief, self._run = conductor, brief, brief.run
        self._unbriefed, self._briefed_since_s = set(self._workers), time.monotonic()
        self._send_brief()
        self._watching = gevent.spawn(self._watch)
        return list(self._workers)

    def release(self, leases: Mapping[str, Lease]) -> int:
        """Start the clock, and let the users of all workers begin."""
        released_ns = time.perf_counter_ns()
        for worker, lease in leases.items():
            self._tell(worker, "release", lease=lease)
        return released_ns

    def supply(self, worker: str, lease: Lease) -> None:
        """Send a worker more requests."""
        self._tell(worker, "supply", lease=lease)

    def abandon(self) -> None:
        """Have every worker issue no further request."""
        for worker in self._workers:
            self._tell(worker, "abandon")

    def collect(self) -> None:
        """Have every worker send its statistics and its records."""
        for worker in self._workers:
            self._tell(worker, "collect")

    def dismiss(self) -> None:
        """Expect no more of anybody."""
        self._run = ""
        # A worker that Locust tells to quit while it is still connecting would hang.
        gevent.sleep(max(0.0, self._last_connected_s + CONNECTING_S - time.monotonic()))
        self._watching.kill(block=False)
        for client in self._runner.clients.missing:
            client.user_classes_count = {}  # Locust would wait a minute for users that are gone
        for worker in self._workers:
            self._runner.send_message(MESSAGE, {"run": self._brief.run, "what": "dismiss"}, worker)
        self._dismissed_s = time.monotonic()

    def are_ready(self) -> bool:
        """Say whether as many workers are connected as are expected, and those of the last run are back from it."""
        options, clients = self._environment.parsed_options, self._runner.clients
        ready = {client.id for client in clients.ready}
        missing = {client.id for client in clients.missing}
        are_back = ready | missing >= set(self._workers) or time.monotonic() - self._dismissed_s > COMING_BACK_S
        is_idle = not clients.running and not clients.spawning
        return options is not None and is_idle and are_back and len(ready) >= max(1, options.expect_workers)

    def _tell(self, worker: str, what: str, **data: Any) -> None:
        self._runner.send_message(MESSAGE, {"run": self._run, "what": what, **data}, worker)

    def _send_brief(self) -> None:
        for worker in self._unbriefed:
            self._tell(worker, "brief", **asdict(self._brief))

    def _watch(self) -> None:
        """Tell of workers that are gone, silent or of another version, as long as the run lasts."""
        while True:
            gevent.sleep(WATCH_S)
            for worker in self._workers:
                if problem := self._problem_of(worker):
                    self._conductor.lost(worker, f"{self._called(worker)} {problem}")
            if self._unbriefed:
                self._send_brief()  # a worker that had just connected may not have been listening yet

    def _problem_of(self, worker: str) -> str:
        client = self._runner.clients.get(worker)
        if client is None:
            return "has quit"
        if client.state == STATE_MISSING:
            return "was lost: no heartbeat any more (killed, hanging, or cut off)"
        if worker in self._unbriefed and time.monotonic() - self._briefed_since_s > BRIEFED_LIMIT_S:
            return f"did not accept the run within {BRIEFED_LIMIT_S} s: has it this version of the project?"
        return ""

    def _called(self, worker: str) -> str:
        return f"worker {self._runner.get_worker_index(worker)} ({worker})"

    def _on_worker_connect(self, client_id: str, **_: Any) -> None:
        self._last_connected_s = time.monotonic()
        if self._run and client_id not in self._workers:
            self._conductor.lost(client_id, f"{self._called(client_id)} came late: the run had begun without it")

    def _on_message(self, msg: Any, **_: Any) -> None:
        received_ns = time.perf_counter_ns()
        data, worker = msg.data, msg.node_id
        if data["run"] != self._run or worker not in self._workers:
            return
        conductor = self._conductor
        match data["what"]:
            case "briefed":
                self._unbriefed.discard(worker)
                if data["problem"]:
                    conductor.lost(worker, f"{self._called(worker)} {data['problem']}")
            case "arrived":
                conductor.arrived(worker, data["users"])
            case "refused":
                verdict = Verdict(data["rule"], f"{data['reason']} (from {self._called(worker)})")
                conductor.refused(worker, verdict, data["is_host"])
            case "wants":
                conductor.wants(worker)
            case "abandoned":
                conductor.abandoned(worker)
            case "progress":
                conductor.progressed(worker, Tally(*data["tally"]))
            case "done":
                ago_ns = data["ago_ns"]
                end_ns = None if ago_ns is None else received_ns - ago_ns
                conductor.done(worker, end_ns, data["span_ns"], Effort(*data["effort"]))
            case "records":
                records = [Record(*record) for record in data["records"]]
                conductor.reported(worker, Tally(*data["tally"]), records, data["is_whole"])
