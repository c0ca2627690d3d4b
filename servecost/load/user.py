"""The user: one client of the served recipe, on one connection, with one request in flight.

Owns what a user does, and reads the clock for each of its requests. A recipe's locustfile is a subclass that names the
recipe. Locust's events that turn many users into a run are connected here, once, whichever locustfile is loaded.
"""

import reprlib
import time
from typing import ClassVar
from uuid import uuid4

import gevent
from locust import User, events, task
from locust.exception import StopUser

from servecost.core import answers
from servecost.core.system import BadAnswer
from servecost.core.verdicts import Verdict
from servecost.load import active_clock
from servecost.load.arrivals import Arrivals, ClosedLoop
from servecost.load.connection import Connection, NoAnswer, RequestTimedOut
from servecost.load.payloads import Payload, Request
from servecost.load.plugin.options import add_arguments
from servecost.load.plugin.start import set_up
from servecost.load.records import Record
from servecost.load.run_spec import AttachedRun
from servecost.load.tally import WRONG_ANSWER

# The first request is of one example: a server that takes longer than this is none for the recipe.
WARM_UP_TIMEOUT_S = 120
POLL_S = 0.05
CHECKED_AT_ONCE = 16  # so many answers of a request; each may be a long list


class RecipeUser(User):
    """A client that sends its share of a run's requests, each when it is due.

    Attributes:
        recipe: the name of a recipe of this project, or the path of a recipe folder.
        arrivals: the schedule of the requests.
    """

    abstract = True
    recipe: str = ""
    arrivals: ClassVar[Arrivals] = ClosedLoop()

    _attached: ClassVar[AttachedRun | None] = None

    @classmethod
    def attach_run(cls, run: AttachedRun) -> None:
        """Give the run to all users of this process."""
        cls._attached = run

    @classmethod
    def detach_run(cls) -> None:
        """Detach the run; users spawned later wait for the next one."""
        cls._attached = None

    def on_start(self) -> None:
        """Connect, send the untimed requests of this user, and wait for the release."""
        while (run := type(self)._attached) is None:  # always so on a worker that joins late
            gevent.sleep(POLL_S)
        try:
            self._join(run)
        except Exception as error:  # noqa: BLE001  # whatever it is: the run waits for every user
            run.share.refuse(Verdict("users", f"a user could not start: {type(error).__name__}: {error}"))
        run.share.released.wait()  # after a refusal, until Locust stops the users

    def _join(self, run: AttachedRun) -> None:
        """Take part in a run: connect, and send untimed requests until it is released."""
        self._spec, self._request_name = run.spec, run.request_name
        self._wire, self._payloads, self._share = run.wire, run.payloads, run.share
        self._connection = Connection(self.host or "")
        if self._share.refusal.is_valid and self._check_host():
            self._number = self._share.add_user()
            for _ in self._share.waves.take(self._number):
                self._send_untimed(self._payloads.of(self._spec.load.request(0)))
        self._opened = self._connection.opened

    def on_stop(self) -> None:
        """Close the connection if there is one."""
        if hasattr(self, "_connection"):
            self._connection.close()

    @task
    def send_requests(self) -> None:
        """Send one request after the other, each when it is due, until none is left for any user."""
        try:
            for request in self._share.take_requests():
                due_ns = self.arrivals.due_ns(request.number)
                if due_ns is not None:
                    self._wait_until(due_ns)
                self._send(request, self._payloads.of(request))
        except Exception as error:  # noqa: BLE001  # whatever it is: the run waits for every request
            self._share.refuse(Verdict("users", f"a user failed: {type(error).__name__}: {error}"))
        raise StopUser

    def _wait_until(self, due_ns: int) -> None:
        assert self._share.released_ns is not None
        wait_ns = self._share.released_ns + due_ns - time.perf_counter_ns()
        if wait_ns > 0:
            gevent.sleep(wait_ns / 1e9)

    def _check_host(self) -> bool:
        """Send untimed requests of one example; return False, and refuse the run, if an answer is wrong or missing."""
        payload = self._payloads.of(Request(number=-1, first_input=0, examples=1))
        for _ in range(self._spec.warm_ups):
            request_id = uuid4().hex
            try:
                answered = self._connection.post(self._wire.path(request_id), payload.body, WARM_UP_TIMEOUT_S)
            except NoAnswer as error:
                self._share.refuse(Verdict("host", f"no warm-up at {self.host}: {error}"), is_misuse=True)
                return False
            if failure := self._check(*answered, payload, request_id):
                self._share.refuse(Verdict("host", f"no warm-up at {self.host}: {failure}"))
                return False
        return True

    def _send_untimed(self, payload: Payload) -> None:
        """Send one request of a wave, which is in no account of the run's requests."""
        status, answer, failure, request_id = 0, b"", "", uuid4().hex
        try:
            status, answer = self._connection.post(
                self._wire.path(request_id), payload.body, self._spec.request_timeout_s
            )
        except NoAnswer as error:
            failure = str(error)
        except gevent.GreenletExit:
            self._share.refuse(Verdict("users", "a user was stopped in the middle of a warm-up"))
            raise
        answered_ns = time.perf_counter_ns()
        self._share.waves.note(answered_ns, failure or self._check(status, answer, payload, request_id))

    def _send(self, request: Request, payload: Payload) -> None:
        """Send one request, check its answer after its clock has stopped, and report it to Locust and to the run."""
        status, answer, failure = 0, b"", ""
        request_id = f"{self._spec.run}-{request.number}"
        path = self._wire.path(request_id)
        sent_ns = time.perf_counter_ns()
        try:
            status, answer = self._connection.post(path, payload.body, self._spec.request_timeout_s)
        except NoAnswer as error:
            failure = str(error)
            if isinstance(error, RequestTimedOut):
                self._share.abandon()  # a server that has stopped answering would cost each user one more time-out
        except gevent.GreenletExit:
            self._share.refuse(Verdict("users", "a user was stopped in the middle of a request"))
            raise
        answered_ns = time.perf_counter_ns()
        failure = failure or self._check(status, answer, payload, request_id)
        if self._share.is_closed:  # the run was cut short meanwhile: the records have been collected
            return
        self._share.reconnections += self._connection.opened - self._opened
        self._opened = self._connection.opened
        self.environment.events.request.fire(
            request_type="POST",
            name=self._request_name,
            response_time=active_clock.OWN.between_ns(sent_ns, answered_ns) / 1e6,
            response_length=len(answer),
            exception=failure or None,
        )
        self._share.record(Record(request.number, self._number, request.examples, sent_ns, answered_ns, failure))

    def _give_way(self) -> None:
        """Let what else is due be done: another user's answer may be there, and a master waits for heartbeats."""
        try:
            gevent.sleep(0)
        except gevent.GreenletExit:
            self._share.refuse(Verdict("users", "a user was stopped in the middle of a request"))
            raise

    def _check(self, status: int, answer: bytes, payload: Payload, request_id: str) -> str:
        """Return in one line what is wrong with an answer; nothing if it is correct."""
        try:
            predictions = self._wire.predictions(status, answer, request_id)
        except BadAnswer as error:
            return str(error) if status == 200 else f"HTTP {status}: {error}"
        except Exception as error:  # noqa: BLE001  # somebody else's wire: a user that it ends would never be done
            return f"HTTP {status}: answer cannot be read: {type(error).__name__}: {error}"
        if status != 200:
            return f"HTTP {status} with predictions"
        if len(predictions) != len(payload.expected):
            return f"{WRONG_ANSWER}: {len(predictions)} predictions for {len(payload.expected)} inputs"
        for place, (expected, prediction) in enumerate(zip(payload.expected, predictions, strict=True)):
            if place and place % CHECKED_AT_ONCE == 0:
                self._give_way()
            if not answers.same(expected, prediction):
                return f"{WRONG_ANSWER} to input {place}: {reprlib.repr(prediction)}, not {reprlib.repr(expected)}"
        return ""


events.init.add_listener(set_up)
events.init_command_line_parser.add_listener(add_arguments)
