"""The command line of the baseline scripts: what is timed, in which order, and which files the seconds are appended to.

Owns the options and the CSV files. The clock is ``servecost.direct.timing``'s.
"""

from __future__ import annotations

import argparse
import csv
import os
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterable, Iterator, Sequence

from servecost.core import answers, csv_files, layout, recipe
from servecost.core.console import replace_what_it_cannot_show
from servecost.core.options import at_least
from servecost.core.overhead import EXAMPLES
from servecost.core.warming import LIMIT_S
from servecost.direct.timing import Direct, time_call, time_calls

BATCH_SIZES = (1, 8, 32, 64, 128, 256, 512)
RUNS = 3


def build_parser(recipe_name: str | None) -> argparse.ArgumentParser:
    """Return the command line's parser; without a ``recipe_name``, the recipe is an option."""
    parser = argparse.ArgumentParser(description="Time a recipe's predictor called directly, in this process.")
    if recipe_name is None:
        parser.add_argument("--recipe", required=True, help="a recipe of this project, or the path of a recipe folder")
    else:
        parser.set_defaults(recipe=recipe_name)
    parser.add_argument(
        "--batch-size", type=at_least(1), nargs="+", default=BATCH_SIZES, metavar="B", help="default: %(default)s"
    )
    parser.add_argument(
        "--examples", type=at_least(1), default=EXAMPLES, metavar="N", help="examples in a run (default: %(default)s)"
    )
    parser.add_argument("--runs", type=at_least(0), default=RUNS, help="runs per batch size (default: %(default)s)")
    parser.add_argument(
        "--warm-seconds",
        type=at_least(0),
        default=LIMIT_S,
        metavar="S",
        help="repeat untimed calls of a run's batch size until they are steady, but no more after so long (default: "
        "%(default)s)",
    )
    parser.add_argument("--cold", action="store_true", help="make no untimed calls of a run's batch size")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="append each run's total to this file")
    parser.add_argument("--runs-csv", type=Path, metavar="FILE", help="append each run's begin and end to this file")
    parser.add_argument("--cold-csv", type=Path, metavar="FILE", help="append what first calls cost to this file")
    parser.add_argument("--calls-csv", type=Path, metavar="FILE", help="append each separate call's time to this file")
    parser.add_argument(
        "--on-request",
        action="store_true",
        help="do what standard input asks for, line by line: 'warm BATCH_SIZE', 'run BATCH_SIZE EXAMPLES', or "
        "'calls BATCH_SIZE EXAMPLES SECONDS INPUTS:BATCH_SIZE [...]'",
    )
    parser.add_argument("--expected", type=Path, metavar="FILE", help="write the answers to the example to this file")
    parser.add_argument("--inputs", metavar="DIGEST", help="refuse to work on other inputs than those of this digest")
    parser.add_argument(
        "--copy-to",
        type=Path,
        metavar="FOLDER",
        help="predict in a copy of the recipe there; by default in a temporary folder",
    )
    parser.add_argument(
        "--this-python", action="store_true", help="stay on this interpreter, even if the recipe has one of its own"
    )
    return parser


def check_csv(path: Path, columns: Sequence[str]) -> None:
    """Raise ValueError unless rows can be appended to ``path``: nothing that it holds is to be mixed up, or lost."""
    if path.is_dir():
        raise ValueError("{} is a folder; name a file".format(path))
    content = path.read_bytes() if path.exists() else b""
    if not content:
        return
    header = tuple(next(csv.reader([content.split(b"\n")[0].decode("utf-8", "replace")]), []))
    if header != tuple(columns):
        raise ValueError("{} is no baseline CSV (its header is {}); name another file".format(path, ",".join(header)))
    if not content.endswith(b"\n"):
        raise ValueError("{} ends within a line; complete that line, or remove it".format(path))


