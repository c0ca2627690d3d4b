"""The command line: ``servecost run|report|compare|publish|serve|web|systems``. Reads as what the project does."""

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from servecost.bench import by_hand, scripts
from servecost.bench import experiment as experiments
from servecost.bench.arms.server import ServerSpec
from servecost.bench.environments import EnvironmentRefused, Environments
from servecost.bench.experiment import LEAST_TIMEOUT_S, Experiment
from servecost.bench.processes.process import free_port, is_taken
from servecost.bench.results_folder import ResultsFolderError
from servecost.bench.run import run as run_experiment
from servecost.core import packages, systems
from servecost.core import recipe as recipes
from servecost.core.manifest import Unlike
from servecost.core.recipe import ROOT
from servecost.core.serving import ServerFailed
from servecost.core.system import LOOPBACK
from servecost.report import compare as comparison
from servecost.report.write import publish as publishing
from servecost.report.write import report as reports
from servecost.report.write.wording import markdown

EXISTING = click.Path(path_type=Path)
PORT = click.IntRange(0, 65535)
QUICK = ROOT / "experiments" / "quick.toml"


class Percent(click.ParamType):  # type: ignore[type-arg]
    """A part of a whole, as 5% or 0.05."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return 0.05 for 5%."""
        text = str(value)
        try:
            part = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            part = -1
        if not 0 <= part < float("inf"):
            self.fail(f"{text!r} is no percentage from 0% up; give one like 5%", param, ctx)
        return part


