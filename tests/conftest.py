"""What the tests share: commands run as a user runs them, and one real fastDeploy server of the echo recipe."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from servecost.bench.arms.server import Server, serving
from servecost.bench.processes.process import free_port
from servecost.core import recipe, systems

ROOT = recipe.ROOT
TEST_RECIPES = ROOT / "tests" / "recipes"

PREDICTOR = "def predictor(inputs, batch_size=1): return list(inputs)\n"

MEASURED = """
recipes = ["echo"]
batch_sizes = [1]
concurrencies = [1, 4]
examples = 200
rounds = 3
"""

# Where a shell has started the tests in the background, they and all that they start would be deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def write_recipe(folder: Path, example: str | None = "example = ['a']", predictor: str | None = PREDICTOR) -> Path:
    """Make a recipe of the two files that it needs, or without one of them (None); return its folder."""
    folder.mkdir()
    for name, content in (("example.py", example), ("predictor.py", predictor)):
        if content is not None:
            (folder / name).write_text(content)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open() as file:
        return list(csv.DictReader(file))


def by_type(prefix: Path) -> dict[str, dict[str, str]]:
    """Return the rows of Locust's own statistics file, of ``--csv PREFIX``, by their type."""
    return {row["Type"]: row for row in rows(prefix.with_name(prefix.name + "_stats.csv"))}


def verdict_on(requests: int, users: int) -> tuple[int, str]:
    """Return the exit code and the word for a run in which all goes well: it needs a request for each user."""
    return (1, "INVALID(concurrency)") if requests < users else (0, "VALID")


@pytest.fixture(scope="session")
def command() -> Command:
    """Run a Python program of the project as a user does; arguments are its command line, ``env`` adds variables."""

    def run(*arguments: object, timeout_s: float = 300, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def locust(command: Command) -> Command:
    """Run plain Locust, headless, on a recipe."""

    def run(recipe_path: object, host: str, *options: object, **env: str) -> "subprocess.CompletedProcess[str]":
        arguments = "-f", "locustfiles/generic.py", "--headless", "--only-summary", "--host", host, *options
        return command("-m", "locust", *arguments, RECIPE=str(recipe_path), **env)

    return run


@pytest.fixture(scope="session")
def measured(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of three rounds of the echo recipe, to be read or copied; the experiment file is beside the folder."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "my.toml").write_text(MEASURED)
    done = command("-m", "servecost", "run", folder / "my.toml", "--out", folder / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


@pytest.fixture(scope="session")
def echo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real fastDeploy that serves the echo recipe."""
    chosen = recipe.load("echo")
    logs = tmp_path_factory.mktemp("echo-server")
    with serving(
        chosen, systems.load("fastdeploy"), lambda: list(chosen.example), free_port(), 480, {}, logs
    ) as server:
        yield server


@pytest.fixture
def no_orphans() -> Iterator[None]:
    """Fail the test if a process that was started meanwhile outlives it by more than the keeper's grace."""
    before = {process.pid for process in ours()}  # a server that runs already may still start processes of its own
    yield
    deadline = time.monotonic() + 15
    while left := [process.info["cmdline"] for process in ours() if not {process.pid, process.ppid()} & before]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def ours() -> Iterator[psutil.Process]:
    """Yield the running processes of the kinds that the bench starts."""
    for process in psutil.process_iter(["cmdline", "status"]):
        words = " ".join(process.info["cmdline"] or [])
        is_one = any(name in words for name in ("fastdeploy", "locust", "keeper.py", "baseline/"))
        if is_one and process.info["status"] != psutil.STATUS_ZOMBIE:
            yield process
