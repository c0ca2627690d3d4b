"""A worker's part in a distributed run, which the master directs.

Owns the worker's end of the messages (``master_end`` has the other).
"""

import time
from typing import Any, cast

import gevent
from locust.env import Environment
from locust.runners import WorkerRunner

from servecost.core.recipe import Recipe
from servecost.core.verdicts import Verdict
from servecost.load import active_clock, cpu_use
from servecost.load.distributed import messages
from servecost.load.distributed.master_end import SAME_VERSION
from servecost.load.distributed.messages import MESSAGE
from servecost.load.run_spec import LoadUser, RunSpec, attach
from servecost.load.waves import Wave
from servecost.load.worker_share import WorkerShare

PROGRESS_S = 1.0
RECORDS_PER_MESSAGE = 5000


class WorkerEnd:
    """Takes part in every run of the master's."""

    def __init__(self, environment: Environment, recipe: Recipe, runner: WorkerRunner) -> None:
        self._environment = environment
        self._user_class = cast(type[LoadUser], environment.user_classes[0])
        self._recipe = recipe
        self._runner = runner
        self._run = ""
        self._share: WorkerShare | None = None
        runner.register_message(MESSAGE, self._on_message)

    # Events of this process's share, in the order of a run.

    def on_users_ready(self, users: int) -> None:
        """Send the number of ready users to the master."""
        self._send(messages.UsersReady(users))

    def on_refused(self, verdict: Verdict, is_misuse: bool) -> None:
        """Send the master the reason why the run cannot be made."""
        self._send(messages.Refused(verdict, is_misuse))

    def on_warmed(self, wave: Wave) -> None:
        """Tell the master that a wave is over, and how long it took on this process's clock."""
        span_ns = active_clock.OWN.between_ns(wave.begun_ns, wave.ended_ns)
        self._send(messages.Warmed(wave.requests, span_ns, wave.failure))

    def on_requests_low(self) -> None:
        """Ask the master for more requests."""
        self._send(messages.RequestsLow())

    def on_abandoned(self) -> None:
        """Tell the master that no further request is issued."""
        self._send(messages.Abandoned())

    def on_done(self, last_answered_ns: int | None) -> None:
        """Tell the master that all requests have ended, and how long ago the last answer arrived."""
        used = cpu_use.read_since(self._before)
        released_ns = None if self._share is None else self._share.released_ns
        if last_answered_ns is None or released_ns is None:
            self._send(messages.Done(None, None, used))
        else:
            ago_ns = time.perf_counter_ns() - last_answered_ns
            self._send(messages.Done(ago_ns, last_answered_ns - released_ns, used))

    def _send(self, message: messages.Sent) -> None:
        self._send_about(self._run, message)

    def _send_about(self, run: str, message: messages.Sent) -> None:
        self._runner.send_message(MESSAGE, messages.pack(run, message))

    # Messages of the master.

    def _on_message(self, msg: Any, **_: Any) -> None:
        run, message = messages.unpack(msg.data)
        try:
            self._take(run, message)
        except Exception as error:  # noqa: BLE001  # Locust would only log it, and the master wait for an answer
            kind = messages.name_of(message)
            self._send_about(run, messages.Failed(f"failed at '{kind}': {type(error).__name__}: {error}"))

    def _take(self, run: str, message: messages.Sent | messages.Unknown) -> None:
        match message:
            case messages.Prepare(spec):
                self._prepare(spec)
            case messages.Unknown(kind):
                problem = f"does not know the master's message '{kind}': {SAME_VERSION}"
                self._send_about(run, messages.Failed(problem))
            case _ if run == self._run and self._share is not None:
                self._handle(message, self._share)

    def _handle(self, message: messages.Sent, share: WorkerShare) -> None:
        match message:
            case messages.Warm(users):
                share.waves.begin(users, time.perf_counter_ns())
            case messages.Release(lease):
                self._before = cpu_use.read()
                share.release(lease, time.perf_counter_ns())
                gevent.spawn(self._send_progress, share)
            case messages.Supply(lease):
                share.supply(lease)
            case messages.Abandon():
                share.abandon(notify=False)
            case messages.Collect():
                self._send_records(share)
            case messages.Detach():
                self._share = None
                self._user_class.detach_run()

    def _prepare(self, spec: RunSpec) -> None:
        """Get ready for a run, unless that has been done or is impossible."""
        if spec.run == self._run:
            return
        self._run, self._share = spec.run, None
        self._before = cpu_use.read()  # a share without requests may be done before it is released
        if spec.inputs_digest != self._recipe.inputs.digest:
            problem = f"has other inputs for {self._recipe.name} than the master: update its files"
            self._send(messages.Failed(problem))
            return
        self._send(messages.Accepted())
        self._share = attach(self._user_class, self._recipe, spec, self)

    def _send_progress(self, share: WorkerShare) -> None:
        """Send the tally once a second: should this process die, the master has its last one."""
        while share is self._share and not share.is_closed:
            self._send(messages.Progress(share.tally))
            gevent.sleep(PROGRESS_S)

    def _send_records(self, share: WorkerShare) -> None:
        """Send all records, after Locust's statistics: with the last part, the master has both completely."""
        records = share.close()
        statistics: dict[str, Any] = {}
        self._environment.events.report_to_master.fire(client_id=self._runner.client_id, data=statistics)
        self._runner.send_message("stats", statistics)
        for first in range(0, max(1, len(records)), RECORDS_PER_MESSAGE):
            part = [records[place] for place in range(first, min(first + RECORDS_PER_MESSAGE, len(records)))]
            is_last = first + len(part) == len(records)
            self._send(messages.RecordsPart(share.tally, part, is_last))
            gevent.sleep(0)
