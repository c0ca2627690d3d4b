"""What the tests share besides fixtures: recipes that they write, and files that they read."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType
from typing import Any

import requests

from servecost.bench.arms.server import Server, ServerSpec, serve
from servecost.bench.environments import Environments
from servecost.core import recipe, systems
from servecost.core.recipe import Recipe

ROOT = recipe.ROOT
TEST_RECIPES = ROOT / "tests" / "recipes"

PREDICTOR = "def predictor(inputs, batch_size=1): return list(inputs)\n"

# What deepsegment_en answers to its example, as the published page has it.
SEGMENTS = [
    "I was hungry",
    "i ordered a pizza and i went to the movies",
    "which movie did you go to",
    "i watched dark knight rises",
    "oh how was it",
    "it was a good movie",
    "yeah thought so",
]

MEASURED = """
recipes = ["echo"]
batch_sizes = [1]
concurrencies = [1, 4]
examples = 200
rounds = 2

# Or rounds under different choices of fastDeploy's would be rows of their own.
[system.fastdeploy]
OPTIMAL_BATCH_SIZE = "8"
"""

# Rules that a run may break beside other tests through no fault of its own: its client has to wait for a core, at the
# start of a run more than later. Tests that run alone show that a run is valid by these rules, too.
MAY_HAVE_TO_WAIT = "client-cpu", "warm"

# Beside other tests, threads that wait for each other by spinning take the cores.
CALLED_WITH = {"PATH": "/usr/bin:/bin", "HOME": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
OTHERS = 4
# No test asserts how long something takes: what has not ended by then hangs.
PATIENCE_S = 120

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


def served_by(
    system: str,
    served: Recipe,
    expected: Sequence[Any] | None = None,
    *,
    logs: Path,
    request_timeout_s: int = 480,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> AbstractContextManager[Server]:
    """Serve a recipe while the ``with`` block lasts; the expected answers to its example are its inputs by default."""
    answers = list(served.example if expected is None else expected)
    who = systems.load(system)
    python = Environments(say=print).python_for(served, who)
    return serve(ServerSpec(served, who, python, logs, request_timeout_s, environment), lambda: answers)


def called(folder: Path, code: str, python: str = sys.executable, **env: str) -> Any:
    """Return what ``code`` prints as JSON, run in a recipe's folder by a Python that knows nothing of this project."""
    script = f"import json\nfrom predictor import predictor\nfrom example import example\n{code}"
    done = subprocess.run(
        [python, "-c", script],
        cwd=folder,
        env={**CALLED_WITH, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def start_locust(*options: object, log: Path | None = None, **env: str) -> "subprocess.Popen[bytes]":
    """Start a plain Locust of the echo recipe, unless ``env`` names another; its output goes to ``log``."""
    with (log or Path(os.devnull)).open("w") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "locust", "-f", "locustfiles/generic.py", *map(str, options)],
            cwd=ROOT,
            env={**os.environ, "RECIPE": "echo", **env},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def used_by_others(address: str) -> Iterator[None]:
    """Send requests to a server while the ``with`` block lasts, from several threads, so that no second is without."""
    stop, begun = threading.Event(), threading.Event()

    def use() -> None:
        while not stop.wait(0.1):
            requests.post(address + "/infer", json={"data": ["a"]}, timeout=10)
            begun.set()

    with ThreadPoolExecutor(OTHERS) as pool:
        others = [pool.submit(use) for _ in range(OTHERS)]
        try:
            assert begun.wait(30)  # before that, nobody uses it
            yield
        finally:
            stop.set()
    assert [other.exception() for other in others] == [None] * OTHERS


def wait_until(
    is_so: Callable[[], object],
    limit_s: float = 60,
    process: "subprocess.Popen[Any] | None" = None,
    log: Path | None = None,
) -> None:
    """Return as soon as that is so. Fails after the limit, or when the process ends before, and shows its log."""
    deadline = time.monotonic() + limit_s
    while not is_so():
        said = log.read_text() if log else "it has no log"
        assert process is None or process.poll() is None, f"{process.args!r} ended with {process.returncode}: {said}"
        assert time.monotonic() < deadline, f"not so after {limit_s} s: {said}"
        time.sleep(0.05)


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open() as file:
        return list(csv.DictReader(file))


def by_type(prefix: Path) -> dict[str, dict[str, str]]:
    """Return the rows of Locust's own statistics file, of ``--csv PREFIX``, by their type."""
    return {row["Type"]: row for row in rows(prefix.with_name(prefix.name + "_stats.csv"))}


def max_in_flight(sent: Sequence[Mapping[str, str]]) -> int:
    """Return how many requests were in flight at most, of rows of a requests file of one clock."""
    changes = sorted([(int(row["sent_ns"]), 1) for row in sent] + [(int(row["answered_ns"]), -1) for row in sent])
    return max(accumulate(change for _, change in changes))


def assert_ends_as(done: "subprocess.CompletedProcess[str]", rule: str = "") -> None:
    """The load's last line names this rule, or none for a valid run, and the exit code fits."""
    said = done.stdout + done.stderr
    verdict = re.match(r"(?:VALID|INVALID\(([a-z-]+)\)): ", (done.stdout.splitlines() or [""])[-1])
    assert verdict, said
    found = verdict[1] or ""
    assert found == rule or (not rule and found in MAY_HAVE_TO_WAIT), said
    assert done.returncode == bool(found), said


def rule_for(requests: int, users: int) -> str:
    """Return the rule that a run breaks in which all goes well: it needs a request for each user."""
    return "concurrency" if requests < users else ""
