"""How N examples become requests, what each request sends, and which answers it has to get.

Pure: owns the arithmetic and the payloads. It knows nothing of users, connections or time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from servecost.core.inputs import Inputs
from servecost.core.overhead import requests_of
from servecost.core.system import Body, Wire


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
    """How many examples a run sends, and in which requests.

    Attributes:
        batch_size: examples in one request.
        examples: examples in the whole run.
    """

    batch_size: int
    examples: int

    @property
    def requests(self) -> int:
        """The number of requests."""
        return requests_of(self.examples, self.batch_size)

    def request(self, number: int) -> Request:
        """Return a request by its number; the last is smaller when ``examples`` is no multiple of ``batch_size``."""
        first = number * self.batch_size
        return Request(number, first, min(self.batch_size, self.examples - first))


@dataclass(frozen=True)
class Payload:
    """What a request sends and which answers it has to get.

    Attributes:
        body: the encoded inputs.
        expected: the direct arm's answers, one per input.
    """

    body: Body
    expected: list[Any]


class Payloads:
    """The payloads of a run, each distinct one encoded once, before the clock starts."""

    def __init__(self, inputs: Inputs, wire: Wire, expected: Sequence[Any]) -> None:
        """``wire``: encodes the inputs; ``expected``: the direct arm's answers to the distinct inputs."""
        self._inputs = inputs
        self._distinct = len(inputs)
        self._wire = wire
        self._expected = expected
        self._encoded: dict[tuple[int, int], Payload] = {}

    def prepare(self, load: Load) -> Iterator[None]:
        """Encode every payload that the load sends, one per step of the iteration.

        The inputs repeat, so the payloads repeat after as many requests as there are distinct inputs. Only the last
        request may differ in size.
        """
        for number in {*range(min(load.requests, self._distinct)), load.requests - 1}:
            self.of(load.request(number))
            yield

    def of(self, request: Request) -> Payload:
        """Return the payload of a request; the first request with the same inputs has it encoded."""
        key = request.first_input % self._distinct, request.examples
        payload = self._encoded.get(key)
        if payload is None:
            payload = self._encoded[key] = self._encode(*key)
        return payload

    def _encode(self, first: int, count: int) -> Payload:
        expected = [self._expected[self._inputs.place(number)] for number in range(first, first + count)]
        return Payload(self._wire.body(self._inputs.take(count, first)), expected)
