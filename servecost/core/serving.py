"""Starts a server: from a copy of the recipe, process after process, until the example is answered correctly.

Owns the order of these steps and their limits. How a process is started is given: the bench starts a keeper for each, a
container does not. Standard library only.
"""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Sequence
from urllib.parse import urlsplit
from uuid import uuid4

from servecost.core import answers, call_log, layout
from servecost.core.recipe import Recipe, copy_to
from servecost.core.system import BadAnswer, Served, ServerProcess, System, Unanswerable

START_LIMIT_S = 1800  # a slow model may be tried in batches of up to 1024 before it is served
POLL_S = 0.1
# A server that takes connections and closes them is up, and fails. While it starts it may do so for a moment.
CLOSING_LIMIT_S = 20


class ServerFailed(Exception):
    """The server did not start, ended, or gives wrong answers; the message says why, with its last log lines."""


class CannotAnswer(ServerFailed):
    """The system has no form for the predictor's answers, so it was ended before it was asked."""


class _Closed(Exception):
    """The server took a connection and closed it."""


class Running:
    """A process of a server, as far as starting and watching it goes.

    Attributes:
        name: what it is called in messages.
    """

    name: str

    @property
    def exit_code(self) -> int | None:
        """Its exit code, or None while it runs."""
        raise NotImplementedError

    def describe_end(self) -> str:
        """Return in a few words how it ended, once it has."""
        raise NotImplementedError

    def describe_log(self) -> str:
        """Return the end of its log, with the log's path; nothing if it keeps none."""
        return ""


@dataclass(frozen=True)
class Launcher:
    """How the processes of a server are started.

    Attributes:
        start: starts one process of the server.
        tick: called often while the server starts.
    """

    start: Callable[[ServerProcess], Running]
    tick: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class _Start:
    """A server whose processes have been started."""

    system: System
    served: Served
    recipe: Recipe
    processes: Sequence[Running]


def prepare_copy(recipe: Recipe, folder: Path) -> Path:
    """Copy a recipe into ``folder`` and have the copy's predictor log its calls; return the copy's folder."""
    copy = copy_to(recipe, folder)
    call_log.install(str(copy), awaited=layout.EXPECTED_JSON)
    return copy


def start(
    system: System, served: Served, recipe: Recipe, expected: Callable[[], list[Any]], launcher: Launcher
) -> list[Running]:
    """Start a server and return its processes once it answers the example as ``expected``. Raises ServerFailed.

    ``expected`` returns the direct arm's answers to the example and may wait for them while the server loads its model:
    the server's predictor is not called before.
    """
    started: list[Running] = []
    for process in system.processes(served):
        started.append(launcher.start(process))
        if len(started) == 1:
            right = expected()
            _check_answers(system, recipe, right)
            answers.write(served.copy / layout.EXPECTED_JSON, right)
        _wait_until_up(process, started, launcher.tick)
    _wait_until_right(_Start(system, served, recipe, started), expected(), launcher.tick)
    return started


def _check_answers(system: System, recipe: Recipe, right: Sequence[Any]) -> None:
    try:
        system.wire(recipe.input_type).check_answers(right)
    except Unanswerable as error:
        raise CannotAnswer("{}: {}".format(system.label, error)) from error


def check_alive(processes: Sequence[Running]) -> None:
    """Raise ServerFailed if one of the processes has ended."""
    for process in processes:
        if process.exit_code is not None:
            raise _failure("its {} process {}".format(process.name, process.describe_end()), [process])


def ask(system: System, served: Served, recipe: Recipe) -> list[Any]:
    """Return the server's answers to the example. Raises OSError, HTTPException, and BadAnswer."""
    status, answer, request_id = _post_example(system, served, recipe)
    return system.wire(recipe.input_type).predictions(status, answer, request_id)


def _post_example(system: System, served: Served, recipe: Recipe) -> tuple[int, bytes, str]:
    wire, request_id = system.wire(recipe.input_type), uuid4().hex
    body = wire.body(recipe.example)
    url = urlsplit(served.address)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=START_LIMIT_S)
    try:
        headers = {"Content-Type": body.content_type, **dict(body.headers)}
        connection.request("POST", wire.path(request_id), body.content, headers)
        response = connection.getresponse()
        return response.status, response.read(), request_id
    finally:
        connection.close()


def _wait_until_up(process: ServerProcess, started: Sequence[Running], tick: Callable[[], None]) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while not process.is_up():
        tick()
        check_alive(started)
        if time.monotonic() > deadline:
            raise _failure("its {} process is not ready after {} s".format(process.name, START_LIMIT_S), started)
        time.sleep(POLL_S)


def _wait_until_right(start: _Start, expected: list[Any], tick: Callable[[], None]) -> None:
    closing_since_s: float | None = None
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        check_alive(start.processes)
        try:
            given, closing_since_s = _ask_once(start), None
        except _Closed as error:
            given, closing_since_s = None, closing_since_s or time.monotonic()
            if time.monotonic() - closing_since_s > CLOSING_LIMIT_S:
                said = "it has closed every connection without an answer for {} s: {}".format(CLOSING_LIMIT_S, error)
                raise _failure(said, start.processes) from error
        if given is None:
            tick()
            time.sleep(POLL_S)
        elif answers.same(expected, given):
            return
        else:
            problem = "the example is answered with {!r}, but called directly it gives {!r}".format(given, expected)
            raise _failure(problem, start.processes)
    raise _failure("no answer within {} s".format(START_LIMIT_S), start.processes)


def _ask_once(start: _Start) -> list[Any] | None:
    """Return the server's answers to the example, or None as long as it is loading.

    Raises _Closed if it took the connection and closed it.
    """
    try:
        status, answer, request_id = _post_example(start.system, start.served, start.recipe)
        if status in start.system.loading_statuses:
            return None
        return start.system.wire(start.recipe.input_type).predictions(status, answer, request_id)
    except ConnectionRefusedError:  # nobody listens yet
        return None
    except ConnectionError as error:
        raise _Closed("{}: {}".format(type(error).__name__, error)) from error
    except (OSError, http.client.HTTPException, BadAnswer) as error:
        raise _failure("the example is not answered: {}".format(error), start.processes) from error


def _failure(reason: str, processes: Sequence[Running]) -> ServerFailed:
    logs = [log for log in (process.describe_log() for process in processes) if log]
    return ServerFailed("\n".join([reason, *logs]))
