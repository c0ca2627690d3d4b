"""The command line of the baseline scripts: what is timed, in which order, and which files the seconds are appended to.

Owns the options and the CSV files. The clock is ``servecost.direct.timing``'s.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from pathlib import Path
from typing import Sequence

from servecost.core import answers, csv_files, layout, recipe
from servecost.core.options import at_least
from servecost.core.overhead import EXAMPLES
from servecost.direct.timing import Direct, time_call, time_calls, warm_up

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
    parser.add_argument("--csv", type=Path, metavar="FILE", help="append each run's total to this file")
    parser.add_argument(
        "--calls", type=at_least(1), nargs="+", default=(), metavar="N", help="time separate calls of N inputs, too"
    )
    parser.add_argument("--calls-csv", type=Path, metavar="FILE", help="append each separate call's time to this file")
    parser.add_argument(
        "--on-request",
        action="store_true",
        help="time what standard input asks for, line by line: 'run BATCH_SIZE' or 'calls BATCH_SIZE N [N ...]'",
    )
    parser.add_argument("--expected", type=Path, metavar="FILE", help="write the answers to the example to this file")
    parser.add_argument(
        "--this-python", action="store_true", help="stay on this interpreter, even if the recipe has one of its own"
    )
    return parser


def check_csv(path: Path, columns: Sequence[str]) -> None:
    """Raise ValueError when ``path`` exists with other columns: foreign content is not to be mixed with ours."""
    if path.exists() and path.stat().st_size:
        with path.open() as file:
            header = tuple(next(csv.reader(file)))
        if header != columns:
            raise ValueError(
                "{} is no baseline CSV (its header is {}); name another file".format(path, ",".join(header))
            )


class Measurement:
    """The runs that one command line asks for."""

    def __init__(self, chosen: recipe.Recipe, options: argparse.Namespace) -> None:
        """Warm up, and write the answers to the example where they are asked for."""
        self._recipe, self._options = chosen, options
        self._direct = Direct(chosen.folder)
        self._expected = warm_up(self._direct.predictor, list(chosen.example))
        if options.expected:
            answers.write(options.expected, self._expected)
        self._inputs = chosen.inputs.take(options.examples)

    def make(self) -> None:
        """Time everything, in the order of the command line or of standard input."""
        if self._options.on_request:
            for line in sys.stdin:
                self._answer_request(*line.split())
            return
        for batch_size in self._options.batch_size:
            for run in range(1, self._options.runs + 1):
                self.time_run(batch_size, run)
        for size in self._options.calls:
            self.time_calls(size, size)

    def _answer_request(self, what: str, batch_size: str, *sizes: str) -> None:
        if what == "run":
            self.time_run(int(batch_size), 1)
        else:
            for size in sizes:
                self.time_calls(int(size), int(batch_size))

    def time_run(self, batch_size: int, number: int) -> None:
        """Time one run: a call with all inputs."""
        total_s = time_call(self._direct.predictor, self._inputs, batch_size, self._expected)
        examples = len(self._inputs)
        print("Batch Size:{}  Total Time:{} per {} examples.".format(batch_size, total_s, examples), flush=True)
        if self._options.csv:
            row = (self._recipe.name, batch_size, number, examples, repr(total_s))
            csv_files.append(self._options.csv, layout.BASELINE_COLUMNS, [row])

    def time_calls(self, size: int, batch_size: int) -> None:
        """Time separate calls of one size."""
        seconds = list(time_calls(self._direct, self._recipe, size, batch_size))
        mean_ms = 1000 * sum(seconds) / len(seconds)
        print("Call of {} inputs: {:.3f} ms, mean of {} calls.".format(size, mean_ms, len(seconds)), flush=True)
        if self._options.calls_csv:
            rows = [(self._recipe.name, size, batch_size, repr(call_s)) for call_s in seconds]
            csv_files.append(self._options.calls_csv, layout.DIRECT_CALLS_COLUMNS, rows)


def is_foreign(chosen: recipe.Recipe) -> bool:
    """Say whether a recipe has an environment of its own, and this process is not in it."""
    return chosen.has_environment and Path(chosen.python).parents[1].resolve() != Path(sys.prefix).resolve()


def main(recipe_name: str | None = None) -> int:
    """Run the command line for one recipe (or any, without a name). Returns the process's exit code."""
    options = build_parser(recipe_name).parse_args()
    # Predicting happens in the recipe's folder, so paths that were given relative to this one are resolved now.
    for name in ("csv", "calls_csv", "expected"):
        path = getattr(options, name)
        setattr(options, name, path and path.resolve())
    try:
        chosen = recipe.load(options.recipe)
        if options.csv:
            check_csv(options.csv, layout.BASELINE_COLUMNS)
        if options.calls_csv:
            check_csv(options.calls_csv, layout.DIRECT_CALLS_COLUMNS)
    except ValueError as error:
        print("error: {}".format(error), file=sys.stderr)
        return 2
    if is_foreign(chosen) and not options.this_python:
        os.execv(chosen.python, [chosen.python, *sys.argv])
    try:
        Measurement(chosen, options).make()
    except (ValueError, OSError) as error:  # a wrong answer; a full disk
        print("error: {}: {}".format(chosen.name, error), file=sys.stderr)
        return 1
    return 0
