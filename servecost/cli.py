"""The command line, ``servecost VERB``: run, report, compare, publish, serve, web, starts, systems.

What a report needs, pandas and matplotlib among it, is imported only by the verbs that report: it takes seconds, and
all other verbs do without it.
"""

import errno
import math
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click
from packaging.requirements import Requirement
from tabulate import tabulate

from servecost.bench import by_hand, scripts
from servecost.bench import choices as choosing
from servecost.bench import experiment as experiments
from servecost.bench.arms.server import ServerSpec
from servecost.bench.environments import EnvironmentRefused, Environments
from servecost.bench.experiment import LEAST_TIMEOUT_S, Experiment
from servecost.bench.processes.process import free_port, is_taken
from servecost.bench.results_folder import ResultsFolderError
from servecost.bench.run import run as run_experiment
from servecost.core import packages, systems
from servecost.core import recipe as recipes
from servecost.core.console import replace_what_it_cannot_show
from servecost.core.manifest import Unlike
from servecost.core.recipe import ROOT
from servecost.core.serving import ServerFailed
from servecost.core.system import LOOPBACK
from servecost.core.verdicts import MISSING, UNSENDABLE
from servecost.report.metrics import METRICS

EXISTING = click.Path(path_type=Path)
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PORT = click.IntRange(0, 65535)
QUICK = ROOT / "experiments" / "quick.toml"


class Duration(click.ParamType):  # type: ignore[type-arg]
    """A time, as 90s, 60m or 1.5h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return 3600 for 60m."""
        text = str(value)
        try:
            seconds = float(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1:]]
        except (ValueError, KeyError):
            seconds = 0
        if not 0 < seconds < float("inf"):
            self.fail(f"{text!r} is no time; give one like 90s, 60m or 1.5h", param, ctx)
        return seconds


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
    replace_what_it_cannot_show()
    signal.signal(signal.SIGTERM, _interrupt)


@main.command()
@click.argument("experiment", type=EXISTING)
@click.option("--out", type=EXISTING, help="Results folder.  [default: results/NAME of the experiment file]")
@click.option("--system", "names", metavar="NAME", multiple=True, help="Instead of the file's; repeatable.")
@click.option("--from", "published", type=EXISTING, help="Published results of it: their pairs count as made.")
@click.option("--for", "limit_s", type=Duration(), help="Begin no pair that would take longer: 60m, 2h.")
@allow_different
def run(
    experiment: Path,
    out: Path | None,
    names: tuple[str, ...],
    published: Path | None,
    limit_s: float | None,
    allowed: tuple[str, ...],
) -> None:
    """Make the runs of an EXPERIMENT file that are still missing, and report.

    With --system, results are in a folder of their own: results/NAME-SYSTEM-SYSTEM. With --for, an experiment is made
    in pieces, on one machine or on several, which begin --from what the others have published.
    """
    try:
        content, chosen = experiments.read(experiment, names)
        folder = out or ROOT / "results" / "-".join([experiment.stem, *(content.systems if names else ())])
        failures, is_cut = run_experiment(content, chosen, folder, allowed, published, limit_s or math.inf)
    except (experiments.ExperimentError, ResultsFolderError, recipes.RecipeError) as error:
        misused(str(error))
    except OSError as error:
        failed(folder, error)
    except KeyboardInterrupt:
        click.echo(f"interrupted; the same command goes on where it stopped (finished runs are in {folder})", err=True)
        sys.exit(130)
    is_valid = _show_report(folder, allowed, is_cut=is_cut)
    for failure in failures:
        click.echo(f"FAILED: {failure}", err=True)
    if failures and all(failure.verdict.rule == UNSENDABLE for failure in failures):
        sys.exit(2)  # the recipe is the wrong argument
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
@click.option("--metric", type=click.Choice(list(METRICS)), default="served", show_default=True)
@allow_different
def compare(a: Path, b: Path, fail_over: float, metric: str, allowed: tuple[str, ...]) -> None:
    """Compare two results folders, cell by cell; exit code 1 if B is significantly worse than allowed.

    Exit code 2 if it cannot be decided whether it is.
    """
    with what_a_report_needs():
        from servecost.report import compare as comparison
        from servecost.report.read.tables import NoResults
        from servecost.report.write.wording import markdown
    try:
        found = comparison.compare(a, b, metric, fail_over, allowed)
    except NoResults as error:
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
    for line in found.undecided:
        click.echo(f"CANNOT DECIDE: {line}", err=True)
    sys.exit(found.exit_code)


@main.command()
@click.argument("folder", type=EXISTING)
@click.option("--free-choice", "free", type=EXISTING, help="Results folder of rounds in which the system chose freely.")
@click.option("--again", type=EXISTING, help="Results folder of some of the cells, measured again.")
@allow_different
def publish(folder: Path, free: Path | None, again: Path | None, allowed: tuple[str, ...]) -> None:
    """Make docs/benchmarks.md of a results FOLDER, the README's table and the notebook's outputs; keep its tables.

    Of results of several systems: docs/systems.md.
    """
    with what_a_report_needs("report,notebook"):
        from servecost.report.read.tables import NoResults
        from servecost.report.write import publish as publishing
    try:
        publishing.publish(folder, ROOT, free, again, allowed)
    except NoResults as error:
        misused(str(error))
    except Unlike as error:
        misused(f"the cells that were measured again cannot be compared with the page: {error}")


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
    listen = own_address(listen)
    with session_of(recipe, system, port, experiment) as (session, _):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        server = replace(session.server, listen=listen, logs=folder or session.server.logs)
        by_hand.serve_until_interrupted(by_hand.Session(server, session.slice_s))


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


