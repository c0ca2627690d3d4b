"""What the tests share: commands run as a user runs them, and one real fastDeploy server of the echo recipe."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from servecost.bench.arms.server import Server, ServerSpec, serve
from servecost.core import recipe, systems
from tests.support import MEASURED, ROOT, Command


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
    spec = ServerSpec(chosen, systems.load("fastdeploy"), chosen.python, logs, request_timeout_s=480)
    with serve(spec, lambda: list(chosen.example)) as server:
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
