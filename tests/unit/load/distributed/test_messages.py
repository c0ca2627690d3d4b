"""The messages between a master and its workers survive the network, and others are recognised."""

import pytest
from locust.rpc.protocol import Message

from servecost.core.verdicts import Verdict
from servecost.load.cpu_use import CpuUse
from servecost.load.distributed import messages
from servecost.load.distributed.messages import MESSAGE, Unknown, name_of, pack, unpack
from servecost.load.leases import Lease
from servecost.load.records import Record
from servecost.load.tally import Tally
from tests.unit.load.fakes import SPEC

TALLY = Tally(1, 2, 3, 4, 5, 6)
EACH = [
    messages.Prepare(SPEC),
    messages.Warm(3),
    messages.Release(Lease(0, 10, False)),
    messages.Supply(Lease(10, 5, True)),
    messages.Abandon(),
    messages.Collect(),
    messages.Detach(),
    messages.Accepted(),
    messages.Failed("has other inputs"),
    messages.UsersReady(3),
    messages.Refused(Verdict("host", "no warm-up"), True),
    messages.Warmed(3, 5, ""),
    messages.Warmed(1, 5, "wrong answer"),
    messages.RequestsLow(),
    messages.Abandoned(),
    messages.Progress(TALLY),
    messages.Done(5, 7, CpuUse(1, 2, 3)),
    messages.Done(None, None, CpuUse(1, 2, 3)),
    messages.RecordsPart(TALLY, [Record(0, 1, 2, 3, 4, ""), Record(1, 0, 2, 5, 6, "HTTP 500")], False),
    messages.RecordsPart(TALLY, [], True),
]


def sent(data: object) -> object:
    """Return what arrives of data in one of Locust's messages."""
    return Message.unserialize(Message(MESSAGE, data, "worker").serialize()).data


@pytest.mark.parametrize("message", EACH, ids=name_of)
def test_a_message_arrives_as_it_was_sent(message):
    """With its nested types, which msgpack knows nothing of."""
    run, received = unpack(sent(pack("run-1", message)))
    assert (run, received) == ("run-1", message)
    assert type(received) is type(message)
    for name, value in vars(message).items():
        assert type(getattr(received, name)) is type(value)


def test_every_kind_of_message_is_tried_above():
    """A new kind is added to the list."""
    assert {type(message) for message in EACH} == set(messages.Sent.__args__)


SPEC_OF_ANOTHER_VERSION = {"spec": {"run": "run-1", "batch_size": 1}}


@pytest.mark.parametrize(
    ("data", "run", "kind"),
    [
        ({"run": "run-1", "kind": "Pause", "content": {}}, "run-1", "Pause"),
        ({"run": "run-1", "kind": "Prepare", "content": SPEC_OF_ANOTHER_VERSION}, "run-1", "Prepare"),
        ({"run": "run-1", "kind": "Release", "content": {"lease": [0, 10]}}, "run-1", "Release"),
        ({"run": "run-1", "kind": "Release", "content": {"lease": 3}}, "run-1", "Release"),
        ({"run": "run-1", "kind": "Release", "content": {}}, "run-1", "Release"),
        ({"run": "run-1", "kind": "Release"}, "run-1", "Release"),
        ({"run": "run-1", "kind": "Warm", "content": {}}, "run-1", "Warm"),
        ({"run": "run-1", "kind": "Warmed", "content": {"requests": 3}}, "run-1", "Warmed"),
        ({"run": "run-1", "kind": "Abandon", "content": {"now": True}}, "run-1", "Abandon"),
        (
            {"run": "run-1", "kind": "Refused", "content": {"verdict": {"rule": "new"}, "is_misuse": False}},
            "run-1",
            "Refused",
        ),
        ({"run": "run-1", "what": "brief"}, "run-1", ""),
        ({"kind": ["a"]}, "", "['a']"),
        (None, "", ""),
        ([1, 2], "", ""),
    ],
)
def test_a_message_of_another_version_is_unknown(data, run, kind):
    """It keeps its run and its kind, and raises nothing."""
    assert unpack(sent(data)) == (run, Unknown(kind))
