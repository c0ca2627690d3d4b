"""The seam between an experiment and the arms of a pair: whatever is timed is timed through these calls.

Owns the protocol and what an arm returns. An arm runs only within ``ready``, ``warm`` and ``advance``; in between,
every process of it is stopped, so that it takes nothing from the other arm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from servecost.bench.processes.pauses import Use
from servecost.bench.runs import Run
from servecost.core.verdicts import VALID, Verdict


@dataclass(frozen=True)
class Timed:
    """What one arm's run amounts to.

    Attributes:
        total_s: the seconds that count, less all stops; 0 if there are none.
        verdict: whether they do.
        use: when the arm ran, and what it used.
        facts: what the system has chosen by itself, as numbers by name.
        resources: what the arm took of the machine, as numbers by name.
        begin_ns: when the run began, by the monotonic clock, stops included; None if it did not.
        end_ns: when it ended.
    """

    total_s: float
    verdict: Verdict = VALID
    use: Use = field(default_factory=Use)
    facts: dict[str, float] = field(default_factory=dict)
    resources: dict[str, float] = field(default_factory=dict)
    begin_ns: int | None = None
    end_ns: int | None = None


class ArmFailed(Exception):
    """The arm gives no number; carries the verdict that says why."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


class Arm(Protocol):
    """One arm of a pair, with all its processes."""

    def ready(self) -> list[Any]:
        """Start the arm if it does not run; return its answers to the sample once it can be timed, at rest.

        Raises ArmFailed.
        """

    def warm(self, run: Run) -> float:
        """Work untimed at the run's own batch size until that is steady; return how long the run is expected to take.

        What its first work of that size cost is kept. At rest afterwards. Raises ArmFailed.
        """

    def begin(self, run: Run, folder: Path) -> None:
        """Take on a run, whose files are written into ``folder``; the arm has been warmed for it. Raises ArmFailed."""

    def advance(self, until_s: float) -> bool:
        """Run until that time of the monotonic clock, or until the run ends; return whether it has ended.

        Every process is stopped afterwards. Raises ArmFailed.
        """

    def expected_s(self) -> float | None:
        """Return how long all of the run will take by what is done of it, or None if that cannot be seen."""

    def finish(self) -> Timed:
        """Return what the run that has ended amounts to. A broken rule is in its verdict; none is raised."""
