"""How accurate the instrument is: known times are found as overhead, and nothing is found as nothing.

Run as a program (``make accuracy``). Owns the truths and the tolerances. All that measures is what measures in an
experiment, and in the same way: pairs in slices, warm arms, the null system's share taken off.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
import pandas as pd
from rich.console import Console
from rich.table import Table

from servecost.bench import experiment as experiments
from servecost.bench import plan, store
from servecost.bench.arms.pair import ArmsFactory
from servecost.bench.environments import Environments
from servecost.bench.experiment import Experiment
from servecost.bench.progress import Display, Journal
from servecost.bench.run import Slicing, make
from servecost.bench.runs import Kind
from servecost.core import call_log, layout
from servecost.core.overhead import EXAMPLES
from servecost.core.recipe import ROOT, Recipe, load
from servecost.report import overhead
from servecost.report.read import results
from servecost.statistics import paired
from servecost.statistics.paired import Ratio

DELAYS_MS = (5.0, 20.0, 50.0)
DELAY_PART, DELAY_LEAST_MS = 0.01, 0.2
# While the server delays, its predictor does nothing; called directly it works for about as long, so that the two arms
# take turns. The null system's share is known from so many requests on.
SECONDS_PER_RUN, LEAST_REQUESTS = 4.0, 100
ATTEMPTS = 2
SLOWER, SLOWER_TOLERANCE = 0.02, 0.01
WORKING, DIGESTS_PER_MS = Path(__file__).with_name("recipes") / "working", 3200
SLOWER_MS = 25.0  # an example, about
# About 200 ms a request: what serving itself adds to a request vanishes beside that.
SLOWER_BATCH_SIZE, SLOWER_EXAMPLES = 8, 480
# Of each model, the batch size and the examples of a pair of the baseline with itself: so many that a full collection
# of Python's garbage, a quarter of a second with TensorFlow 2, and one in some seconds, is a small part of a run.
ZEROS = {"deepsegment_en": (8, 12288), "efficientnet_b2": (8, 768)}
ZERO_TOLERANCE = 0.02
# What the log may add to a call, and of how many calls, how often, the time is taken.
CALL_LOG_US, CALLS, REPETITIONS = 10, 1000, 15


@dataclass(frozen=True)
class Finding:
    """One truth, and what the instrument found.

    Attributes:
        what: what was measured.
        truth: what it is.
        found: what was found.
        half_width: half the width of the interval of ``found``.
        tolerance: how far the whole interval may reach from the truth.
        unit: a format of all these numbers.
    """

    what: str
    truth: float
    found: float
    half_width: float
    tolerance: float
    unit: str

    @property
    def is_right(self) -> bool:
        """Whether the number found is the truth, and the interval narrow enough to say so."""
        return abs(self.found - self.truth) <= self.tolerance and self.half_width <= self.tolerance

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table."""

        def shown(value: float, sign: str = "") -> str:
            return format(value, self.unit.format(sign))

        found = f"{shown(self.found)} ± {shown(self.half_width)}"
        error, tolerance = shown(self.found - self.truth, "+"), f"± {shown(self.tolerance)}"
        return self.what, shown(self.truth), found, error, tolerance, "right" if self.is_right else "WRONG"


@click.command(help=__doc__)
@click.option("--rounds", type=click.IntRange(2), default=2, show_default=True, help="For each delay.")
@click.option("--zero-rounds", type=click.IntRange(2), default=6, show_default=True, help="For everything else.")
def main(rounds: int, zero_rounds: int) -> None:
    """Measure, print truth, found and error of each, and end with exit code 1 if one is outside its tolerance."""
    findings = [delay(delay_ms, slice_s, rounds) for delay_ms in DELAYS_MS for slice_s in (experiments.SLICE_S, 0.0)]
    findings.append(slower(zero_rounds))
    findings += [zero(recipe, zero_rounds) for recipe in ZEROS]
    findings.append(Finding("logging one call, µs", 0.0, call_log_us(), 0.0, CALL_LOG_US, "{}.1f"))
    table = Table(title="Accuracy of the instrument", title_justify="left")
    for column in ("What", "Truth", "Found", "Error", "Tolerance", ""):
        table.add_column(column, justify="left" if column in ("What", "") else "right")
    for finding in findings:
        table.add_row(*finding.cells)
    Console(width=140).print(table)
    sys.exit(0 if all(finding.is_right for finding in findings) else 1)