class Measurement:
    """The runs that one command line asks for."""

    def __init__(
        self, chosen: recipe.Recipe, options: argparse.Namespace, folder: Path, requests: Iterable[str] = ()
    ) -> None:
        """Warm up in a copy of the recipe in ``folder``, and write the answers to the example where they are asked for.

        ``requests``: the lines that say what to do, if the options do not.
        A server works in a copy, too: what a predictor writes there does not change the recipe.
        """
        self._recipe, self._options, self._requests = chosen, options, requests
        self._met: set[int] = set()
        self._direct = Direct(recipe.copy_to(chosen, folder), list(chosen.example), options.warm_seconds)
        if options.expected:
            answers.write(options.expected, self._direct.expected)

    def make(self) -> None:
        """Do everything, in the order of the command line or of the requests."""
        if self._options.on_request:
            for line in self._requests:
                self._answer_request(*line.split())
            return
        if (
            self._options.runs and not self._options.cold
        ):  # memory is touched for the first time before anything is timed
            self.warm(max(self._options.batch_size))
        for batch_size in self._options.batch_size:
            for run in range(1, self._options.runs + 1):
                if not self._options.cold:
                    self.warm(batch_size)
                self.time_run(batch_size, self._options.examples, run)

    def _answer_request(self, what: str, batch_size: str, *more: str) -> None:
        if what == "warm":
            self.warm(int(batch_size))
        elif what == "run":
            self.time_run(int(batch_size), int(more[0]), 1)
        else:
            sizes = [(int(size), int(given)) for size, given in (word.split(":") for word in more[2:])]
            self.time_calls(sizes, (int(batch_size), int(more[0])), float(more[1]))

    def warm(self, batch_size: int) -> None:
        """Call the predictor with one batch, untimed, until that is steady."""
        cold = self._direct.warm(self._recipe, batch_size, batch_size)
        if batch_size not in self._met:
            self._met.add(batch_size)
            last = "steady" if cold.is_steady else "not steady yet, but given up"
            said = "First call of {}: {:.4g} s; {}: {:.4g} s.".format(batch_size, cold.first_s, last, cold.steady_s)
            print(said, flush=True)
        if self._options.cold_csv:
            further_s = self._direct.further_s(self._recipe, batch_size)
            seconds = repr(cold.first_s), repr(cold.steady_s)
            row = ("baseline", batch_size, *seconds, cold.calls, int(cold.is_steady), repr(further_s))
            csv_files.append(self._options.cold_csv, layout.WARM_COLUMNS, [row])

    def time_run(self, batch_size: int, examples: int, number: int) -> None:
        """Time one run: a call with all inputs."""
        inputs = self._recipe.inputs.take(examples)
        span = time_call(self._direct.predictor, inputs, batch_size, self._direct.expected)
        print("Batch Size:{}  Total Time:{} per {} examples.".format(batch_size, span.total_s, examples), flush=True)
        if self._options.csv:
            row = (self._recipe.name, batch_size, number, examples, repr(span.total_s))
            csv_files.append(self._options.csv, layout.BASELINE_COLUMNS, [row])
        if self._options.runs_csv:
            own = batch_size, examples, span.begin_ns, span.end_ns, repr(span.total_s)
            csv_files.append(self._options.runs_csv, layout.DIRECT_RUNS_COLUMNS, [own])

    def time_calls(self, sizes: Sequence[tuple[int, int]], run: tuple[int, int], limit_s: float) -> None:
        """Time separate calls, each beside a reference call, for a run of a batch size and a number of inputs.

        A row without inputs ends them.
        """
        found = time_calls(self._direct, self._recipe, sizes, run, limit_s)
        name = self._recipe.name
        rows = [
            (name, *call[:2], repr(call.call_s), repr(call.reference_inputs), repr(call.reference_s)) for call in found
        ]
        csv_files.append(self._options.calls_csv, layout.DIRECT_CALLS_COLUMNS, [*rows, (name, 0, 0, 0, 0, 0)])


def is_foreign(chosen: recipe.Recipe) -> bool:
    """Say whether a recipe has an environment of its own, and this process is not in it."""
    return chosen.has_environment and Path(chosen.python).parents[1].resolve() != Path(sys.prefix).resolve()


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """Yield the folder that was given, or else a temporary one, which is removed afterwards."""
    place = Path.cwd()
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="direct-") as folder:
        try:
            yield Path(folder)
        finally:
            os.chdir(place)


def set_input_aside() -> Iterable[str]:
    """Return the lines of standard input, which is empty from now on for whatever a predictor starts."""
    try:
        lines = os.fdopen(os.dup(0))
    except OSError:  # it is closed
        return ()
    with Path(os.devnull).open(encoding="utf-8") as empty:
        os.dup2(empty.fileno(), 0)
    return lines


def main(recipe_name: str | None = None) -> int:
    """Run the command line for one recipe (or any, without a name). Returns the process's exit code."""
    replace_what_it_cannot_show()
    options = build_parser(recipe_name).parse_args()
    # Predicting happens in the recipe's folder, so paths that were given relative to this one are resolved now.
    for name in ("csv", "runs_csv", "calls_csv", "cold_csv", "expected", "copy_to"):
        path = getattr(options, name)
        setattr(options, name, path and path.resolve())
    try:
        chosen = recipe.load(options.recipe)
        if options.inputs:
            chosen.check_inputs(options.inputs)
        for path, columns in (
            (options.csv, layout.BASELINE_COLUMNS),
            (options.runs_csv, layout.DIRECT_RUNS_COLUMNS),
            (options.calls_csv, layout.DIRECT_CALLS_COLUMNS),
        ):
            if path:
                check_csv(path, columns)
    except ValueError as error:
        print("error: {}".format(error), file=sys.stderr)
        return 2
    if is_foreign(chosen) and not options.this_python:
        os.execv(chosen.python, [chosen.python, *sys.argv])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the copy is removed
    try:
        with _folder(options.copy_to) as folder:
            Measurement(chosen, options, folder, set_input_aside()).make()
    except (ValueError, OSError) as error:  # a wrong answer; a full disk
        print("error: {}: {}".format(chosen.name, error), file=sys.stderr)
        return 1
    return 0