def allow_different(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option that overrides the check that runs are alike."""
    text = "Merge or compare runs although this field of their manifests (or group of fields) differs; repeatable."
    return click.option("--allow-different", "allowed", metavar="FIELD", multiple=True, help=text)(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure what serving a model costs over calling it in a script."""
    signal.signal(signal.SIGTERM, _interrupt)


@main.command()
@click.argument("experiment", type=EXISTING)
@click.option("--out", type=EXISTING, help="Results folder.  [default: results/NAME of the experiment file]")
@allow_different
def run(experiment: Path, out: Path | None, allowed: tuple[str, ...]) -> None:
    """Make the runs of an EXPERIMENT file that are still missing, and report."""
    try:
        content, chosen = experiments.read(experiment)
        folder = out or ROOT / "results" / experiment.stem
        failures = run_experiment(content, chosen, folder, allowed)
    except (experiments.ExperimentError, ResultsFolderError) as error:
        misused(str(error))
    except OSError as error:
        unwritable(folder, error)
    except KeyboardInterrupt:
        click.echo(f"interrupted; the same command goes on where it stopped (finished runs are in {folder})", err=True)
        sys.exit(130)
    is_valid = _show_report(folder, allowed)
    for failure in failures:
        click.echo(f"FAILED: {failure}", err=True)
    sys.exit(1 if failures or not is_valid else 0)


@main.command()
@click.argument("folder", type=EXISTING)
@allow_different
def report(folder: Path, allowed: tuple[str, ...]) -> None:
    """Write the report of a results FOLDER anew: table.md, table.csv, plots and report.html."""
    sys.exit(0 if _show_report(folder, allowed) else 1)


@main.command()
@click.argument("a", type=EXISTING)
@click.argument("b", type=EXISTING)
@click.option("--fail-over", type=Percent(), default="0%", show_default=True, help="The increase that is allowed.")
@click.option("--metric", type=click.Choice(list(comparison.METRICS)), default="served", show_default=True)
@allow_different
def compare(a: Path, b: Path, fail_over: float, metric: str, allowed: tuple[str, ...]) -> None:
    """Compare two results folders, cell by cell; exit code 1 if B is significantly worse than allowed anywhere."""
    try:
        found = comparison.compare(a, b, metric, fail_over, allowed)
    except reports.NoResults as error:
        misused(str(error))
    except Unlike as error:
        misused(
            f"{a} and {b} were made under different conditions: {error}; override the check "
            "with --allow-different FIELD for each field that may differ"
        )
    click.echo(markdown(found.table))
    click.echo("\n" + "\n".join(found.notes))
    for line in found.worse:
        click.echo(f"WORSE: {line}", err=True)
    sys.exit(1 if found.worse else 0)


@main.command()
@click.argument("folder", type=EXISTING)
def publish(folder: Path) -> None:
    """Make docs/benchmarks.md of a results FOLDER, the README's table and the notebook's outputs; keep its tables."""
    try:
        publishing.publish(folder, ROOT)
    except reports.NoResults as error:
        misused(str(error))


def by_hand_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what `serve` and `web` have in common."""
    for decorate in (
        click.argument("recipe"),
        click.option("--system", default=systems.default, show_default=systems.default(), help="The serving system."),
        click.option("--port", type=PORT, default=8080, show_default=True, help="Of the server; 0: any."),
        click.option("--experiment", type=EXISTING, default=QUICK, help="Its [environment].  [default: quick.toml]"),
    ):
        command = decorate(command)
    return command


@main.command()
@by_hand_options
@click.option("--listen", default=LOOPBACK, show_default=True, help="Address to listen on; 0.0.0.0: on every network.")
@click.option("--folder", type=EXISTING, help="Keep logs and expected.json, the right answers, there.")
def serve(recipe: str, system: str, port: int, experiment: Path, listen: str, folder: Path | None) -> None:
    """Serve a RECIPE (a name or a folder) as in a run, until Ctrl-C, for Locust started by hand."""
    with session_of(recipe, system, port, experiment) as (session, _):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        server = replace(session.server, listen=listen, logs=folder or session.server.logs)
        by_hand.serve_until_interrupted(by_hand.Session(server))


@main.command()
@by_hand_options
@click.option("--web-port", type=PORT, default=8089, show_default=True, help="Of the web interface, on 127.0.0.1.")
@click.option("--workers", type=click.IntRange(0), default=0, show_default=True, help="Locust workers; 0: one process.")
@click.option("--baseline", type=click.IntRange(1), multiple=True, help="Time this batch size first; repeatable.")
def web(recipe: str, system: str, port: int, experiment: Path, web_port: int, workers: int, baseline: Any) -> None:
    """Serve a RECIPE, and load it from Locust's web interface, until Ctrl-C."""
    with session_of(recipe, system, port, experiment) as (session, chosen):
        page = free_or_given(web_port, "--web-port")
        by_hand.serve_with_web(
            session, by_hand.Web(page, workers, baseline, chosen.examples_of(session.server.recipe.name))
        )


@main.command(name="systems")
def list_systems() -> None:
    """List the serving systems, with what each requires."""
    rows = [(name, systems.load(name).label, _requirements_of(name)) for name in systems.available()]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, label, required in rows:
        click.echo(f"{name:<{widths[0]}}  {label:<{widths[1]}}  {required}".rstrip())


def _requirements_of(system: str) -> str:
    return ", ".join(packages.requirement_lines(systems.requirements(system)))


@contextmanager
def session_of(recipe: str, system: str, port: int, path: Path) -> Iterator[tuple[by_hand.Session, Experiment]]:
    """Yield what is served by hand, and its experiment; problems become one line each and an exit code."""
    try:
        chosen, description = recipes.load(recipe), systems.load(system)
        experiment, _ = experiments.read(path)
    except (recipes.RecipeError, systems.UnknownSystem, experiments.ExperimentError) as error:
        misused(str(error))
    own_port = free_or_given(port, "--port")
    with tempfile.TemporaryDirectory(prefix="by-hand-") as folder:
        try:
            server = ServerSpec(
                recipe=chosen,
                system=description,
                python=Environments(say=click.echo).python_for(chosen, description),
                logs=Path(folder),
                request_timeout_s=LEAST_TIMEOUT_S,
                environment=experiment.variables(),
                settings=experiment.settings_of(system),
                port=own_port,
            )
            yield by_hand.Session(server), experiment
        except (
            EnvironmentRefused,
            scripts.RunFailed,
            ServerFailed,
        ) as error:  # what does not even start is a wrong argument
            click.echo(f"error: {error}", err=True)
            sys.exit(2)
        except by_hand.SessionEnded as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            click.echo("stopped")


def free_or_given(port: int, option: str) -> int:
    """Return the given port of 127.0.0.1, or a free one for 0; a port that is taken ends the process."""
    if port and is_taken(port):
        misused(f"port {port} is taken on 127.0.0.1; choose another with {option}")
    return port or free_port()


def _show_report(folder: Path, allowed: tuple[str, ...]) -> bool:
    """Write and show a report; return whether all of it is valid."""
    try:
        written = reports.write(folder, allowed)
    except reports.NoResults as error:
        misused(str(error))
    except OSError as error:
        unwritable(folder, error)
    click.echo(f"\n{written.table}\n\nReport: {written.html}")
    return written.is_valid


def unwritable(folder: Path, error: OSError) -> NoReturn:
    """End the process because something cannot be written, such as on a full disk."""
    click.echo(
        f"error: {folder} cannot be written to: {error}; free some space, then run the same command again", err=True
    )
    sys.exit(1)


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
