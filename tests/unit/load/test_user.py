"""What a user does with its requests and their answers."""

import json
from dataclasses import replace
from typing import Any

import gevent
import pytest
from locust.env import Environment
from locust.exception import StopUser

from servecost.core import stops
from servecost.core.inputs import ExampleInputs
from servecost.core.stops import Stop
from servecost.core.system import Body
from servecost.core.verdicts import Verdict
from servecost.load import active_clock
from servecost.load.active_clock import ActiveClock
from servecost.load.connection import NoAnswer, RequestTimedOut
from servecost.load.leases import Lease
from servecost.load.payloads import Load, Payload, Payloads
from servecost.load.run_spec import AttachedRun
from servecost.load.user import CHECKED_AT_ONCE, RecipeUser
from servecost.load.waves import Wave
from servecost.load.worker_share import WorkerShare
from tests.unit.load.fakes import SPEC, Listener, ListWire

EXPECTED = ["A", "B", "C"]


class EchoUser(RecipeUser):
    recipe = "echo"


class Server:
    """A connection whose answers are given, or are correct."""

    def __init__(self, *answers: tuple[int, bytes] | BaseException) -> None:
        self._answers = list(answers)
        self.posted: list[tuple[str, Body, float]] = []
        self.opened, self.opens_anew = 0, False

    def post(self, path: str, body: Body, timeout_s: float) -> tuple[int, bytes]:
        self.posted.append((path, body, timeout_s))
        self.opened += self.opens_anew
        correct = json.dumps({"predictions": [text.upper() for text in json.loads(body.content)]}).encode()
        answer = self._answers.pop(0) if self._answers else (200, correct)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def close(self) -> None: ...


def user_of(server: Any, requests: int = 3, user_class: type[RecipeUser] = EchoUser):
    """Return a user whose share has been released, and its share."""
    listener = Listener()
    load = Load(2, 2 * requests)
    share = WorkerShare(load, listener)
    payloads = Payloads(ExampleInputs(["a", "b", "c"]), ListWire(), EXPECTED)
    user_class.attach_run(AttachedRun(SPEC, "echo batch_size=2", ListWire(), payloads, share))
    share.release(Lease(0, requests, True), 0)
    user = user_class(Environment())
    user.on_start()
    user._connection = server
    return user, share


@pytest.mark.parametrize(("opens_anew", "reconnections"), [(False, 0), (True, 3)])
def test_connections_that_are_opened_anew_are_counted(opens_anew: bool, reconnections: int):
    """What that takes is within the run's seconds."""
    server = Server()
    server.opens_anew = opens_anew
    user, share = user_of(server)
    with pytest.raises(StopUser):
        user.send_requests()
    assert share.tally.reconnections == reconnections


def test_a_user_sends_requests_until_none_is_left():
    """Each with its id in the path, and each reported to Locust and to the run."""
    server, reported = Server(), []
    user, share = user_of(server)
    user.environment.events.request.add_listener(lambda **fields: reported.append(fields))
    with pytest.raises(StopUser):
        user.send_requests()
    assert [path for path, _, _ in server.posted] == [f"/predict/run-1-{number}" for number in range(3)]
    assert {timeout_s for _, _, timeout_s in server.posted} == {SPEC.request_timeout_s}
    assert [record.failure for record in share.records] == [""] * 3
    assert [(fields["name"], fields["exception"]) for fields in reported] == [("echo batch_size=2", None)] * 3


CORRECT = b'{"predictions": ["A", "B"]}'


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ((200, CORRECT), ""),
        ((200, b"<html>"), "answer is not json: b'<html>'"),
        ((501, b"<html>"), "HTTP 501: answer is not json: b'<html>'"),
        ((201, CORRECT), "HTTP 201 with predictions"),
        ((200, b'{"predictions": ["A"]}'), "wrong answer: 1 predictions for 2 inputs"),
        ((200, b'{"predictions": ["A", "b"]}'), "wrong answer to input 1: 'b', not 'B'"),
        (NoAnswer("ConnectionResetError: reset"), "ConnectionResetError: reset"),
    ],
)
def test_an_answer_is_correct_or_a_failure_in_one_line(answer, failure):
    """By status, form and content."""
    user, share = user_of(Server(answer), requests=1)
    with pytest.raises(StopUser):
        user.send_requests()
    assert [record.failure for record in share.records] == [failure]


def test_a_wire_that_fails_is_a_failure_and_ends_no_user():
    """A user without an end would be waited for without end."""
    user, share = user_of(Server(), requests=1)
    user._wire.predictions = lambda status, answer, request_id: json.loads("{}")["x"]
    with pytest.raises(StopUser):
        user.send_requests()
    assert [record.failure for record in share.records] == ["HTTP 200: answer cannot be read: KeyError: 'x'"]


def test_s26_a_user_that_checks_many_answers_gives_way_to_others():
    """Their answers are there meanwhile, and a master takes a silent worker for a lost one."""
    seen: list[str] = []
    many = 3 * CHECKED_AT_ONCE
    correct = json.dumps({"predictions": ["A"] * many}).encode()
    user, _ = user_of(Server((200, correct)), requests=1)
    payload = Payload(Body(b"", "text/plain"), ["A"] * many)
    beside = gevent.spawn(lambda: seen.append("other"))
    assert user._check(200, correct, payload, "id") == ""
    assert seen == ["other"]
    beside.join()


def test_a_user_that_is_stopped_while_it_checks_refuses_the_run(monkeypatch):
    """Its request would be in no account."""
    user, share = user_of(Server(), requests=1)

    def stop(seconds: float) -> None:
        raise gevent.GreenletExit

    monkeypatch.setattr(gevent, "sleep", stop)
    with pytest.raises(gevent.GreenletExit):
        user._give_way()
    assert share.refusal == Verdict("users", "a user was stopped in the middle of a request")


