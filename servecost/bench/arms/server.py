"""A served recipe: started from a copy, ready once it answers its example rightly, stopped whatever happens.

Owns a server's life. How the system is started is the system's own description (``systems``).
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import requests

from servecost.bench.processes.process import Process, ending, running
from servecost.core import answers, call_log, layout, systems
from servecost.core.recipe import Recipe, copy_to
from systems.fastdeploy import wire

START_LIMIT_S = 1800  # a slow model is tried by fastDeploy in batches of up to 1024 before it is served
POLL_S = 0.1
LOOPBACK = "127.0.0.1"
ALL_ADDRESSES = ("0.0.0.0", "")


class ServerFailed(Exception):
    """The server did not start, or does not answer rightly; the message says why and ends with its last log lines."""


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        address: where, as a client needs it.
        processes: the system's processes.
        facts: what the system has chosen by itself.
        system: who serves.
        copy: the folder that is served.
    """

    address: str
    processes: list[Process]
    facts: dict[str, float]
    system: systems.System
    copy: Path

    def members(self) -> set[tuple[int, float]]:
        """Return the server's processes by id and start: another set is another server."""
        return {(member.pid, member.create_time()) for member in self._members()}

    def cpu_s(self) -> float:
        """Return the CPU seconds that the server's processes have used since they were started."""
        used = 0.0
        for member in self._members():
            with suppress(psutil.Error):
                times = member.cpu_times()
                used += times.user + times.system
        return used

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the server's processes while the ``with`` block lasts: they use nothing, and keep everything."""
        members = list(self._members())
        try:
            for member in members:
                with suppress(psutil.NoSuchProcess):
                    member.suspend()
            yield
        finally:
            for member in members:
                with suppress(psutil.NoSuchProcess):
                    member.resume()

    def _members(self) -> Iterator[psutil.Process]:
        for process in self.processes:
            with suppress(psutil.NoSuchProcess):
                yield from psutil.Process(process.pid).children(recursive=True)

    def calls(self, first: int = 0) -> list[str]:
        """Return the log of the predictor's calls from line ``first`` on; empty if the system calls none."""
        log = self.copy / call_log.LOG
        return log.read_text().splitlines()[first:] if log.exists() else []


@contextmanager
def serving(
    recipe: Recipe,
    system: systems.System,
    expected: Callable[[], list[Any]],
    port: int,
    request_timeout_s: int,
    environment: Mapping[str, str],
    logs: Path,
    tick: Callable[[], None] = lambda: None,
    listen: str = LOOPBACK,
) -> Iterator[Server]:
    """Serve ``recipe`` for as long as the ``with`` block lasts.

    ``expected`` returns the direct arm's answers to the example, and may wait for them while the server loads its
    model: its predictor is not called before. The block is entered once the server gives those answers. Raises
    ServerFailed if it does not. The processes' logs are appended to in the folder ``logs``; ``tick`` is called often
    while the server starts. ``listen`` is the address that it listens on.
    """
    address = f"http://{LOOPBACK if listen in ALL_ADDRESSES else listen}:{port}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="serving-", ignore_cleanup_errors=True)))
        copy = copy_to(recipe, folder)
        call_log.install(str(copy), awaited=layout.EXPECTED_JSON)
        started: list[Process] = []
        for process in system.processes(copy, recipe.python, listen, port, request_timeout_s):
            variables, log = {**environment, **process.environment}, logs / f"{process.name}.log"
            started.append(stack.enter_context(running(process.name, process.command, variables, log)))
            if len(started) == 1:
                answers.write(copy / layout.EXPECTED_JSON, expected())
            wait_until_up(process, started, tick)
        wait_until_right(recipe, expected(), address, started)
        yield Server(address, started, system.facts(copy), system, copy)


def wait_until_up(process: systems.ServerProcess, started: list[Process], tick: Callable[[], None]) -> None:
    """Return once the next process can be started. Raises ServerFailed if one of those started ends before."""
    deadline = time.monotonic() + START_LIMIT_S
    while not process.is_up():
        tick()
        check_alive(started)
        if time.monotonic() > deadline:
            raise failed(f"its {process.name} process is not ready after {START_LIMIT_S} s", started)
        time.sleep(POLL_S)


def wait_until_right(recipe: Recipe, expected: list[Any], address: str, processes: list[Process]) -> None:
    """Return once the example is answered rightly. Raises ServerFailed if a process ends or an answer is wrong."""
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        check_alive(processes)
        try:
            given = ask(recipe, address)
        except requests.ConnectionError:
            time.sleep(POLL_S)
            continue
        except (requests.RequestException, wire.BadAnswer) as error:
            raise failed(f"the example is not answered: {error}", processes) from error
        if not answers.same(expected, given):
            raise failed(
                f"the example is answered with {given!r}, but called directly it gives {expected!r}", processes
            )
        return
    raise failed(f"no answer within {START_LIMIT_S} s", processes)


def ask(recipe: Recipe, address: str) -> list[Any]:
    """Return the server's answers to the example. Raises requests' errors, and BadAnswer."""
    unique_id = uuid4().hex
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the user's has no part in this
        answer = session.post(
            address + wire.path(recipe.input_type, unique_id),
            data=wire.encode(recipe.example, recipe.input_type),
            headers={"Content-Type": wire.CONTENT_TYPES[recipe.input_type]},
            timeout=START_LIMIT_S,
        )
    return wire.decode(answer.content, recipe.input_type, unique_id)


def check_alive(processes: list[Process]) -> None:
    """Raise ServerFailed if one of the server's processes has ended."""
    for process in processes:
        if process.exit_code is not None:
            raise failed(f"its {process.name} process {ending(process.exit_code)}", [process])


def failed(reason: str, processes: list[Process]) -> ServerFailed:
    """Return the error for a server that failed, with the last lines and the path of its logs."""
    logs = "\n".join(f"last lines of {process.log}:\n{process.last_lines()}" for process in processes)
    return ServerFailed(f"{reason}\n{logs}")