@main.command()
@click.argument("recipe")
@click.option("--system", default=systems.default, show_default=systems.default(), help="The serving system.")
@click.option("--starts", type=click.IntRange(1), default=9, show_default=True, help="How often it is started.")
@click.option("--experiment", type=EXISTING, default=QUICK, help="Its [environment].  [default: quick.toml]")
def choices(recipe: str, system: str, starts: int, experiment: Path) -> None:
    """Start a system several times with a RECIPE, without load, and tabulate what it chooses by itself."""
    with session_of(recipe, system, 0, experiment, is_free=True) as (session, _):
        found = choosing.start(session, starts, click.echo)
        click.echo("\n" + tabulate(choosing.table(found), headers="keys", tablefmt="pipe", disable_numparse=True))


@main.command(name="systems")
def list_systems() -> None:
    """List the serving systems: label, version, needs, and for which recipes the environment of each is built."""
    rows = [_described(name) for name in systems.available()]
    head = ["NAME", "LABEL", "VERSION", "NEEDS", "ENVIRONMENT"]
    click.echo(tabulate(rows, head, tablefmt="plain", disable_numparse=True))


def _applies_here(line: str) -> bool:
    marker = Requirement(line).marker
    return marker is None or marker.evaluate()


def _described(name: str) -> list[str]:
    """Return a system's line; one whose own code fails says so in its place."""
    try:
        system = systems.load(name)
    except Exception as error:  # noqa: BLE001  # a system's own code may raise anything, and hides no other system
        return [name, f"cannot be loaded: {type(error).__name__}: {error}", "", "", ""]
    needs = [each for each in packages.requirement_lines(systems.requirements(name)) if _applies_here(each)]
    needs = [each.partition(";")[0].strip() for each in needs]
    version = needs.pop(0).partition("==")[2] if needs and system.folder.name in needs[0] else "of this project"
    needs += system.programs
    built = [each for each in recipes.available() if Environments().find(recipes.load(each), system) is not None]
    state = "built for " + ", ".join(built) if built else "built at its first run"
    if not system.calls_predictor:
        state = "none of its own"
    return [name, system.label, version, ", ".join(needs), state]


@contextmanager
def session_of(
    recipe: str, system: str, port: int, path: Path, *, is_free: bool = False
) -> Iterator[tuple[by_hand.Session, Experiment]]:
    """Yield what is served by hand, and its experiment; problems become one line each and an exit code.

    ``is_free``: the system has its default settings, whatever the experiment fixes.
    """
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
                settings={} if is_free else experiment.settings_of(system, chosen.name),
                port=own_port,
            )
            yield by_hand.Session(server, experiment.slice_s), experiment
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


def own_address(listen: str) -> str:
    """Return an address of this machine as it stands in a URL; any other one ends the process."""
    bare = listen.strip("[]")
    try:
        family, *_, place = socket.getaddrinfo(bare, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind(place)
    except (OSError, UnicodeError) as error:
        misused(f"--listen {listen}: it is no address of this machine ({error}); give one, like 127.0.0.1 or ::1")
    return f"[{bare}]" if ":" in bare else bare


def free_or_given(port: int, option: str) -> int:
    """Return the given port of 127.0.0.1, or a free one for 0; a port that is taken ends the process."""
    if port and is_taken(port):
        misused(f"port {port} is taken on 127.0.0.1; choose another with {option}")
    return port or free_port()


def _show_report(folder: Path, allowed: tuple[str, ...], *, is_cut: bool = False) -> bool:
    """Write and show a report; return whether all of it is valid, or, if there was no time for some of it, the rest."""
    with what_a_report_needs(and_then=f"`servecost report {folder}`"):
        from servecost.report.write import report as reports
    try:
        written = reports.write(folder, allowed)
    except reports.NoResults as error:
        misused(str(error))
    except OSError as error:
        failed(folder, error)
    click.echo(f"\n{written.table}\n\nReport: {written.html}")
    for problem in written.problems:
        click.echo(f"note: {problem}", err=True)
    return written.broken <= ({MISSING} if is_cut else set())


@contextmanager
def what_a_report_needs(extras: str = "report", and_then: str = "the same command again") -> Iterator[None]:
    """Tell in a line which package is missing, if the import that is made meanwhile lacks one of the extras'."""
    try:
        yield
    except ModuleNotFoundError as error:
        remedy = f"pip install 'servecost[{extras}]', then {and_then}"
        misused(f"this verb needs {error.name}, which is not installed; {remedy}")


def failed(folder: Path, error: OSError) -> NoReturn:
    """End the process because of an error of the operating system: in writing to ``folder``, or else what it says."""
    file = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    is_there = file is not None and folder.resolve() in (file.resolve(), *file.resolve().parents)
    if is_there or error.errno in NO_SPACE:
        remedy = "free some space" if error.errno in NO_SPACE else "make it writable"
        problem = f"{folder} cannot be written to: {error}; {remedy}, then run the same command again"
    else:
        problem = f"{file}: {error.strerror}" if file else str(error)
    click.echo(f"error: {problem}", err=True)
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
