"""The seam between an experiment and its two arms: whatever is timed is timed through these calls.

Owns the protocol and what an arm returns. An arm runs only within ``ready`` and ``advance``; in between, every process
of it is stopped, so that it takes nothing from the other arm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from servecost.bench.runs import Run
from servecost.core.verdicts import VALID, Verdict

FOREVER = float("inf")


class DirectCall(NamedTuple):
    """One separate direct call.

    Attributes:
        batch_size: what the predictor was given as its batch size.
        inputs: how many inputs it was called with.
        call_s: how long it took.
    """

    batch_size: int
    inputs: int
    call_s: float


@dataclass(frozen=True)
class Timed:
    """What a run amounts to.

    Attributes:
        total_s: the seconds that count; 0 if there are none.
        verdict: whether they do.
        calls: of a run of separate calls, each of them.
        elapsed_s: how long the arm was given to run.
        idle_cpu_s: the CPU seconds that the resting arm used meanwhile.
    """

    total_s: float
    verdict: Verdict = VALID
    calls: tuple[DirectCall, ...] = ()
    elapsed_s: float = 0.0
    idle_cpu_s: float = 0.0


class ArmFailed(Exception):
    """The arm gives no number; carries the verdict that says why."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


class Arm(Protocol):
    """One arm of a comparison, with all its processes."""

    def ready(self) -> list[Any]:
        """Start the arm if it does not run; return its answers to the sample once it can be timed, at rest.

        Raises ArmFailed.
        """

    def begin(self, run: Run) -> None:
        """Take on a run, which the arm makes in its own processes as it is given time. Raises ArmFailed."""

    def advance(self, until_s: float) -> bool:
        """Run until that time of the monotonic clock, or until the run ends; return whether it has ended.

        Every process is stopped afterwards. Raises ArmFailed.
        """

    def finish(self) -> Timed:
        """Return what the run that has ended amounts to. A broken rule is in its verdict; none is raised."""

    def cpu_s(self) -> float:
        """Return the CPU seconds that the arm's processes have used since they were started."""
