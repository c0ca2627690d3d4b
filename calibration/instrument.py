"""Client overhead: this client beside others on a server that does nothing, and an experiment's wall time.

Run as a program (``make instrument``). Server and client have a core each. Owns the comparison and its page in the
docs; how each client is run is ``calibration.competitors``'.
"""

import itertools
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import msgpack
import pandas as pd
import psutil
from rich.console import Console

from calibration import scaling
from calibration.competitors import COMPETITORS, Client, Failed, Load
from servecost.bench import conditions
from servecost.bench import experiment as experiments
from servecost.bench.arms.server import ServerSpec, serve
from servecost.bench.experiment import Experiment
from servecost.core import answers, systems
from servecost.core import recipe as recipes
from servecost.core.layout import EXPECTED_JSON, NULL_SYSTEM
from servecost.core.recipe import ROOT, Recipe
from servecost.report.read import results
from servecost.report.write import wording

CONCURRENCIES = (1, 8, 32)
REPETITIONS, SECONDS = 3, 2.0
FILE_BATCH_SIZE, FILE_BYTES, FILE_TIMES = 512, 100_000, 3
FILE_RECIPE = {
    "example.py": f"import random\n\nexample = [random.Random(1).randbytes({FILE_BYTES})]\n",
    "predictor.py": "def predictor(inputs, batch_size=1):\n    return [len(given) for given in inputs]\n",
}
PAGE = ROOT / "docs" / "instrument.md"
EXPERIMENT, FULL = (ROOT / "experiments" / name for name in ("quick.toml", "full.toml"))
REFERENCES = ("wrk", "FastHttpUser")
INTRODUCTION = """# Client overhead beside wrk, autocannon and Locust

Written by `make instrument` ({made_on}).

Every client posts the same requests, one after the other on each of its connections, to a server that does nothing
(the null system), server and client on a core each. Median of {repetitions} measurements (least … most), of
{small_s:g} s each with the small payload and of {large_s:g} s with the large one; all clients in turn in each
repetition. `over wrk` is what a request takes more than with wrk, a program in C. The client of this project checks
every answer and keeps every request's times; the others look at the status, and fdclient encodes the inputs anew for
every request, as msgpack. A client that has no number got no answer in that time, or failed.

The second table is of distributed runs: a master, so many workers and {users} users. Where cores are lacking, requests
per second show that; the CPU time of the workers per request does not. `with a core each` is what follows from it: the
requests per second of so many workers, in those of one.

The last table is of a whole experiment: its wall time from command to report, and the seconds of it on which a clock
ran. The row below is estimated from it: the same cells with the examples and rounds of `{full}`, where a run
takes as much longer as it has more examples, and everything that is not on a clock takes as long as it did, in each
round anew.
"""


@click.command(help=__doc__)
@click.option("--repetitions", type=click.IntRange(1), default=REPETITIONS, show_default=True, help="Of each.")
@click.option("--seconds", type=click.FloatRange(1), default=SECONDS, show_default=True, help="Of each measurement.")
@click.option("--experiment/--no-experiment", default=True, help="Also take the wall time of quick.toml.")
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), default=PAGE, help="Written at the end.")
def main(repetitions: int, seconds: float, experiment: bool, page: Path) -> None:
    """Measure, print the tables and write them to a page of the docs."""
    cores = sorted(psutil.Process().cpu_affinity())
    if len(cores) < 2:
        raise click.ClickException("server and client need a core each, and this process may use one only")
    console = Console(width=140)
    there = [client for client in COMPETITORS if client.is_there()]
    for client in COMPETITORS:
        if client not in there:
            console.print(f"{client.name} is not there: left out (calibration/fetch fetches it)")
    rates = pd.DataFrame(measured(there, repetitions, seconds, cores, console))
    tables = [wording.markdown(table_of(rates)), wording.markdown(scaled(repetitions, seconds, cores))]
    if experiment:
        tables.append(wording.markdown(wall(console)))
    click.echo("\n\n".join(tables))
    page.write_text(page_of(tables, repetitions, seconds), encoding="utf-8")


def measured(
    clients: list[Client], repetitions: int, seconds: float, cores: list[int], console: Console
) -> Iterator[dict[str, object]]:
    """Yield every measurement: in each repetition and at each concurrency, one client after the other."""
    with tempfile.TemporaryDirectory(prefix="instrument-") as name:
        for payload, recipe, batch_size, times in payloads(Path(name)):
            folder = written(Path(name, payload), recipe, batch_size)
            with null_server(recipe, folder, cores[0]) as (address, expected):
                for repetition, concurrency in itertools.product(range(repetitions), CONCURRENCIES):
                    load = Load(recipe, batch_size, address, concurrency, times * seconds, folder, expected, cores[1])
                    for client in clients if repetition % 2 == 0 else clients[::-1]:
                        rate = rate_of(client, load, f"{payload}, concurrency {concurrency}, {client.name}", console)
                        yield {"payload": payload, "concurrency": concurrency, "client": client.name, "rate": rate}


def rate_of(client: Client, load: Load, label: str, console: Console) -> float:
    """Return one measurement, requests per second; NaN if there is none."""
    try:
        rate = client.rate(load)
    except Failed as error:
        console.print(f"{label}: {error}")
        return float("nan")
    console.print(f"{label}: {rate:.1f} requests/s")
    return rate or float("nan")