def delay(delay_ms: float, slice_s: float, rounds: int) -> Finding:
    """Find what a request takes, less the instrument's share; the truth is what the server itself logged."""
    experiment = Experiment(
        recipes=[str(WORKING)],
        systems=["delay"],
        batch_sizes=[1],
        concurrencies=[1],
        examples=max(LEAST_REQUESTS, round(1000 * SECONDS_PER_RUN / delay_ms)),
        rounds=rounds,
        slice_s=slice_s,
        environment={"DELAY_MS": str(delay_ms), **work(delay_ms, 0)},
    )
    with tempfile.TemporaryDirectory(prefix="accuracy-") as name:
        out = Path(name, "results")
        measure(experiment, load(str(WORKING)), out, {Kind.PAIR, Kind.LOAD})
        found = overhead.pairs(results.read(out))
        logged = [logged_ms(path) for path in sorted(out.rglob(layout.SERVER_STAGES_CSV))]
    found = found.sort_values("round")
    found_ms = 1000 * (found["served_s"] - found["instrument_s"]) / EXAMPLES  # one example in each request
    truths_ms = pd.Series(logged, index=found.index)
    errors_ms, truth_ms = (found_ms - truths_ms).to_numpy(), float(truths_ms.mean())
    how = f"in slices of {slice_s:g} s" if slice_s else "undivided"
    tolerance_ms = max(DELAY_PART * truth_ms, DELAY_LEAST_MS)
    what = f"a request that takes {delay_ms:g} ms, ms, {how}, {rounds} rounds"
    return Finding(what, truth_ms, truth_ms + errors_ms.mean(), paired.half_width(errors_ms), tolerance_ms, "{}.3f")


def work(milliseconds: float, times_served: float) -> dict[str, str]:
    """Return the variables of the working recipe: how long an example takes, about, and how much of that served."""
    return {"DIGESTS": str(round(milliseconds * DIGESTS_PER_MS)), "TIMES_SERVED": str(times_served)}


def logged_ms(stages_csv: Path) -> float:
    """Return how long the server had a request of a run, on average, by its own log."""
    at_ns = pd.read_csv(stages_csv).pivot(index="request", columns="stage", values="at_ns")
    return float((at_ns["answered"] - at_ns["received"]).mean() / 1e6)


def slower(rounds: int) -> Finding:
    """Find a predictor that is known to be slower when it is served."""
    experiment = Experiment(
        recipes=[str(WORKING)],
        systems=["delay"],
        batch_sizes=[SLOWER_BATCH_SIZE],
        concurrencies=[1],
        examples=SLOWER_EXAMPLES,
        rounds=rounds,
        environment={"DELAY_MS": "0", **work(SLOWER_MS, 1 + SLOWER)},
    )
    found = ratio_of(experiment, load(str(WORKING)), Kind.PAIR)
    what = f"a predictor that is {SLOWER:.0%} slower when it is served, {rounds} rounds"
    return Finding(what, SLOWER, found.value - 1, found.half_width, SLOWER_TOLERANCE, "{}.2%")


def zero(recipe: str, rounds: int) -> Finding:
    """Find the baseline equal to itself."""
    batch_size, examples = ZEROS[recipe]
    quick, _ = experiments.read(ROOT / "experiments" / "quick.toml")
    experiment = Experiment(
        recipes=[recipe],
        batch_sizes=[batch_size],
        concurrencies=[1],
        examples=examples,
        rounds=rounds,
        environment=quick.environment,
    )
    found = ratio_of(experiment, load(recipe), Kind.SAME)
    what = f"{recipe}: the baseline against itself, {rounds} rounds"
    return Finding(what, 0.0, found.value - 1, found.half_width, ZERO_TOLERANCE, "{}.2%")


def ratio_of(experiment: Experiment, recipe: Recipe, kind: Kind) -> Ratio:
    """Return served / baseline, or the second run of a baseline / the first, over an experiment's pairs of one kind."""
    with tempfile.TemporaryDirectory(prefix="accuracy-") as name:
        out = Path(name, "results")
        measure(experiment, recipe, out, {kind})
        found = results.read(out)
        if kind is Kind.SAME:
            return paired.ratio(found.same["again_s"].to_numpy(), found.same["total_s"].to_numpy())
        pairs = overhead.pairs(found)
        return paired.ratio(pairs["served_s"].to_numpy(), pairs["baseline_s"].to_numpy())


def measure(experiment: Experiment, recipe: Recipe, out: Path, kinds: set[Kind]) -> None:
    """Make those of an experiment's parts that are of these kinds; pairs that fail are made again, as a user would."""
    out.mkdir(parents=True)
    planned = plan.parts(experiment, [recipe], out)
    plan.write([part for part in planned if part.kind in kinds], out)
    failures: list[str] = []
    for _ in range(ATTEMPTS):
        missing = store.pending(part for part in planned if part.kind in kinds)
        with Display([run for each in missing for run in each.runs]) as display:
            journal = Journal(out, display)
            arms_of = ArmsFactory(experiment, Environments(display.tick, display.say), display.tick)
            make(missing, arms_of, Slicing(experiment.slice_s, experiment.seed), journal)
        if not (failures := [str(failure) for failure in journal.failures]):
            return
    raise click.ClickException("; ".join(failures))


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


if __name__ == "__main__":
    main()
