"""What it costs an arm to be stopped and continued: the same pairs, in slices of several lengths and undivided.

Run as a program (``make slices``). Owns the cells, the comparison and the page that tells of it. Pairs are made by what
makes them in an experiment. Each is written down at once, and a later run goes on where an earlier one was stopped.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd
from rich.console import Console
from scipy import special

from servecost.bench import experiment as experiments
from servecost.bench import plan, store
from servecost.bench.arms.pair import ArmsFactory
from servecost.bench.arms.protocol import Arm, Timed
from servecost.bench.environments import Environments
from servecost.bench.experiment import Experiment
from servecost.bench.run import Slicing, make_pair
from servecost.bench.runs import Kind, Run
from servecost.bench.turns import FOREVER, JITTER
from servecost.core import csv_files, layout
from servecost.core.recipe import ROOT, load
from servecost.report.write import wording
from servecost.statistics import paired

SLICES_S = (0.5, 1.0, 2.0, 4.0)
UNDIVIDED = 0.0
ARMS = (layout.BASELINE, layout.SERVED)
PAGE, PAIRS = ROOT / "docs" / "slices.md", ROOT / "docs" / "slices.csv"
COLUMNS = ("cell", "round", "slice_s", "examples", *(f"{arm}_{what}" for arm in ARMS for what in ("s", "slices")))


@dataclass(frozen=True)
class Case:
    """A cell whose pairs are made in slices of every length.

    Attributes:
        recipe: its name.
        system: its name.
        batch_size: examples in one request.
        concurrency: users.
        examples: in each arm, for about five seconds of work.
        environment: variables of both arms.
        settings: of the system, so that it chooses nothing by itself.
        is_alone: whether the baseline takes next to no time. Then nothing would ever stop the served arm, so it is
            stopped for as long as it runs, with nothing in its place.
    """

    recipe: str
    system: str
    batch_size: int
    concurrency: int
    examples: int
    environment: dict[str, str]
    settings: dict[str, str]
    is_alone: bool

    @property
    def name(self) -> str:
        """What the page calls it."""
        return f"{self.recipe}, {self.system}, {self.batch_size} × {self.concurrency}"


FIXED = {"OPTIMAL_BATCH_SIZE": "64"}
CASES = (
    Case("echo", "delay", 1, 1, 1000, {"DELAY_MS": "5"}, {}, is_alone=True),
    Case("echo", "fastdeploy", 1, 1, 1200, {}, FIXED, is_alone=True),
    Case("echo", "fastdeploy", 8, 8, 32000, {}, FIXED, is_alone=True),
    Case("deepsegment_en", "fastdeploy", 8, 8, 4096, {}, FIXED, is_alone=False),
    Case("efficientnet_b2", "fastdeploy", 8, 8, 160, {}, {"OPTIMAL_BATCH_SIZE": "2"}, is_alone=False),
)


@click.command(help=__doc__)
@click.option("--rounds", type=click.IntRange(2), default=6, show_default=True, help="Of every cell.")
@click.option("--table", "only_table", is_flag=True, help="Write the page anew from the pairs that there are.")
def main(rounds: int, only_table: bool) -> None:
    """Make the missing pairs, and write docs/slices.md."""
    for number in () if only_table else range(1, rounds + 1):
        for case in CASES:
            measure(case, number)
    PAGE.write_text(page(pd.read_csv(PAIRS)), encoding="utf-8")


def measure(case: Case, number: int) -> None:
    """Make a cell's pairs of one round that are not there yet, all with the same two arms, in an order by chance."""
    done = {(row["cell"], row["round"], float(row["slice_s"])) for row in csv_files.rows(PAIRS)}
    lengths = [each for each in (*SLICES_S, UNDIVIDED) if (case.name, str(number), each) not in done]
    if not lengths:
        return
    random.Random(f"{case.name}/{number}").shuffle(lengths)
    malloc = experiments.read(ROOT / "experiments" / "quick.toml")[0].environment
    experiment = Experiment(
        recipes=[case.recipe],
        systems=[case.system],
        batch_sizes=[case.batch_size],
        concurrencies=[case.concurrency],
        examples=case.examples,
        environment={**malloc, **case.environment},
        system={case.system: case.settings},
    )
    console = Console()
    with tempfile.TemporaryDirectory(prefix="slices-") as name:
        part = next(p for p in plan.parts(experiment, [load(case.recipe)], Path(name)) if p.kind is Kind.PAIR)
        with ArmsFactory(experiment, Environments(), lambda: None)(part) as arms:
            for slice_s in lengths:
                store.make_room(part.runs[0])
                if case.is_alone:
                    timed = {layout.SERVED: with_rests(arms.by_name[layout.SERVED], part.runs[0], slice_s, number)}
                else:
                    timed = make_pair(arms, part, part.runs[0], Slicing(slice_s, number))
                broken = [each.verdict for each in timed.values() if not each.verdict.is_valid]
                if broken:
                    raise click.ClickException(f"{case.name} in slices of {slice_s:g} s: {broken[0]}")
                seconds = [
                    value
                    for arm in ARMS
                    for value in ((timed[arm].total_s, len(timed[arm].use.slices)) if arm in timed else ("", ""))
                ]
                csv_files.append(PAIRS, COLUMNS, [(case.name, number, slice_s, case.examples, *seconds)])
                console.print(f"round {number}, {case.name}, {slice_s:g} s: {seconds}", markup=False)


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
    rounds = pairs.groupby("cell")["round"].nunique()
    return f"""# What slices cost

The arms of a pair take turns of `slice_s` seconds, and a stopped arm is stopped as a whole: each of its processes gets
SIGSTOP, and SIGCONT when its turn comes. Here the same pairs were made in slices of several lengths and undivided, in
{rounds.min()} rounds, each with a server and a baseline process of its own. Within a round, all lengths meet the same
two processes, in an order by chance. `make slices` repeats it; [slices.csv](slices.csv) has every pair. Intervals are
of 95 %, by Student's t over the rounds.

## What one slice costs an arm

Milliseconds that a run takes longer for each slice it is divided into: the slope of a line through a round's five
pairs, common to all rounds. A positive number is a cost. The last column says what it makes of a run of slices of
{experiments.SLICE_S:g} s.

{wording.markdown(pd.DataFrame(cost_rows(pairs)))}

## What slices do to the answer

Served ÷ baseline, for each length. Echo's baseline takes next to no time: there the served arm was stopped for as long
as it ran, with nothing in its place, and its seconds stand divided by those of the undivided run.

{wording.markdown(pd.DataFrame(answer_rows(pairs)))}
"""


