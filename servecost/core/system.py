"""The seam that every folder in ``systems/`` fills: who serves a recipe, how it is started, spoken to and asked.

Owns the types. A system is a description: it starts nothing and sends nothing itself. ``servecost.core.systems`` finds
it by its folder, the bench starts the processes that it names, and the load speaks to them through its wire.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Sequence

LOOPBACK = "127.0.0.1"
ALL_ADDRESSES = ("0.0.0.0", "")


class BadAnswer(ValueError):
    """The server's answer holds no list of predictions; the message is one line that says what it is instead."""


class Body(NamedTuple):
    """The body of a request.

    Attributes:
        content: the encoded inputs.
        content_type: the value of the header ``Content-Type``.
        headers: further headers, each a name and a value.
    """

    content: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()


class Wire(ABC):
    """How a system is spoken to about inputs of one type."""

    @abstractmethod
    def body(self, inputs: Sequence[Any]) -> Body:
        """Return the body of a request for these inputs. Called before the clock starts."""

    @abstractmethod
    def path(self, request_id: str) -> str:
        """Return the path to post a request to. Called while the clock runs, so it has to be cheap."""

    @abstractmethod
    def predictions(self, status: int, answer: bytes, request_id: str) -> list[Any]:
        """Return the predictions in an answer, one per input. Called after the request's clock has stopped.

        A system that returns the request's id has it checked here. Raises BadAnswer if the answer has no predictions.
        """


@dataclass(frozen=True)
class Served:
    """A copy of a recipe and how it is served.

    Attributes:
        copy: the folder that is served; it keeps the recipe's name, and servers may write into it.
        python: the interpreter that has the requirements of both the recipe and the system.
        host: the address to listen on.
        ports: as many free ports as the system asks for; requests are sent to the first.
        request_timeout_s: after which a request may be given up; never before.
        settings: the values of the system's settings, by name.
    """

    copy: Path
    python: str
    host: str
    ports: tuple[int, ...]
    request_timeout_s: int
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """The port that requests are sent to."""
        return self.ports[0]

    @property
    def address(self) -> str:
        """The URL that a client on this machine uses."""
        return "http://{}:{}".format(LOOPBACK if self.host in ALL_ADDRESSES else self.host, self.port)


@dataclass(frozen=True)
class ServerProcess:
    """One process of a serving system.

    Attributes:
        name: what it is called in messages and in the name of its log.
        command: program and arguments.
        environment: the variables that it needs besides the inherited ones.
        folder: the folder that it is started in; the bench's own if None.
        is_up: whether the next of the system's processes can be started.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    is_up: Callable[[], bool] = lambda: True


class StageTime(NamedTuple):
    """When one request reached one stage, as the system itself noted it.

    Attributes:
        request_id: the request's id.
        stage: what the system calls the stage, such as ``received``.
        at_s: seconds on the system's wall clock.
    """

    request_id: str
    stage: str
    at_s: float


@dataclass(frozen=True)
class RequestCount:
    """How to ask a server for its own count of requests.

    Attributes:
        path: the path to get; ``{seconds}`` in it stands for the length of a window up to now, in whole seconds.
        read: returns the number of requests from the answer's text, or None if it holds none.
        remembered_s: the longest window that the server can look back; longer runs are checked by their end.
    """

    path: str
    read: Callable[[str], int | None]
    remembered_s: int


class System(ABC):
    """A serving system.

    Attributes:
        label: what the system is called in print.
        settings: the settings that an experiment may change, with their defaults.
        ports: how many ports it needs.
        loading_statuses: HTTP statuses by which it says that it is still loading; any other failure ends its start.
        request_count: how it is asked for its own count of requests, if it keeps one.
        calls_predictor: whether it calls the recipe's predictor. If not, it needs nothing that the recipe requires.
    """

    label: str
    settings: Mapping[str, str] = {}
    ports: int = 1
    loading_statuses: tuple[int, ...] = ()
    request_count: RequestCount | None = None
    calls_predictor: bool = True

    @property
    def folder(self) -> Path:
        """The folder that holds it."""
        return Path(str(sys.modules[type(self).__module__].__file__)).resolve().parent

    @property
    def name(self) -> str:
        """What it is called in experiments, commands and results: the name of its folder."""
        return self.folder.name

    @abstractmethod
    def wire(self, input_type: str) -> Wire:
        """Return how it is spoken to about inputs of that type: ``json``, or ``msgpack`` for FILE input."""

    @abstractmethod
    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the processes that serve the copy, in the order in which they are started.

        The copy's predictor can be imported at once: its import ends when the direct arm's answers are known.
        """

    def facts(self, served: Served) -> dict[str, float]:
        """Return what the running system has chosen by itself, as numbers by name."""
        return {}

    def stages(self, served: Served, run: str) -> Iterable[StageTime]:
        """Yield the stages that the system has on record of the requests whose ids begin with ``run``.

        The stages of a request come in their order.
        """
        return ()
