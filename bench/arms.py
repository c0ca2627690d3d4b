"""The two arms of a part: the baseline script, and Locust against a server.

Owns their command lines, and how a run's files become whole: a run is made in a folder beside its place and renamed
when everything is there, so that an interrupted experiment loses the run in hand and nothing else.
"""

import csv
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import manifest
from bench.experiment import Experiment
from bench.plan import Part, ServedRun
from bench.processes import Process, running
from bench.server import Server
from contract import answers, results
from contract.recipe import ROOT, Recipe

POLL_S = 0.2
END_LIMIT_S = 30
FAILED_SUFFIX = ".failed"
UNFINISHED_SUFFIX = ".unfinished"


class RunFailed(Exception):
    """A run gave no valid result; the message says why in one line and names the log."""


def script_of(stage: str, recipe: Recipe) -> Path:
    """Return the script of a stage for a recipe: its own if it has one, else the generic one."""
    own = ROOT / stage / f"{recipe.name}.py"
    is_shipped = recipe.folder.parent == ROOT / "recipes"
    return own if is_shipped and own.exists() else ROOT / stage / "generic.py"


def baseline_totals(path: Path) -> dict[int, float]:
    """Return the total seconds by batch size of the baseline runs that a CSV holds whole; none if there is no file."""
    if not path.exists():
        return {}
    whole_lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return {int(row["batch_size"]): float(row["total_s"]) for row in csv.DictReader(whole_lines)}


def drop_torn_row(path: Path) -> None:
    """Remove a last row that an interruption has cut short."""
    if path.exists():
        text = path.read_text()
        path.write_text(text[: text.rfind("\n") + 1])


def run_baseline(
    experiment: Experiment, part: Part, batch_sizes: list[int], tick: Callable[[], None]
) -> Iterator[tuple[int, float]]:
    """Time the direct arm for the given batch sizes, in one process; yield each with its seconds as its run is done.

    Raises RunFailed if the script ends with an error.
    """
    recipe = part.recipe
    command = _baseline_command(recipe, part.expected_json)
    command += ["--runs", "1", "--examples", str(part.examples), "--csv", str(part.baseline_csv)]
    command += ["--batch-size", *map(str, batch_sizes)]
    drop_torn_row(part.baseline_csv)
    manifest.write(part.folder, recipe, experiment.environment, arm="baseline", round=part.round)
    waiting = list(batch_sizes)
    with running("baseline", command, experiment.environment, part.folder / "baseline.log") as process:
        while waiting:
            exit_code = _wait(process, tick)
            done = baseline_totals(part.baseline_csv)
            while waiting and waiting[0] in done:
                batch_size = waiting.pop(0)
                yield batch_size, done[batch_size]
            if exit_code is not None and waiting:
                raise RunFailed(_reason(process, exit_code))
        process.wait(END_LIMIT_S)


def direct_answers(recipe: Recipe, folder: Path, environment: Mapping[str, str]) -> list[Any]:
    """Return the direct arm's answers to the recipe's example, from a process of its own. Raises RunFailed."""
    path = folder / results.EXPECTED_JSON
    _call_baseline([*_baseline_command(recipe, path), "--runs", "0"], environment, folder)
    return answers.read(path)


def time_baseline(
    recipe: Recipe, folder: Path, environment: Mapping[str, str], batch_sizes: Iterable[int], examples: int, path: Path
) -> None:
    """Time the direct arm once for each batch size, and append the runs to a CSV file. Raises RunFailed."""
    command = [*_baseline_command(recipe, folder / results.EXPECTED_JSON), "--runs", "1", "--examples", str(examples)]
    _call_baseline([*command, "--csv", str(path), "--batch-size", *map(str, batch_sizes)], environment, folder)


def _call_baseline(command: list[str], environment: Mapping[str, str], folder: Path) -> None:
    with running("baseline", command, environment, folder / "baseline.log") as process:
        exit_code = _end_of(process)
    if exit_code:
        raise RunFailed(_reason(process, exit_code))


