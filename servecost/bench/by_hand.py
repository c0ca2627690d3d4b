"""What is started for use by hand and lasts until Ctrl-C: a server, or a server with Locust's web interface.

Owns these two sessions. Conditions are an experiment's: the same variables are set, and a baseline counts as known if
it was made under the same ones.
"""

import csv
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import requests

from servecost.bench import conditions as manifest
from servecost.bench import scripts
from servecost.bench.arms.server import LOOPBACK, Server, ServerFailed, check_alive, serving
from servecost.bench.experiment import LEAST_TIMEOUT_S
from servecost.bench.processes.process import Process, free_port, running
from servecost.core import layout, systems
from servecost.core import manifest as manifests
from servecost.core.recipe import ROOT, Recipe

POLL_S = 0.5
START_LIMIT_S = 60


class SessionEnded(Exception):
    """One of the session's processes has ended; the message says which, and ends with its last log lines."""


@dataclass(frozen=True)
class Session:
    """What is served by hand, and how.

    Attributes:
        recipe: what.
        system: who.
        port: of the server.
        environment: variables set for both arms.
        folder: for logs, the right answers and other files of the session.
        listen: the address that the server listens on.
    """

    recipe: Recipe
    system: systems.System
    port: int
    environment: dict[str, str]
    folder: Path
    listen: str = LOOPBACK


@dataclass(frozen=True)
class Web:
    """Locust's web interface.

    Attributes:
        port: on 127.0.0.1.
        workers: how many worker processes send the load; 0 for Locust's one process.
        baseline: batch sizes to time the direct arm for, before anything is served.
        examples: how many examples that takes.
    """

    port: int
    workers: int
    baseline: tuple[int, ...]
    examples: int


def serve(session: Session) -> None:
    """Serve a recipe until the bench is interrupted. Raises RunFailed, ServerFailed, and SessionEnded."""
    with ExitStack() as stack:
        server = _start_server(stack, session)
        click.echo(f"{_described(session, server)}. Ctrl-C stops it.")
        _stay(server.processes)


def serve_with_web(session: Session, web: Web) -> None:
    """Serve a recipe, with Locust's web interface to load it. Raises as ``serve`` does."""
    with ExitStack() as stack:
        baseline_csv = _gather_baselines(session, web)
        server = _start_server(stack, session)
        click.echo(_described(session, server))
        locust = stack.enter_context(_locust(session, web, server, baseline_csv))
        address = f"http://{LOOPBACK}:{web.port}"
        _wait_for(address, locust)
        click.echo(f"Locust's web interface: {address}  (the results are in its tab Overhead)\nCtrl-C stops both.")
        _stay([*server.processes, locust])


def known_baselines(recipe: Recipe, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Yield the rows of baseline runs in ``results/`` that were made here, of this recipe, under these conditions."""
    here = manifest.conditions(recipe, environment)
    for path in sorted(ROOT.glob(f"results/*/round-*/{recipe.name}/*/{layout.BASELINE_CSV}")):
        with suppress(manifests.Damaged):
            if manifests.read(path.parent)["conditions"] == here:
                with path.open() as file:
                    yield from csv.DictReader(file)


def _start_server(stack: ExitStack, session: Session) -> Server:
    recipe, environment, folder = session.recipe, session.environment, session.folder
    expected = stack.enter_context(scripts.direct_answers(recipe, folder, environment))
    return stack.enter_context(
        serving(
            recipe,
            session.system,
            expected,
            session.port,
            LEAST_TIMEOUT_S,
            environment,
            folder,
            listen=session.listen,
        )
    )


def _described(session: Session, server: Server) -> str:
    by_itself = ", ".join(f"{name} {value:g}" for name, value in server.facts.items())
    return f"{session.recipe.name} answers at {server.address} ({by_itself}). Logs: {session.folder}"


def _gather_baselines(session: Session, web: Web) -> Path:
    """Return a file with the baselines that are known, and with those that are to be timed now."""
    path = session.folder / layout.BASELINE_CSV
    known = list(known_baselines(session.recipe, session.environment))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, layout.BASELINE_COLUMNS)
        writer.writeheader()
        writer.writerows(known)
    if web.baseline:
        click.echo(f"Timing the baseline: {web.examples} examples, batch sizes {_listed(web.baseline)} …")
        scripts.time_baseline(session.recipe, session.folder, session.environment, web.baseline, web.examples, path)
    sizes = {int(row["batch_size"]) for row in known} | set(web.baseline)
    click.echo(
        f"Baseline known for batch sizes {_listed(sorted(sizes))}"
        if sizes
        else "No baseline is known here for this recipe: `--baseline 8` times one first, `make bench` some"
    )
    return path


def _locust(session: Session, web: Web, server: Server, baseline_csv: Path) -> Any:
    options: dict[str, object] = {
        "-f": scripts.script_of("locustfiles", session.recipe),
        "--host": server.address,
        "--web-host": LOOPBACK,
        "--web-port": web.port,
        "--request-timeout": LEAST_TIMEOUT_S,
    }
    if web.workers:
        port = free_port()
        options |= {"--processes": web.workers, "--master-bind-port": port, "--master-port": port}
    command = [sys.executable, "-m", "locust", *(str(word) for option in options.items() for word in option)]
    environment = {
        **session.environment,
        "EXPECTED_ANSWERS": str(session.folder / layout.EXPECTED_JSON),
        "BASELINE_CSV": str(baseline_csv),
        "RECIPE": str(session.recipe.folder),
    }
    return running("locust", command, environment, session.folder / "locust.log")


def _wait_for(address: str, locust: Process) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        check_alive([locust])
        try:
            requests.get(address, timeout=POLL_S, proxies={"http": ""})
        except requests.RequestException:
            time.sleep(POLL_S)
        else:
            return
    raise scripts.RunFailed(f"Locust's web interface does not answer at {address} (log: {locust.log})")


def _stay(processes: list[Process]) -> None:
    try:
        while True:
            check_alive(processes)
            time.sleep(POLL_S)
    except ServerFailed as error:
        raise SessionEnded(str(error)) from error


def _listed(numbers: Any) -> str:
    return ", ".join(map(str, numbers))
