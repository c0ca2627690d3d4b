"""The workers of a distributed run, as the master sees them.

Owns the master's end of the messages (``worker_end`` has the other) and the watch over workers: one that dies, hangs
or joins late is reported within seconds. Clocks of different machines are never compared: a worker says how long ago
its last answer arrived, and this end reads the time at which that message arrives.
"""

import time
from collections.abc import Mapping
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner

from servecost.core.verdicts import Verdict
from servecost.load.distributed import messages
from servecost.load.distributed.messages import MESSAGE
from servecost.load.leases import Lease
from servecost.load.run_spec import RunSpec
from servecost.load.workers import RunEvents

WATCH_S = 0.5
ACCEPT_LIMIT_S = 8
CONNECTING_S = 1.0
BECOMING_IDLE_S = 5.0
SAME_VERSION = "does it run the master's version of this project?"


class RemoteWorkers:
    """Sends the requests of a run from the workers that are connected when it starts."""

    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        self._environment = environment
        self._runner = runner
        self._workers: list[str] = []
        self._last_connected_s = self._detached_s = -BECOMING_IDLE_S
        self._run = ""
        runner.register_message(MESSAGE, self._on_message)
        environment.events.worker_connect.add_listener(self._on_worker_connect)

    def prepare(self, spec: RunSpec, events: RunEvents) -> list[str]:
        """Send the run to every connected worker, before Locust spawns users, and watch over them from now on."""
        runner = self._runner
        connected = runner.clients.ready + runner.clients.running + runner.clients.spawning
        self._workers = sorted((client.id for client in connected), key=runner.get_worker_index)
        self._events, self._spec, self._run = events, spec, spec.run
        self._unprepared, self._prepared_since_s = set(self._workers), time.monotonic()
        self._send_spec()
        self._watching = gevent.spawn(self._watch)
        return list(self._workers)

    def warm(self, users: Mapping[str, int]) -> None:
        """Let so many users of each of these workers send one untimed request each."""
        for worker, count in users.items():
            self._send(worker, messages.Warm(count))

    def release(self, leases: Mapping[str, Lease]) -> int:
        """Start the clock and let the users of all workers begin."""
        released_ns = time.perf_counter_ns()
        for worker, lease in leases.items():
            self._send(worker, messages.Release(lease))
        return released_ns

    def supply(self, worker: str, lease: Lease) -> None:
        """Send a worker more requests."""
        self._send(worker, messages.Supply(lease))

    def abandon(self) -> None:
        """Make all workers issue no further request."""
        self._send_all(messages.Abandon())

    def collect(self) -> None:
        """Make each worker send its statistics and its records."""
        self._send_all(messages.Collect())

    def detach(self) -> None:
        """End the run on all workers; messages that still arrive are ignored."""
        self._run = ""
        # A worker that Locust tells to quit while it is still connecting would hang.
        gevent.sleep(max(0.0, self._last_connected_s + CONNECTING_S - time.monotonic()))
        self._watching.kill(block=False)
        for client in self._runner.clients.missing:
            client.user_classes_count = {}  # Locust would wait a minute for users that are gone
        self._send_all(messages.Detach())
        self._detached_s = time.monotonic()

    def are_ready(self) -> bool:
        """Return whether the expected number of workers is connected, and those of the last run are idle again."""
        options, clients = self._environment.parsed_options, self._runner.clients
        ready = {client.id for client in clients.ready}
        missing = {client.id for client in clients.missing}
        are_back = ready | missing >= set(self._workers) or time.monotonic() - self._detached_s > BECOMING_IDLE_S
        is_idle = not clients.running and not clients.spawning
        return options is not None and is_idle and are_back and len(ready) >= max(1, options.expect_workers)

    def _send(self, worker: str, message: messages.Sent) -> None:
        self._runner.send_message(MESSAGE, messages.pack(self._spec.run, message), worker)

    def _send_all(self, message: messages.Sent) -> None:
        for worker in self._workers:
            self._send(worker, message)

    def _send_spec(self) -> None:
        for worker in list(self._unprepared):  # an answer may arrive while the next is sent
            self._send(worker, messages.Prepare(self._spec))

    def _watch(self) -> None:
        """Report workers that are gone, silent or of another version, as long as the run lasts."""
        while True:
            gevent.sleep(WATCH_S)
            for worker in self._workers:
                if problem := self._find_problem(worker):
                    self._report_lost(worker, problem)
            if self._unprepared:
                self._send_spec()  # a worker that had just connected may not have been listening yet

    def _find_problem(self, worker: str) -> str:
        client = self._runner.clients.get(worker)
        if client is None:
            return "has quit"
        if client.state == STATE_MISSING:
            return "was lost: no heartbeat any more (killed, hanging, or cut off)"
        if worker in self._unprepared and time.monotonic() - self._prepared_since_s > ACCEPT_LIMIT_S:
            return f"did not accept the run within {ACCEPT_LIMIT_S} s: {SAME_VERSION}"
        return ""

    def _report_lost(self, worker: str, problem: str) -> None:
        self._events.on_lost(worker, f"{self._describe(worker)} {problem}")

    def _describe(self, worker: str) -> str:
        return f"worker {self._runner.get_worker_index(worker)} ({worker})"

    def _on_worker_connect(self, client_id: str, **_: Any) -> None:
        self._last_connected_s = time.monotonic()
        if self._run and client_id not in self._workers:
            self._report_lost(client_id, "came late: the run had begun without it")

    def _on_message(self, msg: Any, **_: Any) -> None:
        received_ns = time.perf_counter_ns()
        run, message = messages.unpack(msg.data)
        if run == self._run and msg.node_id in self._workers:
            try:
                self._handle(msg.node_id, message, received_ns)
            except Exception as error:  # noqa: BLE001  # Locust would only log it, and the run wait for what was lost
                kind = messages.name_of(message)
                self._report_lost(msg.node_id, f"sent a message '{kind}' that failed: {type(error).__name__}: {error}")

    def _handle(self, worker: str, message: messages.Sent | messages.Unknown, received_ns: int) -> None:
        events = self._events
        match message:
            case messages.Accepted():
                self._unprepared.discard(worker)
            case messages.Failed(problem):
                self._unprepared.discard(worker)
                self._report_lost(worker, problem)
            case messages.UsersReady(users):
                events.on_users_ready(worker, users)
            case messages.Refused(verdict, is_misuse):
                reason = f"{verdict.reason} (from {self._describe(worker)})"
                events.on_refused(worker, Verdict(verdict.rule, reason), is_misuse)
            case messages.Warmed(requests, span_ns, failure):
                whose = f"{failure} (from {self._describe(worker)})" if failure else ""
                events.on_warmed(worker, requests, span_ns, whose)
            case messages.RequestsLow():
                events.on_requests_low(worker)
            case messages.Abandoned():
                events.on_abandoned(worker)
            case messages.Progress(tally):
                events.on_progress(worker, tally)
            case messages.Done(ago_ns, span_ns, cpu_use):
                end_ns = None if ago_ns is None else received_ns - ago_ns
                events.on_done(worker, end_ns, span_ns, cpu_use)
            case messages.RecordsPart(tally, records, is_last):
                events.on_records(worker, tally, records, is_last)
            case _:
                problem = f"sent a message that this master does not know ('{messages.name_of(message)}')"
                self._report_lost(worker, f"{problem}: {SAME_VERSION}")
