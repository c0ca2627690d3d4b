"""The direct arm of a part: one baseline process, which times what it is asked for, when it is asked.

Owns the conversation with that process, over its standard input and the CSV files that it appends to.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from servecost.bench import store
from servecost.bench.arms.protocol import FOREVER, ArmFailed, DirectCall, Timed
from servecost.bench.conditions import Subject
from servecost.bench.processes.process import Command, Process, running
from servecost.bench.processes.tree import Tree
from servecost.bench.processes.watch import Watch
from servecost.bench.runs import Kind, Part, Run
from servecost.bench.scripts import baseline_command
from servecost.core import answers, csv_files
from servecost.core.verdicts import VALID, Verdict

POLL_S = 0.05


class DirectArm:
    """A baseline process, stopped except while it loads its model or a run of it is due."""

    def __init__(self, process: Process, part: Part, tick: Callable[[], None]) -> None:
        """``process``: a baseline process that waits for requests on its standard input."""
        self._process, self._part, self._tick = process, part, tick
        self._tree = Tree([process])
        self._totals, self._calls = (unfinished(path) for path in (part.baseline_csv, part.direct_calls_csv))
        self._is_loaded = False
        self._stopped_for = VALID

    def ready(self) -> list[Any]:
        """Return its answers to the example, once it has loaded its model."""
        if not self._is_loaded:
            self._wait(self._part.expected_json.exists, FOREVER)
            self._is_loaded = True
            self._tree.suspend()
        return answers.read(self._part.expected_json)

    def begin(self, run: Run) -> None:
        """Ask for a run; the process finds the request when it is continued."""
        self.ready()
        self._run = run
        self._wanted = store.untimed_calls(self._part) if run.kind is Kind.CALLS else {}
        self._rows_before = len(csv_files.rows(self._file))
        if run.kind is Kind.CALLS:
            for batch_size, sizes in self._wanted.items():
                self._process.write_line(" ".join(map(str, ("calls", batch_size, *sizes))))
        else:
            self._process.write_line(f"run {run.batch_size}")

    def advance(self, until_s: float) -> bool:
        """Let the process run until then, or until its run is over."""
        self._tree.resume()
        try:
            return self._wait(self._is_over, until_s)
        finally:
            self._tree.suspend()

    def finish(self) -> Timed:
        """Return the run's seconds, or each of its separate calls."""
        if self._run.kind is Kind.CALLS:
            calls = tuple(self._timed_calls())
            return Timed(sum(call.call_s for call in calls), calls=calls)
        return Timed(float(self._new_rows()[-1]["total_s"]))

    def cpu_s(self) -> float:
        """Return the CPU seconds that the process and its children have used."""
        return self._tree.cpu_s()

    @property
    def _file(self) -> Path:
        return self._calls if self._run.kind is Kind.CALLS else self._totals

    def _new_rows(self) -> list[dict[str, str]]:
        return csv_files.rows(self._file)[self._rows_before :]

    def _timed_calls(self) -> list[DirectCall]:
        rows = self._new_rows()
        return [DirectCall(int(row["batch_size"]), int(row["inputs"]), float(row["call_s"])) for row in rows]

    def _is_over(self) -> bool:
        if self._run.kind is not Kind.CALLS:
            return bool(self._new_rows())
        wanted = {(batch_size, size) for batch_size, sizes in self._wanted.items() for size in sizes}
        return wanted <= {call[:2] for call in self._timed_calls()}

    def _wait(self, is_reached: Callable[[], bool], until_s: float) -> bool:
        """Return whether that is so by then. Raises ArmFailed if the process ends before, or memory runs out."""
        watch = Watch(self._part.folder)
        while not is_reached():
            if time.monotonic() >= until_s:
                return False
            self._tick()
            exit_code = self._process.wait(POLL_S)
            if not self._stopped_for.is_valid:
                raise ArmFailed(self._stopped_for)
            if exit_code is not None and not is_reached():
                raise ArmFailed(Verdict("baseline", self._process.explain_end()))
            if not (verdict := watch.look()).is_valid:
                self._stopped_for = verdict
                self._process.end()
        return True


def unfinished(path: Path) -> Path:
    """Return the file that the baseline process itself appends to; the store appends to ``path``."""
    return path.with_name(path.name + store.UNFINISHED_SUFFIX)


@contextmanager
def direct_arm(part: Part, subject: Subject, tick: Callable[[], None]) -> Iterator[DirectArm]:
    """Have a baseline process for as long as the ``with`` block lasts; it loads its model meanwhile."""
    totals, calls = (unfinished(path) for path in (part.baseline_csv, part.direct_calls_csv))
    for path in (part.expected_json, totals, calls):
        path.unlink(missing_ok=True)
    words = [*baseline_command(subject.recipe, subject.python, part.expected_json), "--on-request"]
    words += ["--examples", str(part.examples or 1), "--csv", str(totals), "--calls-csv", str(calls)]
    command = Command("baseline", words, part.folder / "baseline.log", subject.environment)
    with running(command) as process:
        yield DirectArm(process, part, tick)
    for path in (totals, calls):
        path.unlink(missing_ok=True)
