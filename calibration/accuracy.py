"""How accurate the instrument is: known times are found as overhead, and nothing is found as nothing.

Run as a program (``make accuracy``). Owns the truths, the tolerances and the page that tells of them. All that measures
is what measures in an experiment, and in the same way: pairs in slices, warm arms, the null system's share taken off.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import click
import pandas as pd

from servecost.bench import conditions, plan, store
from servecost.bench import experiment as experiments
from servecost.bench.arms.pair import ArmsFactory
from servecost.bench.environments import Environments
from servecost.bench.experiment import SLICE_S, Experiment
from servecost.bench.progress import Display, Journal
from servecost.bench.run import Slicing, make
from servecost.bench.runs import Kind
from servecost.core import call_log, layout
from servecost.core.overhead import EXAMPLES
from servecost.core.recipe import ROOT, Recipe, load
from servecost.report import overhead, resolution
from servecost.report.read import results
from servecost.report.read.tables import Results
from servecost.report.write import wording
from servecost.statistics import paired

PAGE = ROOT / "docs" / "accuracy.md"
DELAYS_MS = (5.0, 20.0, 50.0)
DELAY_PART, DELAY_LEAST_MS = 0.01, 0.5
# While the server delays, its predictor does nothing; called directly it works for about as long, so that the two arms
# take turns. The null system's share is known from so many requests on.
SECONDS_PER_RUN, LEAST_REQUESTS, DELAY_PAIRS = 2.0, 100, 4
ATTEMPTS = 2
CALIBRATION_RECIPES = Path(__file__).with_name("recipes")
WORKING, DIGESTS_PER_MS = CALIBRATION_RECIPES / "working", 2000
# 50 ms an input, and 2 % more when served; in requests of 1.6 s, beside which what serving itself adds vanishes.
SLEEPING, SLEEP_MS, SLEEP_SERVED_MS, SLOWER_TOLERANCE = CALIBRATION_RECIPES / "sleeping", 50, 51, 0.005
SLOWER_BATCH_SIZE, SLOWER_EXAMPLES, SLOWER_PAIRS = 32, 192, 6
# Of each model, the batch size and the examples of a pair of the baseline with itself, of about ten seconds, and how
# many rounds of how many pairs there are: the whole interval has to be within the tolerance. Pairs of efficientnet_b2
# differ by 2.3 %; those of deepsegment_en by 4.5 %, and by another 2 to 3 % from one start of its processes to another.
ZEROS = {"efficientnet_b2": (8, 192, 1, 26), "deepsegment_en": (8, 6144, 40, 2)}
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
        tolerance: how far it may be from the truth, and how wide its interval, at most.
        unit: a format of all these numbers.
        is_equal: whether the whole interval has to be so near to the truth.
    """

    what: str
    truth: float
    found: float
    half_width: float
    tolerance: float
    unit: str
    is_equal: bool = False

    @property
    def is_right(self) -> bool:
        """Whether the number found is the truth, and the interval narrow enough to say so."""
        error = abs(self.found - self.truth)
        if self.is_equal:
            return error + self.half_width <= self.tolerance
        return max(error, self.half_width) <= self.tolerance

    @property
    def row(self) -> dict[str, str]:
        """The row of the table."""

        def shown(value: float, sign: str = "") -> str:
            return format(value, self.unit.format(sign))

        return {
            "What": self.what,
            "Truth": shown(self.truth),
            "Found": f"{shown(self.found)} ± {shown(self.half_width)}",
            "Error": shown(self.found - self.truth, "+"),
            "Tolerance": f"± {shown(self.tolerance)}",
            "Found is": "right" if self.is_right else "**WRONG**",
        }


@click.command(help=__doc__)
@click.option("--all", "is_all", is_flag=True, help="deepsegment_en's baseline against itself, too.")
def main(is_all: bool) -> None:
    """Measure, write truth, found and error of each to docs/accuracy.md, and end with exit code 1 if one is wrong."""
    began_s = time.monotonic()
    findings = [delay(delay_ms) for delay_ms in DELAYS_MS]
    findings.append(slower())
    findings += [zero(recipe) for recipe in list(ZEROS)[: None if is_all else 1]]
    findings.append(Finding("logging one call, in µs", 0.0, call_log_us(), 0.0, CALL_LOG_US, "{}.1f"))
    text = page(findings)
    PAGE.write_text(text, encoding="utf-8")
    click.echo(f"{text}\n{PAGE}: after {(time.monotonic() - began_s) / 60:.1f} minutes")
    sys.exit(0 if all(finding.is_right for finding in findings) else 1)


