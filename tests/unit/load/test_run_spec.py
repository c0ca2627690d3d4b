"""The description of a run, and its start within a process."""

from argparse import Namespace
from types import SimpleNamespace

import pytest

from servecost.core import systems
from servecost.core.recipe import Recipe
from servecost.load.leases import Lease
from servecost.load.run_spec import attach, describe_run
from tests.unit.load.fakes import SPEC, Listener, ListWire, Users


@pytest.fixture
def three(tmp_path, monkeypatch) -> Recipe:
    """A recipe of three inputs, served by a system with a wire of plain lists."""
    Users.detach_run()
    monkeypatch.setattr(systems, "load", lambda name: SimpleNamespace(wire=lambda input_type: ListWire()))
    return Recipe("three", tmp_path, ("a", "b", "c"))


def test_the_users_get_the_run_with_its_payloads_encoded(three):
    """And the share that they take requests from."""
    share = attach(Users, three, SPEC, Listener())
    run = Users.attached
    assert run is not None
    assert (run.share, run.request_name) == (share, "three batch_size=2")
    share.supply(Lease(0, 3, True))
    sent = [run.payloads.of(request).body.content for request in share.take_requests()]
    assert sent == [b'["a", "b"]', b'["c", "a"]', b'["b", "c"]']


def test_inputs_that_the_wire_cannot_encode_refuse_the_run(tmp_path, three):
    """In one line that names the recipe, the system and the problem; the users get nothing and nothing hangs."""
    listener = Listener()
    share = attach(Users, Recipe("files", tmp_path, (b"\x00",)), SPEC, listener)
    assert listener.events == [("refused", share.refusal, True)]
    assert share.refusal.rule == "workers"
    assert share.refusal.reason.startswith("no requests for files on system 'lists': TypeError: ")
    assert Users.attached is None


def test_the_inputs_are_the_same_whatever_the_system(three):
    """Workers compare the digest of the inputs, and not of any system's requests."""
    options = Namespace(batch_size=2, examples=6, warm_ups=0, request_timeout=60, system="one")
    specs = [
        describe_run("run-1", Namespace(**{**vars(options), "system": name}), three, ["A"]) for name in ("one", "two")
    ]
    assert [spec.system for spec in specs] == ["one", "two"]
    assert {spec.inputs_digest for spec in specs} == {three.inputs.digest}
    assert specs[0].load.requests == 3
