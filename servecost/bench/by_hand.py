"""Sessions that are started by hand and last until Ctrl-C: a server, or a server with Locust's web interface.

Owns these two sessions. Conditions are an experiment's: the same variables are set, and a baseline counts as known if
it was made under the same ones.
"""

import csv
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import requests

from servecost.bench import conditions, scripts
from servecost.bench.arms.server import Server, ServerSpec, serve
from servecost.bench.conditions import Subject
from servecost.bench.experiment import LEAST_TIMEOUT_S
from servecost.bench.processes.process import Command, Process, free_port, running
from servecost.core import facts, layout, manifest
from servecost.core.recipe import ROOT
from servecost.core.serving import ServerFailed, check_alive
from servecost.core.system import LOOPBACK

POLL_S = 0.5
START_LIMIT_S = 60


class SessionEnded(Exception):
    """One of the session's processes has ended; the message says which, and ends with its last log lines."""


@dataclass(frozen=True)
class Session:
    """What is served by hand, and how.

    Attributes:
        server: what is served, by whom; its logs' folder also takes the right answers and the session's other files.
        slice_s: the seconds of a slice in the experiment whose baselines count as known.
    """

    server: ServerSpec
    slice_s: float

    @property
    def subject(self) -> Subject:
        """The recipe and its conditions."""
        spec = self.server
        return Subject(spec.recipe, spec.system.name, spec.python, spec.environment)

    @property
    def baseline(self) -> scripts.Baseline:
        """The direct arm of the same recipe."""
        spec = self.server
        return scripts.Baseline(spec.recipe, spec.python, spec.logs, spec.environment)


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


def serve_until_interrupted(session: Session) -> None:
    """Serve a recipe until the bench is interrupted. Raises RunFailed, ServerFailed, and SessionEnded."""
    with ExitStack() as stack:
        server = _start_server(stack, session)
        click.echo(f"{_described(session, server)}. Ctrl-C stops it.")
        _stay(server.processes)


def serve_with_web(session: Session, web: Web) -> None:
    """Serve a recipe, with Locust's web interface to load it. Raises as ``serve_until_interrupted`` does."""
    with ExitStack() as stack:
        baseline_csv = _gather_baselines(session, web)
        server = _start_server(stack, session)
        click.echo(_described(session, server))
        locust = stack.enter_context(running(_locust(session, web, server, baseline_csv)))
        address = f"http://{LOOPBACK}:{web.port}"
        _wait_for(address, locust)
        click.echo(f"Locust's web interface: {address}  (the results are in its tab Overhead)\nCtrl-C stops both.")
        _stay([*server.processes, locust])


def known_baselines(subject: Subject, slice_s: float) -> Iterator[dict[str, str]]:
    """Yield the rows of baseline runs in ``results/`` that were made here, of this recipe, under these conditions."""
    here = conditions.gather(subject, slice_s)
    pattern = f"results/*/round-*/{subject.recipe.name}/{subject.system}/b*/{layout.BASELINE_CSV}"
    for path in sorted(path for path in ROOT.glob(pattern) if not path.parent.suffix):
        with suppress(manifest.Damaged):
            if manifest.read(path.parent)["conditions"] == here:
                with path.open(encoding="utf-8") as file:
                    yield from csv.DictReader(file)


def _start_server(stack: ExitStack, session: Session) -> Server:
    expected = stack.enter_context(session.baseline.answers())
    return stack.enter_context(serve(session.server, expected))


def _described(session: Session, server: Server) -> str:
    spec = session.server
    said = facts.in_words(server.facts)
    chosen = f" ({said})" if said else ""
    return f"{spec.recipe.name} answers at {server.address}{chosen}. Logs: {spec.logs}"


def _gather_baselines(session: Session, web: Web) -> Path:
    """Write the known baselines to a file, time those that are asked for, and return the file's path."""
    path = session.server.logs / layout.BASELINE_CSV
    known = list(known_baselines(session.subject, session.slice_s))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, layout.BASELINE_COLUMNS)
        writer.writeheader()
        writer.writerows(known)
    if web.baseline:
        click.echo(f"Timing the baseline: {web.examples} examples, batch sizes {_listed(web.baseline)} …")
        session.baseline.time(web.baseline, web.examples, path)
    sizes = {int(row["batch_size"]) for row in known} | set(web.baseline)
    click.echo(
        f"Baseline known for batch sizes {_listed(sorted(sizes))}"
        if sizes
        else "No baseline is known here for this recipe: `--baseline 8` times one first, `make bench` some"
    )
    return path


def _locust(session: Session, web: Web, server: Server, baseline_csv: Path) -> Command:
    spec = session.server
    options: dict[str, object] = {
        "--system": spec.system.name,
        "--host": server.address,
        "--web-host": LOOPBACK,
        "--web-port": web.port,
        "--request-timeout": LEAST_TIMEOUT_S,
    }
    if web.workers:
        port = free_port()
        options |= {"--processes": web.workers, "--master-bind-port": port, "--master-port": port}
    variables = {
        **spec.environment,
        "EXPECTED_ANSWERS": str(spec.logs / layout.EXPECTED_JSON),
        "BASELINE_CSV": str(baseline_csv),
    }
    return scripts.locust_command(spec.recipe, spec.logs / "locust.log", options, variables)


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
