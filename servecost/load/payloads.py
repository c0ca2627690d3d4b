"""How N examples become requests, and what each request sends and expects.

Pure: owns the arithmetic and the payloads; knows nothing of users, connections or time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from servecost.core.recipe import Recipe
from systems.fastdeploy import wire


class Request(NamedTuple):
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
class Load:
    """What a run sends.

    Attributes:
        batch_size: examples in one request.
        examples: examples in the whole run.
    """

    batch_size: int
    examples: int

    @property
    def requests(self) -> int:
        """In how many requests the examples are sent: ceil(examples / batch_size)."""
        return -(-self.examples // self.batch_size)

    def request(self, number: int) -> Request:
        """Return a request by its number; the last is smaller when ``examples`` is no multiple of ``batch_size``."""
        first = number * self.batch_size
        return Request(number, first, min(self.batch_size, self.examples - first))


@dataclass(frozen=True)
class Payload:
    """What a request sends and what the answer has to be.

    Attributes:
        body: the encoded inputs.
        expected: the direct arm's answers, one per input.
    """

    body: bytes
    expected: list[Any]


class Payloads:
    """The payloads of a run, each distinct one encoded once, before the clock."""

    def __init__(self, recipe: Recipe, expected: list[Any]) -> None:
        self._recipe = recipe
        self._expected = expected
        self._encoded: dict[tuple[int, int], Payload] = {}

    def prepare(self, load: Load) -> Iterator[None]:
        """Encode every payload that the load sends, one for each step of the iteration.

        The inputs are the example's over and over, so that after as many requests the payloads repeat themselves; only
        the last request may be of a size of its own.
        """
        for number in {*range(min(load.requests, len(self._recipe.example))), load.requests - 1}:
            self.of(load.request(number))
            yield

    def of(self, request: Request) -> Payload:
        """Return the payload of a request, encoding it if this is the first with these inputs."""
        key = self._key(request)
        if key not in self._encoded:
            period = len(self._recipe.example)
            inputs = self._recipe.inputs(request.examples, request.first_input)
            expected = [self._expected[(key[0] + place) % period] for place in range(request.examples)]
            self._encoded[key] = Payload(wire.encode(inputs, self._recipe.input_type), expected)
        return self._encoded[key]

    def _key(self, request: Request) -> tuple[int, int]:
        return request.first_input % len(self._recipe.example), request.examples
