"""How N examples become requests, and what each request sends and expects.

Pure: owns the arithmetic and the payloads; knows nothing of users, connections or time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contract import wire
from contract.recipe import Recipe


@dataclass(frozen=True)
class Request:
    """One request of a run.

    Attributes:
        number: from 0, in the order of sending.
        first_input: the number, within the run, of the first input that it sends.
        examples: how many inputs it sends.
    """

    number: int
    first_input: int
    examples: int


@dataclass(frozen=True)
class Payload:
    """What a request sends and what the answer has to be.

    Attributes:
        body: the encoded inputs.
        expected: the direct arm's answers, one per input.
    """

    body: bytes
    expected: list[Any]


def request_count(examples: int, batch_size: int) -> int:
    """Return in how many requests ``examples`` examples are sent: ceil(examples / batch_size)."""
    return -(-examples // batch_size)


def requests_of(examples: int, batch_size: int) -> Iterator[Request]:
    """Yield the requests of a run in order; the last is smaller when ``examples`` is no multiple of ``batch_size``."""
    for number in range(request_count(examples, batch_size)):
        first = number * batch_size
        yield Request(number, first, min(batch_size, examples - first))


class Payloads:
    """The payloads of a run, each distinct one encoded once, before the clock."""

    def __init__(self, recipe: Recipe, expected: list[Any]) -> None:
        self._recipe = recipe
        self._expected = expected
        self._encoded: dict[tuple[int, int], Payload] = {}

    def prepare(self, examples: int, batch_size: int) -> None:
        """Encode every payload that a run of that size will send."""
        for request in requests_of(examples, batch_size):
            self.of(request)

    def of(self, request: Request) -> Payload:
        """Return the payload of a request, encoding it if this is the first with these inputs."""
        period = len(self._recipe.example)
        key = (request.first_input % period, request.examples)
        if key not in self._encoded:
            inputs = self._recipe.inputs(request.examples, request.first_input)
            expected = [self._expected[(key[0] + place) % period] for place in range(request.examples)]
            self._encoded[key] = Payload(wire.encode(inputs, self._recipe.input_type), expected)
        return self._encoded[key]
