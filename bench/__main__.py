"""The command line: ``python -m bench run|report|publish|serve``. Reads as what the project does."""

import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

import systems
from analysis import readme
from analysis import report as reports
from bench import arms
from bench import experiment as experiments
from bench.experiment import LEAST_TIMEOUT_S
from bench.processes import free_port, is_taken
from bench.run import ResultsFolderError
from bench.run import run as run_experiment
from bench.server import ServerFailed, check_alive, serving
from contract import recipe as recipes
from contract.recipe import ROOT

EXISTING = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure what serving a model costs over calling it in a script."""
    signal.signal(signal.SIGTERM, _interrupt)


@main.command()
@click.argument("experiment", type=EXISTING)
@click.option("--out", type=EXISTING, help="Results folder.  [default: results/NAME of the experiment file]")
def run(experiment: Path, out: Path | None) -> None:
    """Make the runs of an EXPERIMENT file that are still missing, and report."""
    try:
        content, chosen = experiments.read(experiment)
        folder = out or ROOT / "results" / experiment.stem
        failures = run_experiment(content, chosen, folder)
    except (experiments.ExperimentError, ResultsFolderError) as error:
        misused(str(error))
    except KeyboardInterrupt:
        click.echo(f"interrupted; the same command goes on where it stopped (finished runs are in {folder})", err=True)
        sys.exit(130)
    _show_report(folder)
    for failure in failures:
        click.echo(f"FAILED: {failure}", err=True)
    sys.exit(1 if failures else 0)


@main.command()
@click.argument("folder", type=EXISTING)
def report(folder: Path) -> None:
    """Write the report of a results FOLDER anew: table.md, table.csv, plots and report.html."""
    _show_report(folder)


@main.command()
@click.argument("folder", type=EXISTING)
def publish(folder: Path) -> None:
    """Put a results FOLDER into docs/results, the README's table, its picture, and the notebook's outputs."""
    try:
        readme.publish(folder, ROOT)
    except reports.NoResults as error:
        misused(str(error))


@main.command()
@click.argument("recipe")
@click.option("--system", default="fastdeploy", show_default=True, help="The serving system.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="On 127.0.0.1; 0: any.")
def serve(recipe: str, system: str, port: int) -> None:
    """Serve a RECIPE (a name or a folder) as in a run, until Ctrl-C, for Locust started by hand."""
    try:
        chosen, description = recipes.load(recipe), systems.load(system)
    except (recipes.RecipeError, systems.UnknownSystem) as error:
        misused(str(error))
    if port and is_taken(port):
        misused(f"port {port} is taken on 127.0.0.1; choose another with --port")
    with tempfile.TemporaryDirectory(prefix="serve-") as folder:
        serve_until_interrupted(chosen, description, port or free_port(), Path(folder))


def serve_until_interrupted(recipe: recipes.Recipe, system: systems.System, port: int, folder: Path) -> None:
    """Serve a recipe until Ctrl-C; its logs and its expected answers are in ``folder`` meanwhile."""
    exit_code = 2  # what does not start is a wrong argument
    try:
        expected = arms.direct_answers(recipe, folder)
        with serving(recipe, system, expected, port, LEAST_TIMEOUT_S, {}, folder) as server:
            exit_code = 1
            chosen_by_itself = ", ".join(f"{name} {value:g}" for name, value in server.facts.items())
            click.echo(
                f"{recipe.name} answers at {server.address} ({chosen_by_itself}). Logs: {folder}. Ctrl-C stops it."
            )
            while True:
                check_alive(server.processes)
                time.sleep(1)
    except (arms.RunFailed, ServerFailed) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(exit_code)
    except KeyboardInterrupt:
        click.echo("stopped")


def _show_report(folder: Path) -> None:
    try:
        written = reports.write(folder)
    except reports.NoResults as error:
        misused(str(error))
    click.echo(f"\n{written.table}\n\nReport: {written.html}")


def misused(problem: str) -> NoReturn:
    """End the process as for a wrong option: each line says what is wrong, where, and what would be right."""
    for line in problem.splitlines():
        click.echo(f"error: {line}", err=True)
    sys.exit(2)


def _interrupt(_signal: int, _frame: FrameType | None) -> Any:
    """Let SIGTERM stop everything in order, as Ctrl-C does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