def page(findings: Sequence[Finding]) -> str:
    """Return the page of what was found."""
    machine = conditions.machine()
    return f"""# How accurate the instrument is

Experiments whose truth is known, made by what makes all others: pairs in slices of {SLICE_S:g} s, warm arms, the null
system's share taken off. `make accuracy` repeats them and writes this page. After ± stands half the width of the 95 %
interval, over pairs of one round, or over rounds where that is said. Right: neither the error nor the half-width is
above the tolerance; of a baseline against itself, the whole interval is within it. One that is too wide to say so is
WRONG.

{wording.markdown(pd.DataFrame([finding.row for finding in findings]))}

- *A request that takes so many ms*: the server works for that time, and logs when the kernel had each request for it
  and when the kernel had its answer: the truth is what lies between. Found: the served seconds, less those of the same
  requests on the null system.
- *A predictor that is slower when it is served*: it sleeps {SLEEP_MS} ms an input, {SLEEP_SERVED_MS} ms when served.
- *The baseline against itself*: two processes that do the same, for about ten seconds each.
- *Logging one call*: what the log of the predictor's calls adds to each.

Measured on {datetime.now(UTC):%Y-%m-%d}: {machine["processor"]}, {machine["cores"]} cores, {machine["system"]}.
"""


def delay(delay_ms: float) -> Finding:
    """Find what a request takes, less the instrument's share; the truth is what the server itself logged."""
    experiment = Experiment(
        recipes=[str(WORKING)],
        systems=["delay"],
        batch_sizes=[1],
        concurrencies=[1],
        examples=max(LEAST_REQUESTS, round(1000 * SECONDS_PER_RUN / delay_ms)),
        rounds=1,
        pairs=DELAY_PAIRS,
        environment={"DELAY_MS": str(delay_ms), "DIGESTS": str(round(delay_ms * DIGESTS_PER_MS))},
    )
    with tempfile.TemporaryDirectory(prefix="accuracy-") as name:
        out = Path(name, "results")
        measure(experiment, load(str(WORKING)), out, {Kind.PAIR, Kind.LOAD})
        found = overhead.pairs(results.read(out))
        logged = [logged_ms(path) for path in sorted(out.rglob(layout.SERVER_STAGES_CSV))]
    found = found.sort_values("pair")
    found_ms = 1000 * (found["served_s"] - found["instrument_s"]) / EXAMPLES  # one example in each request
    truths_ms = pd.Series(logged, index=found.index)
    errors_ms, truth_ms = (found_ms - truths_ms).to_numpy(), float(truths_ms.mean())
    tolerance_ms = max(DELAY_PART * truth_ms, DELAY_LEAST_MS)
    what = f"a request that takes {delay_ms:g} ms, {DELAY_PAIRS} pairs, in ms"
    return Finding(what, truth_ms, truth_ms + errors_ms.mean(), paired.half_width(errors_ms), tolerance_ms, "{}.3f")


def logged_ms(stages_csv: Path) -> float:
    """Return how long the server had a request of a run, on average, by its own log."""
    at_ns = pd.read_csv(stages_csv).pivot(index="request", columns="stage", values="at_ns")
    return float((at_ns["answered"] - at_ns["received"]).mean() / 1e6)


def slower() -> Finding:
    """Find a predictor that is known to be slower when it is served."""
    experiment = Experiment(
        recipes=[str(SLEEPING)],
        systems=["delay"],
        batch_sizes=[SLOWER_BATCH_SIZE],
        concurrencies=[1],
        examples=SLOWER_EXAMPLES,
        rounds=1,
        pairs=SLOWER_PAIRS,
        environment={"DELAY_MS": "0", "NAP_MS": str(SLEEP_MS / 10), "NAP_SERVED_MS": str(SLEEP_SERVED_MS / 10)},
    )
    pairs = overhead.pairs(made(experiment, load(str(SLEEPING)), {Kind.PAIR}))
    found = paired.ratio(pairs["served_s"].to_numpy(), pairs["baseline_s"].to_numpy())
    truth = SLEEP_SERVED_MS / SLEEP_MS - 1
    what = f"a predictor that is {truth:.0%} slower when it is served, {SLOWER_PAIRS} pairs"
    return Finding(what, truth, found.value - 1, found.half_width, SLOWER_TOLERANCE, "{}.2%")


def zero(recipe: str) -> Finding:
    """Find the baseline equal to itself."""
    batch_size, examples, rounds, pairs = ZEROS[recipe]
    quick, _ = experiments.read(ROOT / "experiments" / "quick.toml")
    experiment = Experiment(
        recipes=[recipe],
        batch_sizes=[batch_size],
        concurrencies=[1],
        examples=examples,
        rounds=rounds,
        pairs=pairs,
        environment=quick.environment,
    )
    (found,) = resolution.of_baseline(made(experiment, load(recipe), {Kind.SAME}).same)
    of_rounds = f"{rounds} rounds of " if rounds > 1 else ""
    what = f"{recipe}: the baseline against itself, {of_rounds}{pairs} pairs"
    return Finding(what, 0.0, found.by, found.half_width, ZERO_TOLERANCE, "{}.2%", is_equal=True)


def made(experiment: Experiment, recipe: Recipe, kinds: set[Kind]) -> Results:
    """Return the tables of those of an experiment's parts that are of these kinds, once they are made."""
    with tempfile.TemporaryDirectory(prefix="accuracy-") as name:
        out = Path(name, "results")
        measure(experiment, recipe, out, kinds)
        return results.read(out)


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
