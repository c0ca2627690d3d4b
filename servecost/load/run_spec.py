"""What every process that takes part in a run has to know, and how its users learn it.

Owns the beginning of a run within a process: payloads encoded, users given their section.
"""

from argparse import Namespace
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

import gevent

from servecost.core.recipe import Recipe
from servecost.load.payloads import Load, Payloads
from servecost.load.worker_share import Section, Superior
from systems.fastdeploy import wire


@dataclass(frozen=True)
class Brief:
    """A run, as it is described to each process.

    Attributes:
        run: identifies the run; the first part of its requests' unique ids.
        batch_size: examples in one request.
        examples: examples in the run.
        warm_ups: untimed requests that each user sends first.
        request_timeout_s: how long a user waits for an answer.
        expected: the direct arm's answers to the recipe's example.
        example_digest: identifies the recipe's example: all processes have to send the same inputs.
    """

    run: str
    batch_size: int
    examples: int
    warm_ups: int
    request_timeout_s: int
    expected: list[Any]
    example_digest: str

    @property
    def load(self) -> Load:
        """What the run sends."""
        return Load(self.batch_size, self.examples)


class Participant(Protocol):
    """What is asked of the user class."""

    recipe: str

    @classmethod
    def take_part(cls, chosen: Recipe, payloads: Payloads, section: Section, brief: Brief) -> None:
        """Give all users of this process the run that they take part in."""

    @classmethod
    def retire(cls) -> None:
        """Have users that are started from now on wait for the next run."""


def brief_of(run: str, options: Namespace, recipe: Recipe, expected: list[Any]) -> Brief:
    """Return the description of a run with the given options."""
    return Brief(
        run=run,
        batch_size=options.batch_size,
        examples=options.examples,
        warm_ups=options.warm_ups,
        request_timeout_s=options.request_timeout,
        expected=expected,
        example_digest=example_digest(recipe),
    )


def example_digest(recipe: Recipe) -> str:
    """Return a digest of the inputs that a recipe's example has."""
    return sha256(wire.encode(recipe.example, recipe.input_type)).hexdigest()[:16]


def join(user_class: type[Participant], recipe: Recipe, brief: Brief, superior: Superior) -> Section:
    """Make this process's section of a run, with all its payloads, and give it to the users."""
    section = Section(brief.load, superior)
    payloads = Payloads(recipe, brief.expected)
    for _ in payloads.prepare(brief.load):
        gevent.sleep(0)  # encoding many large payloads would silence the heartbeat of this process
    user_class.take_part(recipe, payloads, section, brief)
    return section
