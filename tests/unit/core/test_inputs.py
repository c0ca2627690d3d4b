"""A run's inputs are those of the example, over and over."""

import pytest

from servecost.core.inputs import ExampleInputs

THREE = ExampleInputs(["a", "b", "c"])


@pytest.mark.parametrize(
    ("count", "first", "inputs"),
    [
        (5, 0, ["a", "b", "c", "a", "b"]),
        (3, 7, ["b", "c", "a"]),
        (1, 2, ["c"]),
        (0, 1, []),
    ],
)
def test_inputs_repeat_the_example_from_any_number(count: int, first: int, inputs: list[str]):
    """Input i of a run is input i modulo the example's length, however it is asked for."""
    assert THREE.take(count, first=first) == inputs
    assert [THREE[number] for number in range(first, first + count)] == inputs
    assert [THREE.sample[THREE.place(number)] for number in range(first, first + count)] == inputs


def test_there_are_as_many_distinct_inputs_as_the_example_has():
    """The sample is the whole example."""
    assert (len(THREE), tuple(THREE.sample)) == (3, ("a", "b", "c"))


@pytest.mark.parametrize(("one", "other"), [("a", "b"), (b"\x00", b"\xff"), (1, True)])
def test_the_digest_follows_the_inputs_and_their_order(one: object, other: object):
    """Processes that make a run together compare it."""
    digests = {ExampleInputs(example).digest for example in ([one], [other], [one, other], [other, one])}
    assert len(digests) == 4
    assert ExampleInputs((one,)).digest == ExampleInputs([one]).digest