def scaled(repetitions: int, seconds: float, cores: list[int]) -> pd.DataFrame:
    """Return how the load scales over workers."""
    with tempfile.TemporaryDirectory(prefix="instrument-") as name:
        recipe = recipes.load("echo")
        folder = written(Path(name, "scaling"), recipe, 1)
        with null_server(recipe, folder, cores[0]) as (address, expected):
            load = Load(recipe, 1, address, scaling.USERS, seconds, folder, expected, cores[1])
            runs = [scaling.run(load, workers) for _ in range(repetitions) for workers in scaling.WORKERS]
    return scaling.table_of(runs)


def payloads(folder: Path) -> Iterator[tuple[str, Recipe, int, int]]:
    """Yield each payload's name, the recipe whose inputs it holds, how many, and how much longer it is measured."""
    yield "JSON, small", recipes.load("echo"), 1, 1
    files = folder / "files"
    files.mkdir()
    for name, content in FILE_RECIPE.items():
        (files / name).write_text(content, encoding="utf-8")
    yield f"FILE, {FILE_BATCH_SIZE} × {FILE_BYTES // 1000} KB", recipes.load(str(files)), FILE_BATCH_SIZE, FILE_TIMES


def written(folder: Path, recipe: Recipe, batch_size: int) -> Path:
    """Write what is sent to a folder of its own: encoded, and for a client that encodes by itself."""
    folder.mkdir()
    inputs = recipe.inputs.take(batch_size)
    (folder / "body").write_bytes(systems.load(NULL_SYSTEM).wire(recipe.input_type).body(inputs).content)
    (folder / "inputs").write_bytes(msgpack.packb(inputs))
    return folder


@contextmanager
def null_server(recipe: Recipe, folder: Path, core: int) -> Iterator[tuple[str, Path]]:
    """Serve a recipe with the null system on one core; yield its address and the file of the right answers."""
    expected = list(recipe.example) if recipe.name == "echo" else [len(given) for given in recipe.example]
    path = folder / f"{recipe.name}-{EXPECTED_JSON}"
    answers.write(path, expected)
    spec = ServerSpec(recipe, systems.load(NULL_SYSTEM), recipe.python, folder, request_timeout_s=3600)
    with serve(spec, lambda: expected) as server:
        for pid, _ in server.tree.members():
            psutil.Process(pid).cpu_affinity([core])
        yield server.address, path


def table_of(rates: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison: median and range over the repetitions, and what that is beside the references."""
    rows = []
    for (payload, concurrency), own in rates.groupby(["payload", "concurrency"], sort=False):
        found = own.groupby("client", sort=False)["rate"].agg(["median", "min", "max"])
        wrk, fast = (found["median"].get(name, float("nan")) for name in REFERENCES)
        for client, rate in found.sort_values("median", ascending=False).iterrows():
            rows.append(
                {
                    "Payload": payload,
                    "Concurrency": str(concurrency),
                    "Client": str(client),
                    "Requests/s": f"{rate['median']:,.1f} ({rate['min']:,.1f} … {rate['max']:,.1f})",
                    "µs/request": f"{1e6 / rate['median']:,.1f}",
                    "over wrk, µs": f"{1e6 / rate['median'] - 1e6 / wrk:+,.1f}",
                    "× FastHttpUser": f"{rate['median'] / fast:.2f}",
                }
            )
    return pd.DataFrame(rows).replace(r".*nan.*", wording.NOT_PLANNED, regex=True)


def wall(console: Console) -> pd.DataFrame:
    """Make the experiment as a user does; return its wall time beside the seconds in it on which a clock ran."""
    with tempfile.TemporaryDirectory(prefix="instrument-") as name:
        out = Path(name, "results")
        began_s = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "servecost", "run", str(EXPERIMENT), "--out", str(out)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        wall_s = time.monotonic() - began_s
        if done.returncode:
            console.print((done.stderr or done.stdout).strip().splitlines()[-1])
        found = results.read(out)
    timed_s = found.wall["timed_s"].sum()
    full, _ = experiments.read(FULL)
    full_timed_s = timed_with(found, full)
    full_wall_s = full_timed_s + full.rounds * (wall_s - timed_s)
    rows = [(EXPERIMENT.name, wall_s, timed_s), (f"the same cells of {FULL.name}", full_wall_s, full_timed_s)]
    return pd.DataFrame(
        {
            "Experiment": name,
            "Wall": f"{wall:,.1f} s",
            "Timed": f"{timed:,.1f} s",
            "Wall / timed": f"{wall / timed:.3f}",
        }
        for name, wall, timed in rows
    )


def timed_with(found: results.Results, full: Experiment) -> float:
    """Return the seconds on a clock that the cells of one round would take with the examples and rounds of ``full``."""
    runs = pd.concat([found.baseline, found.served])
    examples = runs["recipe"].map(full.examples_of)
    rest_s = (
        found.wall["timed_s"].sum() - runs["total_s"].sum()
    )  # separate calls, which are not more with more examples
    return full.rounds * float((runs["total_s"] * examples / runs["examples"]).sum() + rest_s)


def page_of(tables: list[str], repetitions: int, seconds: float) -> str:
    """Return the page of the docs."""
    machine, python = conditions.machine(), platform.python_version()
    made_on = f"{machine['processor']}, {machine['cores']} cores, Python {python}, {datetime.now(UTC):%Y-%m-%d}"
    times = {"users": scaling.USERS, "small_s": seconds, "large_s": FILE_TIMES * seconds, "full": FULL.name}
    return "\n\n".join([INTRODUCTION.format(repetitions=repetitions, made_on=made_on, **times), *tables]) + "\n"


if __name__ == "__main__":
    main()
