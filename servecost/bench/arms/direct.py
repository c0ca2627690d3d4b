"""The direct arm of a part: one baseline process, which times what it is asked for, when it is asked.

Owns the talk with that process. It is idle in between: blocked on its standard input.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from servecost.bench.plan import Part
from servecost.bench.processes.process import Process, running
from servecost.bench.processes.watch import Watch
from servecost.bench.scripts import baseline_command, reason_of
from servecost.core import answers, csv_files, layout
from servecost.core.recipe import Recipe
from servecost.core.verdicts import VALID, Verdict

POLL_S = 0.05
UNFINISHED = ".unfinished"
# More sizes of calls than these are not timed one by one, but at powers of two, and interpolated.
SIZES_TIMED = 8


class ArmFailed(Exception):
    """The direct arm gives no number; carries the verdict that says why."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


class DirectArm:
    """A baseline process."""

    def __init__(self, process: Process, expected: Path, totals: Path, calls: Path, tick: Callable[[], None]) -> None:
        self._process, self._expected, self._totals, self._calls, self._tick = process, expected, totals, calls, tick
        self._stopped_for = VALID

    def answers(self) -> list[Any]:
        """Wait until the process is ready; return its answers to the example. Raises ArmFailed."""
        self._wait(self._expected.exists)
        return answers.read(self._expected)

    def total_s(self, batch_size: int) -> float:
        """Return the seconds of one run at that batch size, made now. Raises ArmFailed."""
        before = len(csv_files.rows(self._totals))
        self._process.tell(f"run {batch_size}")
        self._wait(lambda: len(csv_files.rows(self._totals)) > before)
        return float(csv_files.rows(self._totals)[-1]["total_s"])

    def calls_s(self, batch_size: int, sizes: list[int]) -> Iterator[tuple[int, float]]:
        """Yield the size and the seconds of separate calls of each size, made now. Raises ArmFailed."""
        before = len(csv_files.rows(self._calls))
        self._process.tell(" ".join(map(str, ("calls", batch_size, *sizes))))

        def timed() -> list[dict[str, str]]:
            return csv_files.rows(self._calls)[before:]

        self._wait(lambda: {int(row["inputs"]) for row in timed()} >= set(sizes))
        yield from ((int(row["inputs"]), float(row["call_s"])) for row in timed())

    def _wait(self, is_reached: Callable[[], bool]) -> None:
        """Return once that is so. Raises ArmFailed if the process ends before, or is stopped for want of memory."""
        watch = Watch(self._totals.parent)
        while not is_reached():
            self._tick()
            exit_code = self._process.wait(POLL_S)
            if not self._stopped_for.is_valid:
                raise ArmFailed(self._stopped_for)
            if exit_code is not None and not is_reached():
                raise ArmFailed(Verdict("baseline", reason_of(self._process, exit_code)))
            if not (verdict := watch.look()).is_valid:
                self._stopped_for = verdict
                self._process.stop()


@contextmanager
def direct_arm(
    recipe: Recipe, folder: Path, examples: int, environment: Mapping[str, str], tick: Callable[[], None]
) -> Iterator[DirectArm]:
    """Have a baseline process in a part's folder for as long as the ``with`` block lasts; it is not ready at once."""
    expected = folder / layout.EXPECTED_JSON
    totals, calls = (folder / (name + UNFINISHED) for name in (layout.BASELINE_CSV, layout.DIRECT_CALLS_CSV))
    for path in (expected, totals, calls):
        path.unlink(missing_ok=True)
    command = [*baseline_command(recipe, expected), "--examples", str(examples), "--on-request"]
    command += ["--csv", str(totals), "--calls-csv", str(calls)]
    with running("baseline", command, environment, folder / "baseline.log") as process:
        yield DirectArm(process, expected, totals, calls, tick)
    for path in (totals, calls):
        path.unlink(missing_ok=True)


def untimed_calls(part: Part) -> dict[int, list[int]]:
    """Return the sizes of calls, by the batch size that was given, whose direct cost is still to be timed."""
    made: dict[int, set[int]] = {}
    for run in part.served:
        for row in csv_files.rows(run.folder / layout.CALLS_CSV):
            made.setdefault(int(row["batch_size"]), set()).add(int(row["inputs"]))
    timed = {(int(row["batch_size"]), int(row["inputs"])) for row in csv_files.rows(part.direct_calls_csv)}
    untimed = {
        batch_size: [size for size in grid(sizes) if (batch_size, size) not in timed]
        for batch_size, sizes in made.items()
    }
    return {batch_size: sizes for batch_size, sizes in untimed.items() if sizes}


def grid(sizes: Collection[int]) -> list[int]:
    """Return the sizes to time: all if they are few, else the least, the most, and the powers of two between."""
    if len(sizes) <= SIZES_TIMED:
        return sorted(sizes)
    least, most = min(sizes), max(sizes)
    return sorted({least, most, *(2**n for n in range(most.bit_length()) if least < 2**n < most)})
