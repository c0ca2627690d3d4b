"""Shows an experiment's progress: a bar in a terminal, plain lines anywhere else; and writes where its time went.

Owns the display, the estimate of the time left, and the journal of finished runs.
"""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from servecost.bench.runs import Kind, Part, Run
from servecost.core import csv_files, layout
from servecost.core.verdicts import Verdict

# Until a run of the same pace has finished: an example of a shipped model takes about this long.
FIRST_GUESS_S_PER_EXAMPLE = 0.03
PLAIN_INTERVAL_S = 30
_ROUND_AND_PAIR = re.compile(r"^round \d+, |, pair \d+$")


class Estimate:
    """How long the remaining runs will take: what the same ones took before, else what finished ones of that pace took.

    ``known``: the steps of an experiment that were made before, and the seconds of each.
    """

    def __init__(self, runs: Sequence[Run], known: Iterable[tuple[str, float]] = ()) -> None:
        self._remaining = list(runs)
        self._finished: list[tuple[Run, float]] = []
        self._known: dict[str, list[float]] = {}
        for step, spent_s in known:
            self._known.setdefault(_in_any_round(step), []).append(spent_s)

    def finish(self, run: Run, seconds: float) -> None:
        """Note that a run is over, and how long it took."""
        self._remaining.remove(run)
        self._finished.append((run, seconds))
        self._known.setdefault(_in_any_round(run.label), []).append(seconds)

    def seconds_left(self, current_s: float = 0) -> float:
        """Return the expected seconds until the end, ``current_s`` after the first remaining run has begun."""
        expected = list(map(self.expected_s, self._remaining))
        return max(expected[0] - current_s, 0.0) + sum(expected[1:]) if expected else 0.0

    def expected_s(self, run: Run) -> float:
        """Return how long a run is expected to take."""
        alike_s = self._known.get(_in_any_round(run.label))
        return mean(alike_s) if alike_s else self._per_example_s(run.pace) * run.examples

    def _per_example_s(self, pace: str) -> float:
        alike = [(run, spent_s) for run, spent_s in self._finished if run.pace == pace]
        if not alike:
            return FIRST_GUESS_S_PER_EXAMPLE
        return sum(spent_s for _, spent_s in alike) / max(1, sum(run.examples for run, _ in alike))


def _in_any_round(label: str) -> str:
    """Return what a run is called in every round and pair alike."""
    return _ROUND_AND_PAIR.sub("", label)


def duration(seconds: float) -> str:
    """Return seconds as people say them: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Display:
    """Shows the runs of an experiment as they begin and end; to be used in a ``with`` statement."""

    def __init__(self, runs: Sequence[Run] = (), console: Console | None = None) -> None:
        """Prepare the display of ``runs``, in the order in which they will begin."""
        self._console = console or Console(highlight=False)
        self._estimate = Estimate(runs)
        self._count, self._done = len(runs), 0
        self._current, self._began_s, self._last_line_s = "", time.monotonic(), 0.0
        columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}")
        self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("starting", total=self._count, left="")

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def expect(self, runs: Sequence[Run], known: Iterable[tuple[str, float]] = ()) -> None:
        """Show the progress of these runs, in the order in which they will begin; ``known`` as in an Estimate."""
        self._estimate, self._count = Estimate(runs, known), len(runs)
        self._bar.update(self._task, total=self._count)

    @property
    def left(self) -> str:
        """How many runs there are still to be made, and about how long they will take, in words."""
        count = self._count - self._done
        return f"{count} run{'s' * (count != 1)}, about {duration(self._estimate.seconds_left())}"

    @property
    def is_done(self) -> bool:
        """Whether every run has been made, or has failed."""
        return self._done == self._count

    def expected_s(self, run: Run) -> float:
        """Return how long a run is expected to take."""
        return self._estimate.expected_s(run)

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

    def finish(self, run: Run, result: str) -> None:
        """Show that a run is over, with its result."""
        self._estimate.finish(run, time.monotonic() - self._began_s)
        self._done += 1
        self._bar.update(self._task, completed=self._done)
        left = duration(self._estimate.seconds_left())
        self.say(f"[{self._done}/{self._count}] {run.label}: {result}; about {left} left")
        self._began_s = time.monotonic()

    def say(self, line: str) -> None:
        """Show a line above the bar."""
        self._last_line_s = time.monotonic()
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class Failure(NamedTuple):
    """A run that gave no number.

    Attributes:
        label: what the run is called.
        verdict: the rule that it broke.
    """

    label: str
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.label}: {self.verdict}"


@dataclass
class Journal:
    """Shows each finished run, keeps the failures, and writes wall.csv.

    Attributes:
        out: the results folder.
        display: where progress is shown.
        failures: the runs that gave no number.
    """

    out: Path
    display: Display
    failures: list[Failure] = field(default_factory=list)
    _noted_s: float = field(default_factory=time.monotonic)

    def begin_part(self, part: Part) -> None:
        """Show that a part's arms are being started."""
        if part.kind is Kind.PAIR:
            self.display.begin(f"round {part.round}, {part.recipe.name}, starting the predictor and {part.system}")

    def begin(self, run: Run) -> None:
        """Show that a run is being made."""
        self.display.begin(run.label)

    def finish(self, run: Run, verdict: Verdict, seconds: Mapping[str, float]) -> None:
        """Show how a run has ended, and remember it if it gave no number; ``seconds``: what each arm took."""
        if verdict.is_valid:
            took = ", ".join(f"{arm} {total_s:.3f} s" for arm, total_s in seconds.items())
            self.display.finish(run, f"{took} for {run.examples} examples")
        else:
            self.failures.append(Failure(run.label, verdict))
            self.display.finish(run, str(verdict))
        self.note_wall(run.label, sum(seconds.values()))

    def note_wall(self, step: str, timed_s: float = 0.0) -> None:
        """Append the wall time since the previous step, and the part that was timed, to wall.csv."""
        now_s = time.monotonic()
        row = step, repr(now_s - self._noted_s), repr(timed_s)
        csv_files.append(self.out / layout.WALL_CSV, layout.WALL_COLUMNS, [row])
        self._noted_s = now_s
