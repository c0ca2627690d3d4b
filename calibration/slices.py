"""What slices do to a pair: pairs in slices and undivided ones in turn, and a baseline against itself both ways.

Run as a program (``make slices``). Owns the cells, the comparison and the page that tells of it. Pairs are made by what
makes them in an experiment.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import pandas as pd
from rich.console import Console

from servecost.bench import experiment as experiments
from servecost.bench import plan, store
from servecost.bench.arms.pair import Arms, ArmsFactory
from servecost.bench.arms.protocol import Arm, Timed
from servecost.bench.environments import Environments
from servecost.bench.experiment import SLICE_S, Experiment
from servecost.bench.run import Slicing, make_pair
from servecost.bench.runs import Kind, Part, Run
from servecost.bench.turns import FOREVER, JITTER
from servecost.core import csv_files, layout
from servecost.core.recipe import ROOT, load
from servecost.report.write import wording
from servecost.statistics import paired
from servecost.statistics.paired import Ratio

UNDIVIDED = 0.0
ARMS = (layout.BASELINE, layout.SERVED)
OF_ARM = ("s", "slices", "rested_s", "idle_cpu_s")
PAGE, PAIRS = ROOT / "docs" / "slices.md", ROOT / "docs" / "slices.csv"
COLUMNS = ("case", "pair", "slice_s", "examples", *(f"{arm}_{what}" for arm in ARMS for what in OF_ARM))
# A pair that is not valid, because somebody else used the machine, say, is made again, so often at most.
TRIALS = 3
# What is wanted of the pairs of a baseline with itself, and of an arm that rests.
NARROWER, REST_CPU = 0.5, 0.001


@dataclass(frozen=True)
class Case:
    """A cell whose pairs are made both ways.

    Attributes:
        recipe: its name.
        system: its name; none for pairs of the baseline with itself.
        batch_size: examples in one request.
        concurrency: users.
        pairs: how many are made in slices, and as many undivided.
        seconds: how long the baseline shall take; None for ``examples``.
        examples: in each arm.
        environment: variables of both arms.
        settings: of the system, so that it chooses nothing by itself.
    """

    recipe: str
    system: str = ""
    batch_size: int = 8
    concurrency: int = 8
    pairs: int = 4
    seconds: float | None = None
    examples: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the page calls it."""
        if not self.system:
            return f"{self.recipe}, baseline against itself, batch size {self.batch_size}"
        return f"{self.recipe}, {self.system}, {self.batch_size} × {self.concurrency}"

    @property
    def is_alone(self) -> bool:
        """Whether the baseline takes next to no time.

        Then nothing would ever stop the served arm, so it is stopped for as long as it runs, with nothing in its place.
        """
        return self.seconds is None


FIXED = {"OPTIMAL_BATCH_SIZE": "64"}
SAME = Case("efficientnet_b2", pairs=8, seconds=10)
CASES = (
    Case("echo", "delay", 1, 1, examples=1000, environment={"DELAY_MS": "5"}),
    Case("echo", "fastdeploy", examples=32000, settings=FIXED),
    Case("deepsegment_en", "fastdeploy", seconds=5, settings=FIXED),
    Case("efficientnet_b2", "fastdeploy", seconds=5, settings={"OPTIMAL_BATCH_SIZE": "2"}),
)


@click.command(help=__doc__)
@click.option("--table", "only_table", is_flag=True, help="Write the page anew from docs/slices.csv.")
def main(only_table: bool) -> None:
    """Make all pairs, and write docs/slices.csv and docs/slices.md; exit code 1 if the page has a NO."""
    began_s = time.monotonic()
    if not only_table:
        PAIRS.unlink(missing_ok=True)
        for case in (SAME, *CASES):
            measure(case)
    text = page(pd.read_csv(PAIRS))
    PAGE.write_text(text, encoding="utf-8")
    click.echo(text)
    if not only_table:
        click.echo(f"{PAGE}: after {(time.monotonic() - began_s) / 60:.1f} minutes")
    sys.exit("**NO**" in text)


