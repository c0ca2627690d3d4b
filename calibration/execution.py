"""Which execution of efficientnet_b2 is fastest when called directly, and whether its answers are the plain one's.

Run as a program (``python -m calibration.execution``). Owns the comparison; what is timed is the baseline script, in a
fresh process for each execution and round, the order reversed every other round. ``ONEDNN_MAX_CPU_ISA`` in the shell
shows what a processor with fewer instructions would make of it.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pandas as pd
from rich.console import Console
from rich.table import Table

from servecost.bench import experiment as experiments
from servecost.bench.scripts import baseline_command
from servecost.core import answers, csv_files, recipe
from servecost.core.recipe import ROOT
from servecost.statistics import paired

EXECUTIONS = ("plain", "channels_last", "traced", "bfloat16")
BATCH_SIZES = (1, 8, 64)


@click.command(help=__doc__)
@click.option("--rounds", type=click.IntRange(2), default=3, show_default=True)
@click.option("--examples", type=click.IntRange(1), default=192, show_default=True, help="Images in each run.")
def main(rounds: int, examples: int) -> None:
    """Time each execution in each round, and print milliseconds per image and the ratio to plain."""
    with tempfile.TemporaryDirectory(prefix="execution-") as name:
        timed = pd.DataFrame(
            {"round": number, "execution": execution, **row}
            for number in range(rounds)
            for execution in (EXECUTIONS if number % 2 == 0 else EXECUTIONS[::-1])
            for row in times(execution, examples, Path(name))
        )
        same = {execution: has_answers_of_plain(execution, Path(name)) for execution in EXECUTIONS}
    table = Table(title=f"ms per image, {rounds} rounds of {examples} images", title_justify="left")
    for column in ("Execution", *(f"batch size {size}" for size in BATCH_SIZES), "answers as plain"):
        table.add_column(column, justify="left" if column == "Execution" else "right")
    for execution in EXECUTIONS:
        cells = [cell(timed[timed["batch_size"] == size], execution, examples) for size in BATCH_SIZES]
        table.add_row(execution, *cells, "yes" if same[execution] else "no")
    Console(width=140).print(table)


def times(execution: str, examples: int, folder: Path) -> list[dict[str, float]]:
    """Return ``batch_size`` and ``total_s`` of a fresh process's runs; its answers are left in ``folder``."""
    csv = folder / "times.csv"
    csv.unlink(missing_ok=True)
    command = baseline_command(recipe.load("efficientnet_b2"), sys.executable, folder / f"{execution}.json")
    command += ["--runs", "1", "--examples", str(examples), "--csv", str(csv)]
    command += ["--batch-size", *map(str, BATCH_SIZES)]
    settings, _ = experiments.read(ROOT / "experiments" / "full.toml")
    variables = {**os.environ, **settings.variables(), "EFFICIENTNET_B2_EXECUTION": execution}
    subprocess.run(command, cwd=ROOT, env=variables, stdout=subprocess.DEVNULL, check=True)
    return [{"batch_size": int(row["batch_size"]), "total_s": float(row["total_s"])} for row in csv_files.rows(csv)]


def has_answers_of_plain(execution: str, folder: Path) -> bool:
    """Say whether an execution's answers to the example are the plain one's, as answers are compared in a run."""
    own, plain = (answers.read(folder / f"{name}.json") for name in (execution, EXECUTIONS[0]))
    return answers.same(plain, own)


def cell(timed: pd.DataFrame, execution: str, examples: int) -> str:
    """Return an execution's mean and, paired within a round, its ratio to plain, each with its interval."""
    by_round = timed.pivot_table(index="round", columns="execution", values="total_s")
    own_ms = 1000 * by_round[execution] / examples
    ratio = paired.ratio(by_round[execution].to_numpy(), by_round[EXECUTIONS[0]].to_numpy())
    spread = "" if execution == EXECUTIONS[0] else f"  ({ratio.value:.2f} ± {ratio.half_width:.2f} ×)"
    return f"{own_ms.mean():.1f}{spread}"


if __name__ == "__main__":
    main()
