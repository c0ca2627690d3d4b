"""Whether a bench that makes many runs in a row leaves anything behind: pairs of random cells, all in one process.

Run as a program (``make soak``). Owns what is watched, and the page that tells of it. After each round, when a server
and a baseline process have been ended, nothing may be left of them, and the bench itself may not have grown.
"""

import gc
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import pandas as pd
import psutil
from rich.console import Console

from servecost.bench import plan, store
from servecost.bench.arms.pair import ArmsFactory
from servecost.bench.environments import Environments
from servecost.bench.experiment import Experiment
from servecost.bench.progress import Display, Journal
from servecost.bench.run import Slicing, make
from servecost.bench.runs import Kind
from servecost.core.recipe import ROOT, load
from servecost.report.write import wording

PAGE = ROOT / "docs" / "soak.md"
RECIPE = "echo"
BATCH_SIZES, CONCURRENCIES = range(1, 129), range(1, 33)
SIZES_A_ROUND, CONCURRENCIES_A_ROUND = 4, 5
EXAMPLES = 5000  # at least a request for each user of each cell, and about a second
# Of the bench's memory. Its libraries are loaded and its caches filled within the first rounds.
GROWTH_MAX, WARM_ROUNDS = 0.1, 2


class Sample(NamedTuple):
    """What there is of a bench after a round.

    Attributes:
        pairs: how many it has made so far.
        descriptors: its open files and sockets.
        threads: of its own process.
        memory_mib: of its own process, not shared with others, in MiB.
        processes: its children, and theirs.
        temporary: the entries of the folder for temporary files that were not there in the beginning.
    """

    pairs: int
    descriptors: int
    threads: int
    memory_mib: float
    processes: int
    temporary: int


class Watch:
    """Takes samples of this process."""

    def __init__(self) -> None:
        self._process, self._before = psutil.Process(), _temporary()

    def sample(self, pairs: int) -> Sample:
        """Return what there is now, after so many pairs, and after Python has collected its garbage."""
        gc.collect()
        return Sample(
            pairs,
            self._process.num_fds(),
            self._process.num_threads(),
            self._process.memory_full_info().uss / 2**20,
            len(self._process.children(recursive=True)),
            len(_temporary() - self._before),
        )


def _temporary() -> set[Path]:
    return set(Path(tempfile.gettempdir()).iterdir())


@click.command(help=__doc__)
@click.option("--rounds", type=click.IntRange(4), default=10, show_default=True, help="Of 20 pairs; an even number.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the cells.")
def main(rounds: int, seed: int) -> None:
    """Make the pairs, write docs/soak.md, and end with exit code 1 if a pair failed or anything has grown."""
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        out, own = Path(name, "results"), Path(name, "temporary")
        for folder in (out, own):
            folder.mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(own)  # of this bench and its processes alone
        samples, failures = soak(experiment_of(rounds, seed), out)
    found = failures or growths(samples)
    PAGE.write_text(page(samples, found), encoding="utf-8")
    table = pd.DataFrame(samples)
    Console(width=140).print(table.round(1).to_string(index=False), markup=False)
    for line in found:
        click.echo(line, err=True)
    sys.exit(1 if found else 0)


def experiment_of(rounds: int, seed: int) -> Experiment:
    """Return an experiment of random cells."""
    dice = random.Random(seed)
    return Experiment(
        recipes=[RECIPE],
        batch_sizes=sorted(dice.sample(BATCH_SIZES, SIZES_A_ROUND)),
        concurrencies=sorted(dice.sample(CONCURRENCIES, CONCURRENCIES_A_ROUND)),
        examples=EXAMPLES,
        rounds=rounds,
        seed=seed,
    )


def soak(experiment: Experiment, out: Path) -> tuple[list[Sample], list[str]]:
    """Make all pairs of an experiment; return a sample after each round, and the pairs that gave no number."""
    planned = [part for part in plan.parts(experiment, [load(RECIPE)], out) if part.kind is Kind.PAIR]
    watch, samples, pairs = Watch(), list[Sample](), 0
    with Display([run for part in planned for run in part.runs]) as display:
        journal = Journal(out, display)
        arms_of = ArmsFactory(experiment, Environments(display.tick, display.say), display.tick)
        for pending in store.pending(planned):
            make([pending], arms_of, Slicing(experiment.slice_s, experiment.seed), journal)
            pairs += len(pending.runs)
            samples.append(watch.sample(pairs))
    return samples, [str(failure) for failure in journal.failures]


def growths(samples: Sequence[Sample]) -> list[str]:
    """Return what is more at the end than it was once the bench was warm, a line each."""
    warm, last = samples[WARM_ROUNDS - 1], samples[-1]
    found = [
        f"{name}: {before} after {warm.pairs} pairs, {after} after {last.pairs}"
        for name, before, after in (
            ("descriptors", warm.descriptors, last.descriptors),
            ("threads", warm.threads, last.threads),
        )
        if after > before
    ]
    most_mib = max(each.memory_mib for each in samples[:WARM_ROUNDS])  # what is free is given back now and then
    if last.memory_mib > most_mib * (1 + GROWTH_MAX):
        found.append(f"memory: at most {most_mib:.0f} MiB in {warm.pairs} pairs, {last.memory_mib:.0f} MiB at the end")
    found += [f"processes left after {each.pairs} pairs: {each.processes}" for each in samples if each.processes]
    return found + [f"temporary files left at the end: {last.temporary}"] * bool(last.temporary)


def page(samples: Sequence[Sample], found: Sequence[str]) -> str:
    """Return the page that says what was watched and what was found."""
    titles = ["Pairs", "Open files", "Threads", "Memory [MiB]", "Processes", "Temporary files"]
    table = pd.DataFrame(samples).set_axis(titles, axis="columns").round(1).astype(str)
    result = "\n".join(f"- {line}" for line in found) or "Nothing has grown, nothing was left, every pair was valid."
    return f"""# Soak

One process of the bench made {samples[-1].pairs} pairs in a row, both arms of each, with `{RECIPE}` on fastDeploy, in
cells of batch sizes and concurrencies drawn by chance. After each round its server and its baseline process had been
ended, and Python had collected its garbage. This is what there was of the bench then:

{wording.markdown(table)}

{result}

`make soak` makes this page anew.
"""


if __name__ == "__main__":
    main()
