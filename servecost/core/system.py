"""The seam that every folder in ``systems/`` fills: who serves a recipe, how it is started, spoken to and asked.

Owns the types. A system is a description: it starts nothing and sends nothing itself. ``servecost.core.systems`` finds
it by its folder, the bench starts the processes that it names, and the load speaks to them through its wire.
"""

from __future__ import annotations

import copy
import signal
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Sequence

LOOPBACK = "127.0.0.1"
ALL_ADDRESSES = ("0.0.0.0", "")
# For so long a server keeps an idle connection, which every one has: users wait for the release, and an arm rests.
KEEP_ALIVE_S = "3600"
# Between the name of a system's folder and that of a variant.
VARIANT_SIGN = "+"


class BadAnswer(ValueError):
    """The server's answer holds no list of predictions; the message is one line that says what it is instead."""


class Unanswerable(ValueError):
    """A system has no form for the predictor's answers; the message is one line that says what would be right."""


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

    @abstractmethod
    def inputs(self, content: bytes) -> list[Any]:
        """Return the inputs that a request's body holds, as the null system does in the system's place."""

    @abstractmethod
    def answer(self, predictions: Sequence[Any], request_id: str) -> bytes:
        """Return what the system answers a request with, as the null system does in its place."""

    def check_answers(self, answers: Sequence[Any]) -> None:  # noqa: B027  # a system may have a form for anything
        """Raise Unanswerable if the system has no form for such answers, as far as that is known before it is asked."""


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
        input_type: of the recipe's inputs: ``json``, or ``msgpack`` for FILE input.
    """

    copy: Path
    python: str
    host: str
    ports: tuple[int, ...]
    request_timeout_s: int
    settings: Mapping[str, str] = field(default_factory=dict)
    input_type: str = "json"

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
        stop_signal: by which its users end it; its process group gets it.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    is_up: Callable[[], bool] = lambda: True
    stop_signal: int = signal.SIGTERM


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
    """How to ask a server for its own count of requests, in a window of time or since its start.

    Attributes:
        path: the path to get; ``{seconds}`` in it stands for the length of a window up to now, in whole seconds.
        read: returns the number of requests from the answer's text, or None if it holds none.
        remembered_s: the longest window that the server can look back; longer runs are checked by their end. None if
            it counts since its start.
    """

    path: str
    read: Callable[[str], int | None]
    remembered_s: int | None = None


class Variant(NamedTuple):
    """A system with other settings, which is measured as a row of its own, such as one that batches.

    Attributes:
        label: what is added to the system's label.
        settings: the settings that differ from the system's defaults.
    """

    label: str
    settings: Mapping[str, str]


class System(ABC):
    """A serving system.

    Attributes:
        label: what the system is called in print.
        settings: the settings that an experiment may change, with their defaults.
        variants: the same system with other defaults, by what is added to its name: ``batch`` makes ``name+batch``.
        variant: which of the variants this is; nothing for the system itself.
        ports: how many ports it needs.
        programs: what it needs besides packages, by the command's name: what to install.
        can_be_stopped: whether its processes survive a stop (SIGSTOP) in the middle of requests. If not, its pairs are
            undivided: each arm runs in one piece.
        keeps_idle: whether it can be told to keep an idle connection for KEEP_ALIVE_S.
        loading_statuses: HTTP statuses by which it says that it is still loading; any other failure ends its start.
        request_count: how it is asked for its own count of requests, if it keeps one.
        borrows: the names of systems whose wires it speaks, besides those that it imports from.
        choices: what it chooses by itself at its start, by the name of the fact: the setting that holds it.
        configured_by: how the names of the variables begin by which its users configure it. No process of a run
            inherits them from the shell.
        calls_predictor: whether it calls the recipe's predictor. If not, it needs nothing that the recipe requires.
    """

    label: str
    settings: Mapping[str, str] = {}
    variants: Mapping[str, Variant] = {}
    variant: str = ""
    ports: int = 1
    programs: Mapping[str, str] = {}
    can_be_stopped: bool = True
    keeps_idle: bool = True
    loading_statuses: tuple[int, ...] = ()
    request_count: RequestCount | None = None
    borrows: Sequence[str] = ()
    choices: Mapping[str, str] = {}
    configured_by: tuple[str, ...] = ()
    calls_predictor: bool = True

    @property
    def folder(self) -> Path:
        """The folder that holds it."""
        return Path(str(sys.modules[type(self).__module__].__file__)).resolve().parent

    @property
    def name(self) -> str:
        """What it is called in experiments, commands and results: the name of its folder, and of the variant."""
        return VARIANT_SIGN.join(filter(None, (self.folder.name, self.variant)))

    def as_variant(self, variant: str) -> System:
        """Return the variant of that name. Raises KeyError if there is none."""
        label, settings = self.variants[variant]
        found = copy.copy(self)
        found.variant = variant
        found.label = "{}, {}".format(self.label, label)
        found.settings = {**self.settings, **settings}
        return found

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