def measure(case: Case) -> None:
    """Make a case's pairs with the same two arms, one way and the other in turn."""
    malloc = experiments.read(ROOT / "experiments" / "quick.toml")[0].environment
    experiment = Experiment(
        recipes=[case.recipe],
        systems=[case.system] if case.system else ["fastdeploy"],
        batch_sizes=[case.batch_size],
        concurrencies=[case.concurrency],
        examples=case.examples,
        environment={**malloc, **case.environment},
        system={case.system: dict(case.settings)} if case.system else {},
    )
    kind = Kind.PAIR if case.system else Kind.SAME
    console = Console()
    with tempfile.TemporaryDirectory(prefix="slices-") as name:
        parts = plan.parts(experiment, [load(case.recipe)], Path(name))
        part = next(each for each in parts if each.kind is kind)
        with ArmsFactory(experiment, Environments(), lambda: None)(part) as arms:
            run = sized(case, arms, part.runs[0])
            for number in range(case.pairs):
                ways = (SLICE_S, UNDIVIDED) if number % 2 else (UNDIVIDED, SLICE_S)
                for slice_s in ways:
                    timed = valid(case, arms, part, run, slice_s, number)
                    seconds = [value for arm in ARMS for value in shown_of(timed.get(arm))]
                    csv_files.append(PAIRS, COLUMNS, [(case.name, number, slice_s, run.examples, *seconds)])
                    console.print(f"{case.name}, pair {number}, slices of {slice_s:g} s: {seconds}", markup=False)


def sized(case: Case, arms: Arms, run: Run) -> Run:
    """Return a case's run with so many examples that its baseline takes the wanted seconds: whole batches."""
    if case.seconds is None:
        return run
    baseline = arms.by_name[layout.BASELINE]
    baseline.ready()
    trial = replace(run, examples=8 * run.batch_size)
    example_s = baseline.warm(trial) / trial.examples
    batches = max(case.concurrency, round(case.seconds / example_s / run.batch_size))
    return replace(run, examples=batches * run.batch_size)


def valid(case: Case, arms: Arms, part: Part, run: Run, slice_s: float, number: int) -> dict[str, Timed]:
    """Return what both arms amount to in a valid pair. Raises ClickException if there is none in TRIALS."""
    for _ in range(TRIALS):
        store.make_room(run)
        if case.is_alone:
            timed = {layout.SERVED: with_rests(arms.by_name[layout.SERVED], run, slice_s, number)}
        else:
            timed = make_pair(arms, part, run, Slicing(slice_s, number))
        broken = [each.verdict for each in timed.values() if not each.verdict.is_valid]
        if not broken:
            return timed
    raise click.ClickException(f"{case.name} in slices of {slice_s:g} s, in {TRIALS} trials: {broken[0]}")


def shown_of(timed: Timed | None) -> tuple[Any, ...]:
    """Return an arm's values by OF_ARM; nothing for each if there is no such arm."""
    if timed is None:
        return ("",) * len(OF_ARM)
    return timed.total_s, len(timed.use.slices), timed.use.rested_s, timed.use.idle_cpu_s


def with_rests(arm: Arm, run: Run, slice_s: float, number: int) -> Timed:
    """Return what an arm amounts to that is stopped after every slice, for as long as that has lasted.

    The lengths are those of a pair's slices: they vary by ``JITTER``.
    """
    dice = random.Random(f"{number}/{slice_s}")
    arm.ready()
    arm.warm(run)
    arm.begin(run, run.unfinished_place)
    seconds = slice_s * dice.uniform(1 - JITTER, 1 + JITTER)
    while not arm.advance(time.monotonic() + seconds if slice_s else FOREVER):
        time.sleep(seconds)
        seconds = slice_s * dice.uniform(1 - JITTER, 1 + JITTER)
    return arm.finish()


def page(pairs: pd.DataFrame) -> str:
    """Return the page of evidence."""
    return f"""# What slices do

The arms of a pair take turns of `slice_s` seconds, and a stopped arm is stopped as a whole: each of its processes gets
SIGSTOP, and SIGCONT when its turn comes. Here the same pairs were made in slices of {SLICE_S:g} s and undivided, in
turn, with the same two processes. `make slices` repeats it; [slices.csv](slices.csv) has every pair. Intervals are of
95 %: of the ratio of two means, from the residuals of the pairs (Student's t).

## The answer is the same

Served ÷ baseline. Echo's baseline takes next to no time: there the served arm was stopped for as long as it ran, with
nothing in its place, and the seconds in slices stand divided by those of the undivided runs.

{wording.markdown(pd.DataFrame(answer_rows(pairs)))}

## What slices cost each arm

Seconds in slices ÷ seconds undivided, of the same arm.

{wording.markdown(pd.DataFrame(cost_rows(pairs)))}

## What they are good for

Two processes that do the same: {SAME.recipe} at batch size {SAME.batch_size}, {SAME.pairs} pairs each way of some
{SAME.seconds:g} s. Wanted: an interval at most half as wide in slices, with 1 in it.

{wording.markdown(pd.DataFrame(same_rows(pairs)))}

## An arm that rests

CPU that the processes of an arm used while they were stopped. Wanted: {REST_CPU:.1%} of a core at most. The kernel
counts in ticks of 10 ms.

{wording.markdown(pd.DataFrame(rest_rows(pairs)))}

## What does not change

Every pair above is VALID: exactly N examples, a ledger that closes, right answers, a server's own count that agrees.
When a bench is ended in a slice, nothing runs, nothing stays stopped and nothing half is kept: `tests/end_to_end` tests
that for SIGTERM, which is as Ctrl-C, and for SIGKILL.
"""


