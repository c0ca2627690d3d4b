"""The serving systems under test: one module each, which says how that system is started and what it tells of itself.

A system's module is a description. It starts nothing and sends nothing: ``bench`` runs the processes that it names,
asks the example until it is answered rightly, and stops the whole process tree.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object  # Python 3.7, on which a recipe may have to be served, has none

FOLDER = Path(__file__).resolve().parents[2] / "systems"


@dataclass(frozen=True)
class ServerProcess:
    """One process of a serving system.

    Attributes:
        name: what it is called in messages and in its log's file name.
        command: program and arguments.
        environment: the variables that it needs besides the inherited ones.
        is_up: whether it is far enough for the next of the system's processes to be started.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    is_up: Callable[[], bool] = lambda: True


class RequestRecord(NamedTuple):
    """What a system itself has noted of one request, in seconds on its wall clock.

    Attributes:
        unique_id: the request's.
        received_s: when the system had received it.
        fetched_s: when it was taken from the queue, and the predictor called.
        predicted_s: when the predictor had returned.
        answered_s: when the answer was made.
        predicted_in_batch_of: how many inputs the predictor was called with.
    """

    unique_id: str
    received_s: float
    fetched_s: float
    predicted_s: float
    answered_s: float
    predicted_in_batch_of: int


class System(Protocol):
    """What a module in this folder provides."""

    LABEL: str

    def processes(self, recipe: Path, python: str, host: str, port: int, request_timeout_s: int) -> list[ServerProcess]:
        """Return the processes, in the order of starting, that serve the recipe copied to that folder.

        ``python`` is the interpreter that the recipe's predictor needs; one that calls no predictor may have another.

        The predictor there can be imported at once, but not called before the folder holds the direct arm's answers
        to the example (``servecost.core.layout.EXPECTED_JSON``).
        """

    def facts(self, recipe: Path) -> dict[str, float]:
        """Return what the running system has chosen by itself and what a reader of its numbers has to know."""

    def records(self, recipe: Path, run: str) -> list[RequestRecord]:
        """Return what the system still has on record of the requests whose unique ids begin with ``run``, if it has."""


class UnknownSystem(ValueError):
    """There is no system of that name; the message is one line that lists those that there are."""


def available() -> list[str]:
    """Return the names of the systems in this folder."""
    return sorted(path.parent.name for path in FOLDER.glob("*/system.py"))


def load(name: str) -> System:
    """Return the system of that name. Raises UnknownSystem if there is none."""
    if name not in available():
        raise UnknownSystem("unknown system '{}'; there are: {}".format(name, ", ".join(available())))
    return cast("System", importlib.import_module("systems.{}.system".format(name)))
