"""Times the direct arm: one ``predictor(inputs, batch_size=b)`` call with all inputs of a run, decoding included.

Also times separate calls of few inputs, so that it is known what the calls that a server makes cost directly. Owns the
baseline's clock and its CSV files. Needs the standard library and the recipe only; knows nothing of serving.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List, Sequence

from servecost.core import answers, call_log, csv_files, layout, recipe
from servecost.core.options import at_least

Predictor = Callable[..., List[Any]]

BATCH_SIZES = (1, 8, 32, 64, 128, 256, 512)
EXAMPLES = 10000
RUNS = 3
WARM_UPS = 3
# A size's calls are repeated until they have taken this long together and are this many, unless they take very long.
CALLS_S, CALLS_LEAST, CALLS_MOST, CALLS_LIMIT_S = 0.5, 3, 1000, 3.0


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
    return parser


class Direct:
    """A recipe's predictor in this process, its calls logged as they are when it is served.

    Attributes:
        predictor: the predictor, in the wrapper that a served one has, too.
        log: start and end in ns, inputs and batch size of each call.
    """

    def __init__(self, folder: Path) -> None:
        """Import the predictor as fastDeploy does: from within its folder."""
        sys.path.insert(0, str(folder))
        os.chdir(str(folder))
        self.log: list[tuple[int, int, int, int]] = []
        predictor = importlib.import_module("predictor").predictor
        self.predictor = call_log.logged(predictor, lambda *call: self.log.append(call))

    def call_s(self, inputs: list[Any], batch_size: int) -> float:
        """Return the seconds of a call, from its entry in the log."""
        self.predictor(inputs, batch_size=batch_size)
        start_ns, end_ns, _, _ = self.log.pop()
        return float(end_ns - start_ns) / 1e9


def warm_up(predictor: Predictor, example: list[Any]) -> list[Any]:
    """Call the predictor on the example, untimed, and return its answers, printed for the reader to check."""
    for _ in range(WARM_UPS):
        answer = predictor(example)
    print(f"Warmed up with {WARM_UPS} calls. The example's answer:")
    print(answer, flush=True)
    return answer


def time_call(predictor: Predictor, inputs: list[Any], batch_size: int, expected: list[Any]) -> float:
    """Return the seconds of one call with all ``inputs``. Raises ValueError when an answer differs from the example's.

    The answers are checked after the clock has stopped.
    """
    start_ns = time.perf_counter_ns()
    given = predictor(inputs, batch_size=batch_size)
    total_s = (time.perf_counter_ns() - start_ns) / 1e9
    if len(given) != len(inputs):
        raise ValueError(f"the predictor gave {len(given)} answers to {len(inputs)} inputs")
    for index, answer in enumerate(given):
        if not answers.same(expected[index % len(expected)], answer):
            raise ValueError(f"batch size {batch_size}: answer {index} differs from the example's: {answer!r}")
    return total_s


def time_calls(direct: Direct, chosen: recipe.Recipe, size: int, batch_size: int) -> Iterator[float]:
    """Yield the seconds of separate calls of ``size`` inputs."""
    spent_s, count, inputs = 0.0, 0, chosen.inputs(size)
    while (spent_s < CALLS_S or count < CALLS_LEAST) and spent_s < CALLS_LIMIT_S:
        seconds = direct.call_s(inputs, batch_size)
        spent_s, count = spent_s + seconds, count + 1
        yield seconds
        if count >= CALLS_MOST:
            return


def check_csv(path: Path, columns: Sequence[str]) -> None:
    """Raise ValueError when ``path`` exists and has other columns: what it holds shall not be mixed with ours."""
    if path.exists() and path.stat().st_size:
        with path.open() as file:
            header = tuple(next(csv.reader(file)))
        if header != columns:
            raise ValueError(
                "{} is no baseline CSV (its header is {}); name another file".format(path, ",".join(header))
            )


class Measurement:
    """What one command line asks for."""

    def __init__(self, chosen: recipe.Recipe, options: argparse.Namespace) -> None:
        """Warm up, and leave the answers to the example where they are asked for."""
        self._recipe, self._options = chosen, options
        self._direct = Direct(chosen.folder)
        self._expected = warm_up(self._direct.predictor, list(chosen.example))
        if options.expected:
            answers.write(options.expected, self._expected)
        self._inputs = chosen.inputs(options.examples)

    def make(self) -> None:
        """Time everything, in the order of the command line or of standard input."""
        if self._options.on_request:
            for line in sys.stdin:
                self._do(*line.split())
            return
        for batch_size in self._options.batch_size:
            for run in range(1, self._options.runs + 1):
                self.run(batch_size, run)
        for size in self._options.calls:
            self.calls(size, size)

    def _do(self, what: str, batch_size: str, *sizes: str) -> None:
        if what == "run":
            self.run(int(batch_size), 1)
        else:
            for size in sizes:
                self.calls(int(size), int(batch_size))

    def run(self, batch_size: int, number: int) -> None:
        """Time one run: a call with all inputs."""
        total_s = time_call(self._direct.predictor, self._inputs, batch_size, self._expected)
        examples = len(self._inputs)
        print(f"Batch Size:{batch_size}  Total Time:{total_s} per {examples} examples.", flush=True)
        if self._options.csv:
            row = (self._recipe.name, batch_size, number, examples, repr(total_s))
            csv_files.append(self._options.csv, layout.BASELINE_COLUMNS, [row])

    def calls(self, size: int, batch_size: int) -> None:
        """Time separate calls of one size."""
        seconds = list(time_calls(self._direct, self._recipe, size, batch_size))
        mean_ms = 1000 * sum(seconds) / len(seconds)
        print(f"Call of {size} inputs: {mean_ms:.3f} ms, mean of {len(seconds)} calls.", flush=True)
        if self._options.calls_csv:
            rows = [(self._recipe.name, size, batch_size, repr(call_s)) for call_s in seconds]
            csv_files.append(self._options.calls_csv, layout.DIRECT_CALLS_COLUMNS, rows)


def is_foreign(chosen: recipe.Recipe) -> bool:
    """Say whether a recipe has an environment of its own, and this process is not in it."""
    return chosen.python != sys.executable and Path(chosen.python).parents[1].resolve() != Path(sys.prefix).resolve()


def main(recipe_name: str | None = None) -> int:
    """Run the command line for one recipe (or any, without a name). Returns the process's exit code."""
    options = build_parser(recipe_name).parse_args()
    # Predicting happens in the recipe's folder, so paths that were given relative to this one are resolved now.
    options.csv = options.csv and options.csv.resolve()
    options.calls_csv = options.calls_csv and options.calls_csv.resolve()
    options.expected = options.expected and options.expected.resolve()
    try:
        chosen = recipe.load(options.recipe)
        if options.csv:
            check_csv(options.csv, layout.BASELINE_COLUMNS)
        if options.calls_csv:
            check_csv(options.calls_csv, layout.DIRECT_CALLS_COLUMNS)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if is_foreign(chosen):
        os.execv(chosen.python, [chosen.python, *sys.argv])
    try:
        Measurement(chosen, options).make()
    except (ValueError, OSError) as error:  # a wrong answer; a full disk
        print(f"error: {chosen.name}: {error}", file=sys.stderr)
        return 1
    return 0
