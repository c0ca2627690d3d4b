"""What the tests share: their levels and order, commands run as a user runs them, and one real fastDeploy server.

Every test holds the machine together with others, or alone if it is marked so (``turnstile``).
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer

from servecost.bench.arms.server import Server
from servecost.core import recipe
from tests.orphans import no_orphans as without_orphans
from tests.side_by_side import FilesThatShare
from tests.support import MEASURED, ROOT, Command, served_by
from tests.turnstile import Turnstile

# In this order: what takes long first, and what is short fills the gaps at the end.
LEVELS = "end_to_end", "conformance", "unit"
KEEPER_GRACE_S = 10
TURNSTILE = Turnstile()

# The same examples each time: a check is red for what was changed, and not by chance.
settings.register_profile("check", derandomize=True, deadline=None, database=None)
settings.load_profile("check")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its level, which is its folder, and bring the tests into the order in which they are run."""
    for item in items:
        if level := level_of(item):
            item.add_marker(level)
    items.sort(key=place_of)


def level_of(item: pytest.Item) -> str | None:
    """Return the level of a test."""
    return next((level for level in LEVELS if level in item.path.parts), None)


def is_alone(item: pytest.Item) -> bool:
    """Say whether a test has to run alone on the machine."""
    return item.get_closest_marker("alone") is not None


def place_of(item: pytest.Item) -> tuple[bool, bool, int]:
    """Return the place of a test in the order: what everything else waits for comes last."""
    level = level_of(item)
    uses_measured = "measured" in getattr(item, "fixturenames", ())
    return is_alone(item), uses_measured, LEVELS.index(level) if level else -1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesThatShare:
    """Choose which process runs which tests."""
    return FilesThatShare(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run a test with its fixtures beside others, or alone; unit tests disturb nobody and wait for nobody."""
    if level_of(item) == "unit":
        return (yield)
    with TURNSTILE.alone() if is_alone(item) else TURNSTILE.beside_others():
        return (yield)


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
    """Results of three rounds of the echo recipe, to be read or copied; the experiment file is beside the folder.

    They are measured once, alone, whichever of the test processes needs them first.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "measured"
    done_file = folder / "done"
    if not done_file.exists():
        with TURNSTILE.alone():
            if not done_file.exists():
                folder.mkdir()
                (folder / "my.toml").write_text(MEASURED)
                done = command("-m", "servecost", "run", folder / "my.toml", "--out", folder / "out")
                assert done.returncode == 0, done.stdout + done.stderr
                done_file.touch()
    return folder / "out"


@pytest.fixture(scope="session")
def echo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real fastDeploy that serves the echo recipe."""
    with served_by("fastdeploy", recipe.load("echo"), logs=tmp_path_factory.mktemp("echo-server")) as server:
        yield server


@pytest.fixture
def no_orphans() -> Iterator[None]:
    """Fail the test if a process that was started meanwhile outlives it by more than the keeper's grace."""
    with without_orphans(within_s=KEEPER_GRACE_S + 5):
        yield
