"""How N examples become requests."""

import pytest

from servecost.core import recipe
from servecost.load.payloads import Load, Payloads, Request
from systems.fastdeploy import wire


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


def three_inputs(tmp_path) -> recipe.Recipe:
    return recipe.Recipe("three", tmp_path, ("a", "b", "c"))


def test_a_request_carries_the_inputs_at_its_place_in_the_run(tmp_path):
    """The example's inputs are sent over and over, each with its own expected answer."""
    payload = Payloads(three_inputs(tmp_path), ["A", "B", "C"]).of(Request(number=2, first_input=4, examples=4))
    assert payload.body == wire.encode(["b", "c", "a", "b"], "json")
    assert payload.expected == ["B", "C", "A", "B"]


def test_each_distinct_payload_is_encoded_once(tmp_path):
    """However long the run, there are no more payloads than inputs in the example, and one for the rest."""
    payloads = Payloads(three_inputs(tmp_path), ["A", "B", "C"])
    assert len(list(payloads.prepare(Load(batch_size=2, examples=1001)))) == 4
    prepared = dict(payloads._encoded)
    for number in range(501):
        payloads.of(Load(batch_size=2, examples=1001).request(number))
    assert payloads._encoded == prepared
    first = payloads.of(Request(0, 0, 2))
    assert payloads.of(Request(300, 600, 2)) is first
