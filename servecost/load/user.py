"""The user: one client of the served model, on one connection, one request in flight.

Owns what a user does and reads the clock for each of its requests. A recipe's locustfile is a subclass that names the
recipe. Locust's event hooks that make a run of many users are connected here, once, whichever locustfile is loaded.
"""

import reprlib
import time
from typing import ClassVar
from uuid import uuid4

import gevent
from locust import User, events, task
from locust.exception import StopUser

from servecost.core import answers
from servecost.core.recipe import Recipe
from servecost.core.verdicts import Verdict
from servecost.load.connection import Connection, NoAnswer, RequestTimedOut
from servecost.load.payloads import Payload, Payloads, Request
from servecost.load.plugin.options import add_arguments
from servecost.load.plugin.start import prepare
from servecost.load.records import Record
from servecost.load.run_spec import Brief
from servecost.load.worker_share import WRONG_ANSWER, Section
from systems.fastdeploy import wire

# A warm-up is one example: what takes longer than this is no server of the recipe.
WARM_UP_TIMEOUT_S = 120
WAIT_S = 0.05


class RecipeUser(User):
    """A client that sends its share of a run's requests, as fast as the answers come.

    Attributes:
        recipe: the name of a recipe of this project, or the path of a recipe folder.
    """

    abstract = True
    recipe: str = ""

    _payloads: ClassVar[Payloads]
    _section: ClassVar[Section | None] = None
    _brief: ClassVar[Brief]
    _input_type: ClassVar[str]
    _request_name: ClassVar[str]

    @classmethod
    def take_part(cls, chosen: Recipe, payloads: Payloads, section: Section, brief: Brief) -> None:
        """Give all users of this process the run that they take part in."""
        cls._payloads, cls._section, cls._brief = payloads, section, brief
        cls._input_type = chosen.input_type  # found by trying to encode the example: nothing to do for every request
        cls._request_name = f"{chosen.name} batch_size={brief.batch_size}"

    @classmethod
    def retire(cls) -> None:
        """Have users that are started from now on wait for the next run."""
        cls._section = None

    def on_start(self) -> None:
        """Connect, warm up, and wait for the release."""
        while (section := type(self)._section) is None:  # a worker that has come late is given no run at all
            gevent.sleep(WAIT_S)
        self._part = section
        self._connection = Connection(self.host or "", wire.CONTENT_TYPES[self._input_type])
        if self._part.refusal.is_valid and self._is_warm():
            self._number = self._part.arrive()
        self._part.released.wait()  # after a refusal, until the conductor has ended the run

    def on_stop(self) -> None:
        """Close the connection, if there is one."""
        if hasattr(self, "_connection"):
            self._connection.close()

    @task
    def send_requests(self) -> None:
        """Send request after request, each as soon as the last is answered, until none is left for anybody."""
        for request in self._part.requests():
            self._send(request, self._payloads.of(request))
        raise StopUser

    def _is_warm(self) -> bool:
        """Send requests of one example that are recorded nowhere; refuse the run unless each is answered rightly."""
        payload = self._payloads.of(Request(number=-1, first_input=0, examples=1))
        for _ in range(self._brief.warm_ups):
            unique_id = uuid4().hex
            path = wire.path(self._input_type, unique_id)
            try:
                failure = self._wrong(*self._connection.post(path, payload.body, WARM_UP_TIMEOUT_S), payload, unique_id)
            except NoAnswer as error:
                self._part.refuse(Verdict("host", f"no warm-up at {self.host}: {error}"), is_host=True)
                return False
            if failure:
                self._part.refuse(Verdict("host", f"no warm-up at {self.host}: {failure}"))
                return False
        return True

    def _send(self, request: Request, payload: Payload) -> None:
        """Send one request, check its answer after its clock has stopped, and report it to Locust and to the run."""
        status, answer, failure = 0, b"", ""
        unique_id = f"{self._brief.run}-{request.number}"
        path = wire.path(self._input_type, unique_id)
        sent_ns = time.perf_counter_ns()
        try:
            status, answer = self._connection.post(path, payload.body, self._brief.request_timeout_s)
        except NoAnswer as error:
            failure = str(error)
            if isinstance(error, RequestTimedOut):
                self._part.abandon()  # a server that has stopped answering would cost every user a time-out more
        except gevent.GreenletExit:
            self._part.refuse(Verdict("users", "a user was stopped in the middle of a request"))
            raise
        answered_ns = time.perf_counter_ns()
        if self._part.is_closed:  # the run was broken off meanwhile: what is counted has been handed in
            return
        failure = failure or self._wrong(status, answer, payload, unique_id)
        self.environment.events.request.fire(
            request_type="POST",
            name=self._request_name,
            response_time=(answered_ns - sent_ns) / 1e6,
            response_length=len(answer),
            exception=failure or None,
        )
        self._part.record(Record(request.number, self._number, request.examples, sent_ns, answered_ns, failure))

    def _wrong(self, status: int, answer: bytes, payload: Payload, unique_id: str) -> str:
        """Return what is wrong with an answer, in one line, or nothing."""
        try:
            predictions = wire.decode(answer, self._input_type, unique_id)
        except wire.BadAnswer as error:
            return str(error) if status == 200 else f"HTTP {status}: {error}"
        if status != 200:
            return f"HTTP {status} with predictions"
        if len(predictions) != len(payload.expected):
            return f"{WRONG_ANSWER}: {len(predictions)} predictions for {len(payload.expected)} inputs"
        for place, (expected, prediction) in enumerate(zip(payload.expected, predictions, strict=True)):
            if not answers.same(expected, prediction):
                return f"{WRONG_ANSWER} to input {place}: {reprlib.repr(prediction)}, not {reprlib.repr(expected)}"
        return ""


events.init.add_listener(prepare)
events.init_command_line_parser.add_listener(add_arguments)
