"""Times the direct arm: one ``predictor(inputs, batch_size=b)`` call with all inputs of a run, decoding included.

Owns the baseline's clock and its CSV. Needs the standard library and the recipe only; knows nothing of serving.
"""

import argparse
import csv
import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # scripts are run by path: their root is not importable

from contract import answers, recipe, results
from contract.options import at_least

Predictor = Callable[..., List[Any]]

BATCH_SIZES = (1, 8, 32, 64, 128, 256, 512)
EXAMPLES = 10000
RUNS = 3
WARM_UPS = 3


def build_parser(recipe_name: Optional[str]) -> argparse.ArgumentParser:
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
    parser.add_argument("--expected", type=Path, metavar="FILE", help="write the answers to the example to this file")
    return parser


def import_predictor(folder: Path) -> Predictor:
    """Import a recipe's predictor as fastDeploy does: from within its folder."""
    sys.path.insert(0, str(folder))
    os.chdir(str(folder))
    predictor: Predictor = importlib.import_module("predictor").predictor
    return predictor


def warm_up(predictor: Predictor, example: List[Any]) -> List[Any]:
    """Call the predictor on the example, untimed, and return its answers, printed for the reader to check."""
    for _ in range(WARM_UPS):
        answer = predictor(example)
    print("Warmed up with {} calls. The example's answer:".format(WARM_UPS))
    print(answer, flush=True)
    return answer


def time_call(predictor: Predictor, inputs: List[Any], batch_size: int, expected: List[Any]) -> float:
    """Return the seconds of one call with all ``inputs``. Raises ValueError when an answer differs from the example's.

    The answers are checked after the clock has stopped.
    """
    start_ns = time.perf_counter_ns()
    given = predictor(inputs, batch_size=batch_size)
    total_s = (time.perf_counter_ns() - start_ns) / 1e9
    if len(given) != len(inputs):
        raise ValueError("the predictor gave {} answers to {} inputs".format(len(given), len(inputs)))
    for index, answer in enumerate(given):
        if not answers.same(expected[index % len(expected)], answer):
            raise ValueError(
                "batch size {}: answer {} differs from the example's: {!r}".format(batch_size, index, answer)
            )
    return total_s


def check_csv(path: Path) -> None:
    """Raise ValueError when ``path`` exists and is no baseline CSV: what it holds shall not be mixed with ours."""
    if path.exists() and path.stat().st_size:
        with path.open() as file:
            header = tuple(next(csv.reader(file)))
        if header != results.BASELINE_COLUMNS:
            raise ValueError(
                "{} is no baseline CSV (its header is {}); name another file".format(path, ",".join(header))
            )


def append_row(path: Path, row: Sequence[Any]) -> None:
    """Append one run to the CSV, with a header if it is new; in one write, so that a crash leaves whole rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [results.BASELINE_COLUMNS, row] if not path.exists() or not path.stat().st_size else [row]
    with path.open("a", newline="") as file:
        csv.writer(file).writerows(rows)
        file.flush()
        os.fsync(file.fileno())


def measure(chosen: recipe.Recipe, options: argparse.Namespace) -> Iterator[Sequence[Any]]:
    """Warm up, then yield a row of the CSV for each timed run."""
    predictor = import_predictor(chosen.folder)
    expected = warm_up(predictor, list(chosen.example))
    if options.expected:
        answers.write(options.expected, expected)
    inputs = chosen.inputs(options.examples)
    for batch_size in options.batch_size:
        for run in range(1, options.runs + 1):
            total_s = time_call(predictor, inputs, batch_size, expected)
            print("Batch Size:{}  Total Time:{} per {} examples.".format(batch_size, total_s, len(inputs)), flush=True)
            yield (chosen.name, batch_size, run, len(inputs), repr(total_s))


def main(recipe_name: Optional[str] = None) -> int:
    """Run the command line for one recipe (or any, without a name). Returns the process's exit code."""
    options = build_parser(recipe_name).parse_args()
    # Predicting happens in the recipe's folder, so paths that were given relative to this one are resolved now.
    options.csv = options.csv and options.csv.resolve()
    options.expected = options.expected and options.expected.resolve()
    try:
        chosen = recipe.load(options.recipe)
        if options.csv:
            check_csv(options.csv)
    except ValueError as error:
        print("error: {}".format(error), file=sys.stderr)
        return 2
    try:
        for row in measure(chosen, options):
            if options.csv:
                append_row(options.csv, row)
    except ValueError as error:
        print("error: {}: {}".format(chosen.name, error), file=sys.stderr)
        return 1
    return 0
