"""What the tests share: their levels and order, commands run as a user runs them, and one real fastDeploy server."""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import settings

from servecost.bench.arms.server import Server
from servecost.cli import main
from servecost.core import recipe
from tests.orphans import no_orphans as without_orphans
from tests.support import MEASURED, ROOT, Command, served_by

# Tables of pandas make so many objects that the garbage collector takes a seventh of the unit tests' time.
gc.set_threshold(100_000, 20, 20)

# In this order: what takes long first, and what is short fills the gaps at the end.
LEVELS = "end_to_end", "conformance", "unit"
KEEPER_GRACE_S = 10
# What is made once, for tests that are a group then.
SHARED = {"measured", "published"}

# The same examples each time: a check is red for what was changed, and not by chance.
settings.register_profile("check", derandomize=True, deadline=None, database=None)
settings.load_profile("check")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its level, which is its folder, and as one group those that share what takes long to make."""
    for item in items:
        if level := level_of(item):
            item.add_marker(level)
        for name in SHARED & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(name))
            item.add_marker("long")
    items.sort(key=place_of)


def level_of(item: pytest.Item) -> str | None:
    """Return the level of a test."""
    return next((level for level in LEVELS if level in item.path.parts), None)


def place_of(item: pytest.Item) -> tuple[bool, int]:
    """Return the place of a test in the order."""
    level = level_of(item)
    return item.get_closest_marker("long") is None, LEVELS.index(level) if level else -1


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
def invoke() -> Command:
    """Run a verb of ``servecost`` in this process, which spares the seconds in which a process imports it."""

    def run(*arguments: object, limit_s: int = 300) -> "subprocess.CompletedProcess[str]":
        words = [str(word) for word in arguments]
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)}
        signal.signal(signal.SIGALRM, lambda *_: pytest.fail(f"{words} has not ended after {limit_s} s"))
        signal.alarm(limit_s)
        try:
            done = CliRunner().invoke(main, words)
        finally:
            signal.alarm(0)
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def locust(command: Command) -> Command:
    """Run plain Locust, headless, on a recipe."""

    def run(recipe_path: object, host: str, *options: object, **env: str) -> "subprocess.CompletedProcess[str]":
        arguments = "-f", "locustfiles/generic.py", "--headless", "--only-summary", "--host", host, *options
        return command("-m", "locust", *arguments, RECIPE=str(recipe_path), **env)

    return run


@pytest.fixture(scope="session")
def measured(invoke: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of four rounds of the echo recipe, to be read or copied; the experiment file is beside the folder.

    What others have disturbed is measured anew.
    """
    folder = tmp_path_factory.mktemp("measured")
    (folder / "my.toml").write_text(MEASURED)
    for _ in range(3):
        done = invoke("run", folder / "my.toml", "--out", folder / "out")
        if done.returncode != 1:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


@pytest.fixture(scope="module")  # it asks for work all the time, so it does not live for longer
def echo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real fastDeploy that serves the echo recipe."""
    with served_by("fastdeploy", recipe.load("echo"), logs=tmp_path_factory.mktemp("echo-server")) as server:
        yield server


@pytest.fixture
def no_orphans() -> Iterator[None]:
    """Fail the test if a process that was started meanwhile outlives it by more than the keeper's grace."""
    with without_orphans(within_s=KEEPER_GRACE_S + 5):
        yield