def ways(pairs: pd.DataFrame, case: Case) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a case's pairs in slices, and the undivided ones, each in the order in which they were made."""
    own = pairs[pairs["case"] == case.name].sort_values("pair")
    return own[own["slice_s"] != UNDIVIDED], own[own["slice_s"] == UNDIVIDED]


def answer_rows(pairs: pd.DataFrame) -> Iterator[dict[str, str]]:
    """Yield, for each cell, the answer both ways, and whether they agree."""
    for case in CASES:
        sliced, undivided = ways(pairs, case)
        if case.is_alone:
            found = paired.ratio(list(sliced["served_s"]), list(undivided["served_s"]))
            yield row(case, shown(found), "1", abs(found.value - 1) <= found.half_width)
            continue
        first, second = (paired.ratio(list(own["served_s"]), list(own["baseline_s"])) for own in (sliced, undivided))
        apart = abs(first.value - second.value)
        yield row(case, shown(first), shown(second), apart <= (first.half_width**2 + second.half_width**2) ** 0.5)


def row(case: Case, sliced: str, undivided: str, agree: bool) -> dict[str, str]:
    """Return a row of the answers."""
    heading = {"Cell": case.name, f"In slices of {SLICE_S:g} s": sliced, "Undivided": undivided}
    return {**heading, "Within both intervals": yes(agree)}


def cost_rows(pairs: pd.DataFrame) -> Iterator[dict[str, str]]:
    """Yield, for each cell and arm, what slices cost it."""
    for case in (*CASES, SAME):
        sliced, undivided = ways(pairs, case)
        for arm in ARMS[1:] if case.is_alone else ARMS:
            name = f"{arm}_s"
            yield {
                "Cell": case.name,
                "Arm": "baseline, again" if case is SAME and arm == layout.SERVED else arm,
                "Slices of a run": f"{sliced[f'{arm}_slices'].mean():.1f}",
                "Undivided, s": f"{undivided[name].mean():.2f}",
                "In slices, s": f"{sliced[name].mean():.2f}",
                "In slices ÷ undivided": shown(paired.ratio(list(sliced[name]), list(undivided[name]))),
            }


def same_rows(pairs: pd.DataFrame) -> Iterator[dict[str, str]]:
    """Yield what pairs of the baseline with itself show, both ways."""
    sliced, undivided = (paired.ratio(list(own["served_s"]), list(own["baseline_s"])) for own in ways(pairs, SAME))
    narrower = sliced.half_width <= NARROWER * undivided.half_width
    yield {"": f"in slices of {SLICE_S:g} s", "Again ÷ first": shown(sliced), "1 within": yes(holds(sliced))}
    yield {"": "undivided", "Again ÷ first": shown(undivided), "1 within": yes(holds(undivided))}
    times = sliced.half_width / undivided.half_width
    yield {"": "width, in slices ÷ undivided", "Again ÷ first": f"{times:.2f}", "1 within": f"half: {yes(narrower)}"}


def holds(found: Ratio) -> bool:
    """Return whether an interval has 1 in it."""
    return abs(found.value - 1) <= found.half_width


def rest_rows(pairs: pd.DataFrame) -> Iterator[dict[str, str]]:
    """Yield what each arm used while it rested."""
    for case in (*CASES, SAME):
        own = pairs[(pairs["case"] == case.name) & (pairs["slice_s"] != UNDIVIDED)]
        for arm in ARMS[1:] if case.is_alone else ARMS:
            rested_s, used_s = own[f"{arm}_rested_s"].sum(), own[f"{arm}_idle_cpu_s"].sum()
            yield {
                "Cell": case.name,
                "Arm": arm,
                "Rested, s": f"{rested_s:.1f}",
                "CPU, s": f"{used_s:.2f}",
                "Of a core": f"{used_s / rested_s:.2%}",
                f"At most {REST_CPU:.1%}": yes(used_s <= REST_CPU * rested_s),
            }


def yes(is_so: bool) -> str:
    """Return a word that is easily found."""
    return "yes" if is_so else "**NO**"


def shown(found: Ratio) -> str:
    """Return a ratio with its interval."""
    return f"{found.value:.3f} ± {found.half_width:.3f}"


if __name__ == "__main__":
    main()
