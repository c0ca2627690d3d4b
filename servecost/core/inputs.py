"""The inputs that a run sends: a few distinct ones, over and over.

Owns which input has which number. Both arms of a comparison take the same inputs in the same order.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from typing import Any, Sequence

from servecost.core import plain


class Inputs(ABC):
    """The inputs of a recipe, by number.

    Attributes:
        sample: the inputs that an arm answers before anything is timed, so that its answers can be checked.
        digest: identifies the inputs: processes that make a run together have to send the same ones.
    """

    sample: Sequence[Any]
    digest: str

    @abstractmethod
    def __len__(self) -> int:
        """Return how many distinct inputs there are."""

    @abstractmethod
    def __getitem__(self, number: int) -> Any:
        """Return input ``number`` of a run, from 0; there is no last one."""

    def place(self, number: int) -> int:
        """Return the place of input ``number`` among the distinct inputs, and of its answer among their answers."""
        return number % len(self)

    def take(self, count: int, first: int = 0) -> list[Any]:
        """Return the inputs with the numbers ``first`` to ``first + count - 1``."""
        return [self[number] for number in range(first, first + count)]


class ExampleInputs(Inputs):
    """The inputs of a recipe's example, over and over."""

    def __init__(self, example: Sequence[Any]) -> None:
        """Take the inputs of an ``example``, at least one."""
        self.sample = tuple(example)

    @property
    def digest(self) -> str:  # type: ignore[override]
        """Identifies the example, whichever system is asked."""
        return plain.digest(self.sample)

    def __len__(self) -> int:
        return len(self.sample)

    def __getitem__(self, number: int) -> Any:
        return self.sample[self.place(number)]

    def take(self, count: int, first: int = 0) -> list[Any]:
        """Return the inputs with the numbers ``first`` to ``first + count - 1``."""
        start = self.place(first)
        return list(itertools.islice(itertools.cycle(self.sample), start, start + count))