def test_a_time_out_abandons_the_run():
    """A server that has stopped answering would cost each user one more."""
    user, share = user_of(Server(RequestTimedOut("no answer within 60 s")), requests=3)
    with pytest.raises(StopUser):
        user.send_requests()
    assert [record.failure for record in share.records] == ["no answer within 60 s"]
    assert share._listener.events[-2:] == [("abandoned",), ("done", share.records[0].answered_ns)]


class OpenLoop:
    """The first request is due at the release, the second an hour later, the third when a user is free."""

    def due_ns(self, request: int) -> int | None:
        return [0, 3600 * 10**9, None][request]


def test_a_user_waits_until_a_request_is_due(monkeypatch):
    """And not if it is late already."""
    slept: list[float] = []

    class OpenLoopUser(EchoUser):
        arrivals = OpenLoop()

    user, share = user_of(Server(), user_class=OpenLoopUser)
    monkeypatch.setattr(gevent, "sleep", slept.append)
    monkeypatch.setattr("time.perf_counter_ns", lambda: 10**9)
    with pytest.raises(StopUser):
        user.send_requests()
    assert slept == [3599]
    assert len(share.records) == 3


@pytest.mark.parametrize(
    ("answer", "verdict", "is_misuse"),
    [
        (NoAnswer("refused"), Verdict("host", "no warm-up at http://host: refused"), True),
        ((500, b"{}"), Verdict("host", "no warm-up at http://host: HTTP 500: answer has no list 'predictions'"), False),
    ],
)
def test_a_warm_up_without_a_correct_answer_refuses_the_run(answer, verdict, is_misuse):
    """Nothing is timed that is known to be wrong."""
    user, share = user_of(Server())
    user.host, user._connection, user._spec = "http://host", Server(answer), replace(SPEC, warm_ups=2)
    assert not user._check_host()
    assert ("refused", verdict, is_misuse) in share._listener.events


def wave_of(share: WorkerShare, user) -> Wave:
    """Return the wave that one user has sent."""
    share.waves.begin(1, 0)
    user._send_untimed(user._payloads.of(user._spec.load.request(0)))
    listener: Any = share._listener
    wave = listener.events[-1][1]
    assert isinstance(wave, Wave)
    return wave


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ((200, CORRECT), ""),
        ((200, b'{"predictions": ["A", "b"]}'), "wrong answer to input 1: 'b', not 'B'"),
        (RequestTimedOut("no answer within 60 s"), "no answer within 60 s"),
    ],
)
def test_an_untimed_request_is_of_the_batch_size_and_in_no_account(answer, failure):
    """Its answer is checked as any other."""
    server, reported = Server(answer), []
    user, share = user_of(server)
    user.environment.events.request.add_listener(lambda **fields: reported.append(fields))
    wave = wave_of(share, user)
    assert (wave.requests, wave.failure) == (1, failure)
    assert wave.ended_ns > 0
    ((path, body, timeout_s),) = server.posted
    assert (json.loads(body.content), timeout_s) == (["a", "b"], SPEC.request_timeout_s)
    assert SPEC.run not in path
    assert reported == []
    assert len(share.records) == 0


def test_a_user_that_is_stopped_in_a_warm_up_refuses_the_run():
    """The wave would never end."""
    user, share = user_of(Server(gevent.GreenletExit()))
    share.waves.begin(1, 0)
    with pytest.raises(gevent.GreenletExit):
        user._send_untimed(user._payloads.of(user._spec.load.request(0)))
    assert share.refusal == Verdict("users", "a user was stopped in the middle of a warm-up")


def test_times_that_locust_is_told_are_less_the_stops(tmp_path, monkeypatch):
    """A request that overlaps a stop is as long as without it."""
    path, reported, now_ns = tmp_path / "stops.csv", [], iter([1_000_000, 9_000_000])
    monkeypatch.setattr(active_clock, "OWN", ActiveClock(path))
    user, share = user_of(Server(), requests=1)
    user.environment.events.request.add_listener(lambda **fields: reported.append(fields["response_time"]))
    stops.append(path, Stop(2_000_000, 7_000_000))
    monkeypatch.setattr("time.perf_counter_ns", lambda: next(now_ns))
    with pytest.raises(StopUser):
        user.send_requests()
    assert reported == [3.0]
    assert [(record.sent_ns, record.answered_ns) for record in share.records] == [(1_000_000, 9_000_000)]


def test_users_that_are_spawned_after_a_run_wait_for_the_next():
    """They are given no run that is over."""
    user_of(Server())
    EchoUser.detach_run()
    waiting = gevent.spawn(EchoUser(Environment()).on_start)
    gevent.sleep(0)
    assert not waiting.ready()
    waiting.kill()


def test_a_user_that_cannot_start_refuses_the_run():
    """Whatever is raised: a user without an end would be waited for without end."""

    class Broken(EchoUser):
        host = "http://127.0.0.1:80a80"

    _, share = user_of(Server(), user_class=Broken)
    assert share.refusal.rule == "users"
    assert share.refusal.reason.startswith("a user could not start: ValueError: ")


def test_a_user_that_fails_refuses_the_run():
    """Not at an answer, but in something that nobody has thought of."""
    user, share = user_of(Server())
    none: dict[str, str] = {}
    user._wire.path = lambda request_id: none["x"]
    with pytest.raises(StopUser):
        user.send_requests()
    assert share.refusal == Verdict("users", "a user failed: KeyError: 'x'")
