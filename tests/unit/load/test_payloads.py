"""How N examples become requests, and what each request sends."""

import pytest

from servecost.core.inputs import ExampleInputs
from servecost.load.payloads import Load, Payloads, Request
from tests.unit.load.fakes import ListWire


@pytest.mark.parametrize(
    ("examples", "batch_size", "sizes"),
    [
        (1, 1, [1]),
        (10, 3, [3, 3, 3, 1]),
        (9, 3, [3, 3, 3]),
        (2, 512, [2]),
        (512, 512, [512]),
        (513, 512, [512, 1]),
    ],
)
def test_examples_are_split_into_full_requests_and_one_rest(examples, batch_size, sizes):
    """Every request is full but the last, and the sizes add up to the examples."""
    load = Load(batch_size, examples)
    requests = [load.request(number) for number in range(load.requests)]
    assert [request.examples for request in requests] == sizes
    assert [request.number for request in requests] == list(range(len(sizes)))
    assert [request.first_input for request in requests] == [sum(sizes[:number]) for number in range(len(sizes))]


@pytest.fixture
def payloads() -> Payloads:
    """Payloads of three inputs, each with its answer."""
    return Payloads(ExampleInputs(["a", "b", "c"]), ListWire(), ["A", "B", "C"])


def test_a_request_carries_the_inputs_at_its_place_in_the_run(payloads):
    """The inputs repeat, each with its own expected answer, in the encoding of the system's wire."""
    payload = payloads.of(Request(number=2, first_input=4, examples=4))
    assert payload.body == ListWire().body(["b", "c", "a", "b"])
    assert payload.expected == ["B", "C", "A", "B"]


def test_each_distinct_payload_is_encoded_once(payloads):
    """However long the run, there are no more payloads than distinct inputs, and one for the rest."""
    load = Load(batch_size=2, examples=1001)
    assert len(list(payloads.prepare(load))) == 4
    prepared = dict(payloads._encoded)
    for number in range(501):
        payloads.of(load.request(number))
    assert payloads._encoded == prepared
    first = payloads.of(Request(0, 0, 2))
    assert payloads.of(Request(300, 600, 2)) is first
