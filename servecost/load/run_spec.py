"""What every process of a run has to know, and how the users of a process learn it.

Owns the start of a run within a process: the payloads are encoded, and the users get their share.
"""

from argparse import Namespace
from dataclasses import dataclass
from typing import Any, Protocol

import gevent

from servecost.core import systems
from servecost.core.recipe import Recipe
from servecost.core.system import Wire
from servecost.core.verdicts import Verdict
from servecost.load.payloads import Load, Payloads
from servecost.load.worker_share import WorkerListener, WorkerShare


@dataclass(frozen=True)
class RunSpec:
    """The description of a run that every process gets.

    Attributes:
        run: identifies the run; the ids of its requests begin with it.
        system: the name of the system that serves.
        batch_size: examples in one request.
        examples: examples in the run.
        warm_ups: untimed requests that each user sends first.
        request_timeout_s: how long a user waits for an answer.
        expected: the direct arm's answers to the recipe's sample.
        inputs_digest: identifies the recipe's inputs: all processes have to send the same ones.
    """

    run: str
    system: str
    batch_size: int
    examples: int
    warm_ups: int
    request_timeout_s: int
    expected: list[Any]
    inputs_digest: str

    @property
    def load(self) -> Load:
        """How many examples the run sends, and in which requests."""
        return Load(self.batch_size, self.examples)


@dataclass(frozen=True)
class AttachedRun:
    """A run as the users of one process see it.

    Attributes:
        spec: the description of the run.
        request_name: the name of its requests in Locust's statistics.
        wire: how the system is spoken to.
        payloads: what the requests send, already encoded.
        share: the requests of this process.
    """

    spec: RunSpec
    request_name: str
    wire: Wire
    payloads: Payloads
    share: WorkerShare


class LoadUser(Protocol):
    """The user class, as far as the start and the end of a run concern it.

    Attributes:
        recipe: the name or the folder of the recipe that it loads.
    """

    recipe: str

    @classmethod
    def attach_run(cls, run: AttachedRun) -> None:
        """Give the run to all users of this process."""

    @classmethod
    def detach_run(cls) -> None:
        """Detach the run; users spawned later wait for the next one."""


def describe_run(run: str, options: Namespace, recipe: Recipe, expected: list[Any]) -> RunSpec:
    """Return the spec of a run with the given options of Locust's."""
    return RunSpec(
        run=run,
        system=options.system,
        batch_size=options.batch_size,
        examples=options.examples,
        warm_ups=options.warm_ups,
        request_timeout_s=options.request_timeout,
        expected=expected,
        inputs_digest=recipe.inputs.digest,
    )


def attach(user_class: type[LoadUser], recipe: Recipe, spec: RunSpec, listener: WorkerListener) -> WorkerShare:
    """Return this process's share of a run, once all payloads are encoded and the users have it.

    A run whose inputs the system's wire cannot encode is refused.
    """
    share = WorkerShare(spec.load, listener)
    try:
        wire = systems.load(spec.system).wire(recipe.input_type)
        payloads = Payloads(recipe.inputs, wire, spec.expected)
        for _ in payloads.prepare(spec.load):
            gevent.sleep(0)  # encoding many large payloads would silence the heartbeat of this process
    except Exception as error:  # noqa: BLE001  # a system is somebody else's code and may raise anything
        problem = f"no requests for {recipe.name} on system '{spec.system}': {type(error).__name__}: {error}"
        share.refuse(Verdict("workers", problem), is_misuse=True)
        return share
    user_class.attach_run(AttachedRun(spec, f"{recipe.name} batch_size={spec.batch_size}", wire, payloads, share))
    return share