def run_served(
    experiment: Experiment, part: Part, system: str, run: ServedRun, server: Server, tick: Callable[[], None]
) -> float:
    """Make one served run with Locust and put its files in place. Returns its seconds; raises RunFailed."""
    clear(run.folder)
    folder = unfinished_folder(run.folder)
    folder.mkdir(parents=True)
    log_sizes = {process.log: process.log.stat().st_size for process in server.processes}
    environment = {
        **experiment.environment,
        "EXPECTED_ANSWERS": str(part.expected_json),
        "RECIPE": str(part.recipe.folder),
    }
    command = _locust_command(part, run, server, folder, experiment.timeout_s_of(part.recipe.name))
    with running("locust", command, environment, folder / "locust.log") as process:
        exit_code = _end_of(process, tick)
    for log, size in log_sizes.items():
        (folder / f"server-{log.name}").write_bytes(log.read_bytes()[size:])
    manifest.write(
        folder,
        part.recipe,
        experiment.environment,
        arm="served",
        round=part.round,
        system=system,
        server=server.facts,
        batch_size=run.batch_size,
        concurrency=run.concurrency,
        examples=run.examples,
    )
    if exit_code:
        reason = _reason(process, exit_code)
        keep_failure(run.folder, reason)
        raise RunFailed(reason.replace(str(folder), str(failed_folder(run.folder))))
    folder.rename(run.folder)
    return served_total_s(run.folder)


def served_total_s(folder: Path) -> float:
    """Return the seconds of a served run from its Locust CSV."""
    with (folder / results.LOCUST_STATS_CSV).open() as file:
        (total_ms,) = (row["Average Response Time"] for row in csv.DictReader(file) if row["Type"] == results.RUN_TYPE)
    return float(total_ms) / 1000


def unfinished_folder(place: Path) -> Path:
    """Return where the files of a run are while it is made."""
    return place.with_name(place.name + UNFINISHED_SUFFIX)


def failed_folder(place: Path) -> Path:
    """Return where the files of a failed run are kept until it is made again."""
    return place.with_name(place.name + FAILED_SUFFIX)


def keep_failure(place: Path, reason: str) -> None:
    """Keep a failed run's files, if it has any yet, with the reason, under a name that no report takes for a result."""
    folder = unfinished_folder(place)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / results.FAILURE_TXT).write_text(reason + "\n")
    folder.rename(failed_folder(place))


def clear(place: Path) -> None:
    """Remove what earlier attempts at a run have left."""
    for folder in (failed_folder(place), unfinished_folder(place)):
        shutil.rmtree(folder, ignore_errors=True)


def _baseline_command(recipe: Recipe, expected: Path) -> list[str]:
    script = script_of("baseline", recipe)
    names_recipe = ["--recipe", str(recipe.folder)] if script.stem == "generic" else []
    return [sys.executable, str(script), *names_recipe, "--expected", str(expected)]


def _locust_command(part: Part, run: ServedRun, server: Server, folder: Path, timeout_s: int) -> list[str]:
    options = {
        "-f": script_of("locustfiles", part.recipe),
        "--users": run.concurrency,
        "--batch-size": run.batch_size,
        "--examples": run.examples,
        "--request-timeout": timeout_s,
        "--host": server.address,
        "--csv": folder / results.LOCUST_PREFIX,
    }
    words = [str(word) for option in options.items() for word in option]
    return [sys.executable, "-m", "locust", "--headless", "--only-summary", *words]


def _wait(process: Process, tick: Callable[[], None]) -> int | None:
    tick()
    return process.wait(POLL_S)


def _end_of(process: Process, tick: Callable[[], None] = lambda: None) -> int:
    """Wait until a process has ended, calling ``tick`` often; return its exit code."""
    while (exit_code := _wait(process, tick)) is None:
        pass
    return exit_code


def _reason(process: Process, exit_code: int) -> str:
    last_line = process.last_lines(1) or "it printed nothing"
    return f"{process.name} ended with exit code {exit_code}: {last_line} (log: {process.log})"
