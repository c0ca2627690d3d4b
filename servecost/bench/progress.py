"""What is being done, how much is left, and until when: a bar in a terminal, plain lines anywhere else.

Owns the display and the estimate of the time left. It is told of runs; it knows nothing of what they are.
"""

import time
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

# As long as nothing of the kind is measured: an example of a shipped model takes about this long.
FIRST_GUESS_S_PER_EXAMPLE = 0.03
PLAIN_INTERVAL_S = 30


@dataclass(frozen=True)
class Step:
    """One run, as far as the display is concerned.

    Attributes:
        label: what it is called on the display.
        kind: runs of one kind take about as long per example.
        examples: how many examples it has.
    """

    label: str
    kind: str
    examples: int


class Estimate:
    """How long the remaining steps will take, reckoned from how long those before them took."""

    def __init__(self, steps: list[Step]) -> None:
        self._remaining = list(steps)
        self._finished: list[tuple[Step, float]] = []

    def finish(self, step: Step, seconds: float) -> None:
        """Note that a step is over, and how long it took."""
        self._remaining.remove(step)
        self._finished.append((step, seconds))

    def seconds_left(self, current_s: float = 0) -> float:
        """Return the expected seconds until the end, ``current_s`` after the first remaining step has begun."""
        expected = [self._per_example_s(step.kind) * step.examples for step in self._remaining]
        return max(expected[0] - current_s, 0.0) + sum(expected[1:]) if expected else 0.0

    def _per_example_s(self, kind: str) -> float:
        alike = [(step, spent_s) for step, spent_s in self._finished if step.kind == kind]
        if not alike:
            return FIRST_GUESS_S_PER_EXAMPLE
        return sum(spent_s for _, spent_s in alike) / sum(step.examples for step, _ in alike)


def duration(seconds: float) -> str:
    """Return seconds as people say them: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Display:
    """Shows the steps of an experiment as they begin and end; to be used in a ``with`` statement."""

    def __init__(self, steps: list[Step], console: Console | None = None) -> None:
        """Prepare the display of ``steps``, in the order in which they will begin."""
        self._console = console or Console(highlight=False)
        self._estimate = Estimate(steps)
        self._count, self._done = len(steps), 0
        self._current, self._began_s, self._last_line_s = "", time.monotonic(), 0.0
        columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}")
        self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("starting", total=self._count, left="")

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, label: str) -> None:
        """Show what is being done now."""
        self._current, self._began_s = label, time.monotonic()
        self.tick()
        self.say(f"{label} …")

    def tick(self) -> None:
        """Show that it is still being done; to be called often."""
        since_s = time.monotonic() - self._began_s
        left = f"{self._done}/{self._count}, about {duration(self._estimate.seconds_left(since_s))} left"
        self._bar.update(self._task, description=f"{self._current} ({duration(since_s)})", left=left)
        if not self._console.is_terminal and time.monotonic() - self._last_line_s > PLAIN_INTERVAL_S:
            self.say(f"{self._current} for {duration(since_s)}; {left}")

    def finish(self, step: Step, result: str) -> None:
        """Show that a step is over and what it came to."""
        self._estimate.finish(step, time.monotonic() - self._began_s)
        self._done += 1
        self._bar.update(self._task, completed=self._done)
        left = duration(self._estimate.seconds_left())
        self.say(f"[{self._done}/{self._count}] {step.label}: {result}; about {left} left")
        self._began_s = time.monotonic()

    def say(self, line: str) -> None:
        """Show a line above the bar."""
        self._last_line_s = time.monotonic()
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
