"""A worker's part in a distributed run: its section, conducted by the master.

Owns the worker's end of the messages between the two (``_remote`` has the other).
"""

import time
from typing import Any, cast

import gevent
from locust.env import Environment
from locust.runners import WorkerRunner

from servecost.core.recipe import Recipe
from servecost.core.verdicts import Verdict
from servecost.load import cpu_use
from servecost.load.distributed.master_end import MESSAGE
from servecost.load.leases import Lease
from servecost.load.run_spec import Brief, Participant, example_digest, join
from servecost.load.worker_share import Section

PROGRESS_S = 1.0
RECORDS_PER_MESSAGE = 5000


class Worker:
    """Takes part in every run that the master conducts."""

    def __init__(self, environment: Environment, recipe: Recipe, runner: WorkerRunner) -> None:
        self._environment = environment
        self._user_class = cast(type[Participant], environment.user_classes[0])
        self._recipe = recipe
        self._runner = runner
        self._run = ""
        self._section: Section | None = None
        self._released_ns: int | None = None
        runner.register_message(MESSAGE, self._on_message)

    # What the section tells, in the order of a run.

    def arrived(self, users: int) -> None:
        """Pass on that so many users are ready."""
        self._tell("arrived", users=users)

    def refused(self, verdict: Verdict, is_host: bool) -> None:
        """Pass on that a user cannot take part."""
        self._tell("refused", rule=verdict.rule, reason=verdict.reason, is_host=is_host)

    def wants(self) -> None:
        """Ask for more requests."""
        self._tell("wants")

    def abandoned(self) -> None:
        """Pass on that no further request is issued."""
        self._tell("abandoned")

    def done(self, last_answered_ns: int | None) -> None:
        """Pass on that nothing more comes, and how long ago the last answer came."""
        effort = cpu_use.since(self._before)
        if last_answered_ns is None or self._released_ns is None:
            self._tell("done", ago_ns=None, span_ns=None, effort=effort)
        else:
            span_ns = last_answered_ns - self._released_ns
            ago_ns = time.perf_counter_ns() - last_answered_ns
            self._tell("done", ago_ns=ago_ns, span_ns=span_ns, effort=effort)

    def _tell(self, what: str, **data: Any) -> None:
        self._runner.send_message(MESSAGE, {"run": self._run, "what": what, **data})

    # What the master tells.

    def _on_message(self, msg: Any, **_: Any) -> None:
        data = msg.data
        if data["what"] == "brief":
            self._accept(**{name: value for name, value in data.items() if name != "what"})
        elif data["run"] != self._run or self._section is None:
            return
        elif data["what"] == "release":
            self._before = cpu_use.now()
            self._released_ns = time.perf_counter_ns()
            self._section.supply(Lease(*data["lease"]))
            self._section.released.set()
            gevent.spawn(self._tell_progress, self._section)
        elif data["what"] == "supply":
            self._section.supply(Lease(*data["lease"]))
        elif data["what"] == "abandon":
            self._section.abandon(is_told=True)
        elif data["what"] == "collect":
            self._report(self._section)
        elif data["what"] == "dismiss":
            self._section = None
            self._user_class.retire()

    def _accept(self, **data: Any) -> None:
        """Prepare for a run, unless that has been done or cannot be."""
        if data["run"] == self._run:
            return
        brief = Brief(**data)
        self._run, self._released_ns, self._section = brief.run, None, None
        self._before = cpu_use.now()  # of a section without a request, which is done when it is released
        if brief.example_digest != example_digest(self._recipe):
            self._tell("briefed", problem=f"has other inputs for {self._recipe.name} than the master: update its files")
            return
        self._tell("briefed", problem="")
        self._section = join(self._user_class, self._recipe, brief, self)

    def _tell_progress(self, section: Section) -> None:
        """Say once a second how far the section is, so that something is known should this process die."""
        while section is self._section and not section.is_closed:
            self._tell("progress", tally=section.tally)
            gevent.sleep(PROGRESS_S)

    def _report(self, section: Section) -> None:
        """Hand in everything, Locust's statistics first: the master has both whole when the last part is there."""
        section.close()
        statistics: dict[str, Any] = {}
        self._environment.events.report_to_master.fire(client_id=self._runner.client_id, data=statistics)
        self._runner.send_message("stats", statistics)
        records = section.records.since(self._released_ns or 0)
        for first in range(0, max(1, len(records)), RECORDS_PER_MESSAGE):
            part = [records[place] for place in range(first, min(first + RECORDS_PER_MESSAGE, len(records)))]
            is_whole = first + len(part) == len(records)
            self._tell("records", tally=section.tally, records=part, is_whole=is_whole)
            gevent.sleep(0)
