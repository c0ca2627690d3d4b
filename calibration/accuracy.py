"""How accurate the instrument is: known delays are measured as overhead, and nothing is measured as nothing.

Run as a program (``make accuracy``). Owns the truths and the tolerances. All that measures is what measures in an
experiment: the bench, Locust, the baseline script, the null system.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import click
import pandas as pd
from rich.console import Console
from rich.table import Table

from servecost.bench import run as bench
from servecost.bench.arms.direct import direct_arm
from servecost.bench.arms.protocol import FOREVER, Arm
from servecost.bench.arms.server import ServerSpec, serve
from servecost.bench.conditions import Subject
from servecost.bench.experiment import Experiment
from servecost.bench.runs import Kind, Part, Run
from servecost.core import call_log, systems
from servecost.core.layout import EXPECTED_JSON
from servecost.core.overhead import EXAMPLES
from servecost.core.recipe import load
from servecost.report import overhead
from servecost.report.read import results

DELAYS_MS = (5.0, 20.0, 50.0)
RELATIVE, ABSOLUTE_MS = 0.01, 0.2
ROUNDS = 3
SECONDS_PER_RUN = 4
ZERO_ROUNDS = 6
# What the log may add to a call, and of how many calls, how often, the time is taken.
CALL_LOG_US, CALLS, REPETITIONS = 10, 1000, 15
ZERO_RECIPE, ZERO_BATCH_SIZE, ZERO_EXAMPLES = "deepsegment_en", 8, 1024


@click.command(help=__doc__)
@click.option("--rounds", type=click.IntRange(2), default=ROUNDS, show_default=True, help="For each delay.")
@click.option("--zero-rounds", type=click.IntRange(2), default=ZERO_ROUNDS, show_default=True, help="For each zero.")
def main(rounds: int, zero_rounds: int) -> None:
    """Measure, print truth, found and error of each, and end with exit code 1 if one is outside its tolerance."""
    table = Table(title="Accuracy of the instrument", title_justify="left")
    for column in ("What", "Truth", "Found", "Error", "Tolerance", ""):
        table.add_column(column, justify="left" if column in ("What", "") else "right")
    is_right = []
    for truth_ms in DELAYS_MS:
        found_ms, half_width_ms = found_delay_ms(truth_ms, rounds)
        error_ms, tolerance_ms = found_ms - truth_ms, max(RELATIVE * truth_ms, ABSOLUTE_MS)
        is_right.append(abs(error_ms) <= tolerance_ms)
        found = f"{found_ms:.3f} ± {half_width_ms:.3f} ms"
        what = f"overhead of a request with a known delay, {rounds} rounds"
        cells = f"{truth_ms:.3f} ms", found, f"{error_ms:+.3f} ms", f"± {tolerance_ms:.3f} ms"
        table.add_row(what, *cells, verdict(is_right[-1]))
    cost_us = call_log_us()
    is_right.append(cost_us <= CALL_LOG_US)
    table.add_row(
        "logging one call", "0", f"{cost_us:.1f} µs", f"{cost_us:+.1f} µs", f"{CALL_LOG_US} µs", verdict(is_right[-1])
    )
    for what, has_server in (("baseline against baseline", False), ("… with a stopped server beside one", True)):
        difference, half_width = zero(zero_rounds, has_server)
        is_right.append(abs(difference) <= half_width)
        found = f"{difference:+.2%} ± {half_width:.2%}"
        table.add_row(
            f"{what}, {zero_rounds} rounds", "0", found, f"{difference:+.2%}", "interval", verdict(is_right[-1])
        )
    Console(width=140).print(table)
    sys.exit(0 if all(is_right) else 1)


def verdict(is_right: bool) -> str:
    """Return a word."""
    return "right" if is_right else "WRONG"


def found_delay_ms(delay_ms: float, rounds: int) -> tuple[float, float]:
    """Return the overhead of a request as it is measured on ``systems.delay``, less the instrument's share.

    With half the width of its interval; both in ms.
    """
    experiment = Experiment(
        recipes=["echo"],
        systems=["delay"],
        batch_sizes=[1],
        concurrencies=[1],
        examples=round(1000 * SECONDS_PER_RUN / delay_ms),
        rounds=rounds,
        environment={"DELAY_MS": str(delay_ms)},
    )
    with tempfile.TemporaryDirectory(prefix="accuracy-") as folder:
        failures = bench.run(experiment, [load("echo")], Path(folder, "results"))
        if failures:
            raise click.ClickException("; ".join(failures))
        paired = overhead.pairs(results.read(Path(folder, "results")))
    requests = EXAMPLES  # one example in each
    per_request_ms = 1000 * (paired["overhead_s"] - paired["instrument_s"]) / requests
    return float(per_request_ms.mean()), overhead.half_width(per_request_ms)


def call_log_us() -> float:
    """Return what the log of a predictor's calls adds to one call, in µs: the median of the differences."""

    def nothing(inputs: list[int], batch_size: int) -> list[int]:
        return inputs

    def call_us(predictor: Callable[..., object]) -> float:
        began_s = time.perf_counter()
        for _ in range(CALLS):
            predictor([1], batch_size=1)
        return (time.perf_counter() - began_s) / CALLS * 1e6

    with tempfile.TemporaryDirectory(prefix="accuracy-") as folder:
        logged = call_log.logged(nothing, call_log.to_file(str(Path(folder, call_log.LOG))))
        return median(call_us(logged) - call_us(nothing) for _ in range(REPETITIONS))


def zero(rounds: int, has_server: bool) -> tuple[float, float]:
    """Return the difference of two fresh baseline processes, relative to their mean, and half its interval's width.

    Paired within a round, the order reversed every other round. With ``has_server``, a server of the same recipe is
    beside the second, as it is in an experiment: started, and stopped.
    """
    differences = []
    for number in range(rounds):
        order = (False, True) if number % 2 == 0 else (True, False)
        totals = {is_second: baseline_s(is_second and has_server) for is_second in order}
        differences.append(2 * (totals[True] - totals[False]) / (totals[True] + totals[False]))
    values = pd.Series(differences)
    return float(values.mean()), overhead.half_width(values)


def baseline_s(has_server: bool) -> float:
    """Return the seconds of one baseline run in a process of its own."""
    recipe, system = load(ZERO_RECIPE), systems.load(systems.default())
    with tempfile.TemporaryDirectory(prefix="accuracy-") as name, ExitStack() as stack:
        folder = Path(name)
        run = Run(Kind.BASELINE, "zero", "zero", folder, ZERO_EXAMPLES, ZERO_BATCH_SIZE)
        part = Part(1, recipe, system.name, folder, folder / EXPECTED_JSON, (run,))
        subject = Subject(recipe, system.name, recipe.python, {})
        arm = stack.enter_context(direct_arm(part, subject, lambda: None))
        if has_server:
            spec = ServerSpec(recipe, system, recipe.python, folder, request_timeout_s=3600)
            server = stack.enter_context(serve(spec, arm.ready))
            stack.enter_context(server.suspended())
        timed_s(arm, run)  # the first long call of a process is slower
        return timed_s(arm, run)


def timed_s(arm: Arm, run: Run) -> float:
    """Return the seconds of a run of an arm, made now."""
    arm.begin(run)
    while not arm.advance(FOREVER):
        pass
    return arm.finish().total_s


if __name__ == "__main__":
    main()
