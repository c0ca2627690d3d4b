"""What the tests share: their levels and order, commands run as a user runs them, and one real fastDeploy server.

Every test holds the machine together with others, or alone if it is marked so (``turnstile``).
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from servecost.bench.arms.server import Server
from servecost.cli import main
from servecost.core import recipe
from tests.orphans import no_orphans as without_orphans
from tests.support import MEASURED, ROOT, Command, served_by
from tests.turnstile import Turnstile

# In this order: what takes long first, and what is short fills the gaps at the end.
LEVELS = "end_to_end", "conformance", "unit"
KEEPER_GRACE_S = 10
TURNSTILE = Turnstile()
# What takes seconds to set up: the tests that use one of these run in one process, one after the other.
SHARED = "echo_server", "one_process", "finished", "host", "on_its_own_stack", "deepsegment", "efficientnet"


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its level, which is its folder, and bring the tests into the order in which they are run."""
    for item in items:
        if level := level_of(item):
            item.add_marker(level)
        if group := next((name for name in SHARED if name in fixtures_of(item)), None):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=place_of)


def level_of(item: pytest.Item) -> str | None:
    """Return the level of a test."""
    return next((level for level in LEVELS if level in item.path.parts), None)


def fixtures_of(item: pytest.Item) -> Sequence[str]:
    """Return the names of the fixtures that a test uses, also by way of others."""
    return getattr(item, "fixturenames", ())


def is_alone(item: pytest.Item) -> bool:
    """Say whether a test has to run alone on the machine."""
    return item.get_closest_marker("alone") is not None


def place_of(item: pytest.Item) -> tuple[bool, bool, bool, int]:
    """Return the place of a test in the order: what everything else waits for comes last."""
    is_grouped = item.get_closest_marker("xdist_group") is not None
    level = level_of(item)
    return is_alone(item), "measured" in fixtures_of(item), not is_grouped, LEVELS.index(level) if level else -1


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
def invoke() -> Command:
    """Run a verb of ``servecost`` in this process, which spares the two seconds in which a process imports it."""

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        words, handler = [str(word) for word in arguments], signal.getsignal(signal.SIGTERM)
        try:
            done = CliRunner().invoke(main, words)
        finally:
            signal.signal(signal.SIGTERM, handler)
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
