"""The messages between a master and its workers: one type for each, and how they are packed.

Owns what crosses the network inside Locust's own messages. Locust packs with msgpack, which makes lists of NamedTuples;
nested types are restored here. A message that this version of the project does not know becomes ``Unknown``.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any, get_type_hints

from servecost.core.verdicts import RULES, Verdict
from servecost.load.cpu_use import CpuUse
from servecost.load.leases import Lease
from servecost.load.records import Record
from servecost.load.run_spec import RunSpec
from servecost.load.tally import Tally

MESSAGE = "run"  # Locust's type of all messages here


# From the master to a worker.


@dataclass(frozen=True)
class Prepare:
    """Asks a worker to take part in a run."""

    spec: RunSpec


@dataclass(frozen=True)
class Warm:
    """Lets so many of a worker's users send one untimed request each."""

    users: int


@dataclass(frozen=True)
class Release:
    """Lets a worker's users begin with their first requests."""

    lease: Lease


@dataclass(frozen=True)
class Supply:
    """Gives a worker more requests."""

    lease: Lease


@dataclass(frozen=True)
class Abandon:
    """Makes a worker issue no further request."""


@dataclass(frozen=True)
class Collect:
    """Asks a worker for its statistics and its records."""


@dataclass(frozen=True)
class Detach:
    """Ends the run on a worker."""


# From a worker to the master.


@dataclass(frozen=True)
class Accepted:
    """Reports that the worker takes part in the run."""


@dataclass(frozen=True)
class Failed:
    """Reports why the worker cannot take part, in words that follow its name."""

    problem: str


@dataclass(frozen=True)
class UsersReady:
    """Reports how many users of the worker are connected and have been answered."""

    users: int


@dataclass(frozen=True)
class Refused:
    """Reports why the worker cannot make the run, and whether a wrong option is the cause."""

    verdict: Verdict
    is_misuse: bool


@dataclass(frozen=True)
class Warmed:
    """Reports that the untimed requests have ended: how many, how long that took, and what went wrong, if anything."""

    requests: int
    span_ns: int
    failure: str


@dataclass(frozen=True)
class RequestsLow:
    """Asks for another lease."""


@dataclass(frozen=True)
class Abandoned:
    """Reports that the worker issues no further request because the run cannot become valid."""


@dataclass(frozen=True)
class Progress:
    """Reports how much of the worker's share is done."""

    tally: Tally


@dataclass(frozen=True)
class Done:
    """Reports that all of the worker's requests have ended.

    Clocks of different machines are never compared. So the times are how long ago the last answer arrived, and how
    long after the release; both are None if the worker has sent nothing.
    """

    ago_ns: int | None
    span_ns: int | None
    cpu_use: CpuUse


@dataclass(frozen=True)
class RecordsPart:
    """Hands over some of the worker's records, their times since the release."""

    tally: Tally
    records: list[Record]
    is_last: bool


@dataclass(frozen=True)
class Unknown:
    """Stands for a received message that this version of the project does not know."""

    kind: str


Sent = (
    Prepare
    | Warm
    | Release
    | Supply
    | Abandon
    | Collect
    | Detach
    | Accepted
    | Failed
    | UsersReady
    | Refused
    | Warmed
    | RequestsLow
    | Abandoned
    | Progress
    | Done
    | RecordsPart
)


def pack(run: str, message: Sent) -> dict[str, Any]:
    """Return a message about a run as data that msgpack can pack."""
    content = {field.name: _plain(getattr(message, field.name)) for field in fields(message)}
    return {"run": run, "kind": type(message).__name__, "content": content}


def unpack(data: object) -> tuple[str, Sent | Unknown]:
    """Return the run that received data belongs to and the message in it, Unknown if it is none of this version."""
    envelope: Mapping[str, Any] = data if isinstance(data, dict) else {}
    run, kind = str(envelope.get("run", "")), str(envelope.get("kind", ""))
    if kind not in _KINDS:
        return run, Unknown(kind)
    message_type, restorers = _KINDS[kind]
    try:
        content = {name: restorers[name](value) for name, value in envelope["content"].items()}
        return run, message_type(**content)
    except (AttributeError, KeyError, TypeError, ValueError):  # other fields than this version's
        return run, Unknown(kind)


def name_of(message: Sent | Unknown) -> str:
    """Return the kind of a message, for a line about one that was not expected."""
    return message.kind if isinstance(message, Unknown) else type(message).__name__


def _plain(value: object) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _restore_verdict(content: Mapping[str, str]) -> Verdict:
    verdict = Verdict(**content)
    if verdict.rule not in RULES:
        raise ValueError(verdict.rule)
    return verdict


_RESTORERS: dict[object, Callable[[Any], Any]] = {
    RunSpec: lambda content: RunSpec(**content),
    Verdict: _restore_verdict,
    Lease: lambda values: Lease(*values),
    Tally: lambda values: Tally(*values),
    CpuUse: lambda values: CpuUse(*values),
    list[Record]: lambda records: [Record(*values) for values in records],
}


def _find_restorers(message_type: type[Sent]) -> dict[str, Callable[[Any], Any]]:
    hints = get_type_hints(message_type)
    return {name: _RESTORERS.get(hint, lambda value: value) for name, hint in hints.items()}


_KINDS: dict[str, tuple[type[Sent], dict[str, Callable[[Any], Any]]]] = {
    message_type.__name__: (message_type, _find_restorers(message_type)) for message_type in Sent.__args__
}