def cost_rows(pairs: pd.DataFrame) -> Iterator[dict[str, str]]:
    """Yield, for each cell and arm, what a slice costs."""
    for case in CASES:
        own = pairs[pairs["cell"] == case.name]
        for arm in ARMS:
            seconds, slices = own[f"{arm}_s"], own[f"{arm}_slices"]
            if (case.is_alone and arm == layout.BASELINE) or own.empty:
                continue
            slope_s, half_width_s = slope(slices, seconds, own["round"])
            share = slope_s / experiments.SLICE_S, half_width_s / experiments.SLICE_S
            yield {
                "Cell": case.name,
                "Arm": arm,
                "Seconds of a run": f"{seconds.mean():.1f}",
                "A slice, ms": f"{1000 * slope_s:+.1f} ± {1000 * half_width_s:.1f}",
                f"Of a run in slices of {experiments.SLICE_S:g} s": f"{share[0]:+.1%} ± {share[1]:.1%}",
            }


def slope(x: pd.Series, y: pd.Series, group: pd.Series) -> tuple[float, float]:
    """Return the slope of y on x that all groups share, each with a level of its own, and half its interval's width.

    Ordinary least squares on deviations from each group's means (the within estimator of panel data).
    """
    x, y = x - x.groupby(group).transform("mean"), y - y.groupby(group).transform("mean")
    found = float((x * y).sum() / (x**2).sum())
    df = len(x) - group.nunique() - 1
    error = float(np.sqrt(((y - found * x) ** 2).sum() / df / (x**2).sum()))
    return found, float(special.stdtrit(df, 0.5 + paired.CONFIDENCE / 2)) * error


def answer_rows(pairs: pd.DataFrame) -> Iterator[dict[str, str]]:
    """Yield, for each cell, the answer in slices of each length, and undivided."""
    for case in CASES:
        own = pairs[pairs["cell"] == case.name].set_index(["round", "slice_s"]).sort_index()
        if own.empty:
            continue
        served = np.log(own["served_s"])
        values = served - (served.xs(UNDIVIDED, level="slice_s") if case.is_alone else np.log(own["baseline_s"]))
        by_length = {float(length): list(each) for length, each in values.groupby("slice_s")}
        spreads = paired.spreads(by_length)
        row = {"Cell": case.name, "": "served ÷ undivided" if case.is_alone else "served ÷ baseline"}
        for length in (*SLICES_S, UNDIVIDED):
            found = paired.interval(by_length.get(length, []), spreads.get(length, paired.UNKNOWN))
            heading = f"{length:g} s" if length else "undivided"
            row[heading] = "1" if case.is_alone and not length else shown(found)
        yield row


def shown(found: paired.Interval) -> str:
    """Return a ratio with its interval, from that of its logarithm."""
    ratio = np.exp(found.mean)
    return f"{ratio:.3f} ± {ratio * np.sinh(found.half_width):.3f}"


if __name__ == "__main__":
    main()
