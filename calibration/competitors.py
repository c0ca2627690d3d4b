"""The clients that are compared: how each is made to send the same request over and over, and how its output is read.

Owns their command lines and the reading of what they print. None is part of this project but the last: ``calibration/
fetch`` fetches them; one that is not there is skipped.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servecost.core import layout, systems
from servecost.core.recipe import ROOT, Recipe
from servecost.core.system import Body, Wire

FETCHED = ROOT / ".cache" / "clients"
CLIENTS = ROOT / "calibration" / "clients"
LIMIT_S = 600
CALIBRATION_REQUESTS = 64  # and as many as there are users
TOLERATED = ("", "client-cpu", "concurrency")  # here the client is to reach its limit


class Failed(Exception):
    """A client gave no number; the message is its last line."""


@dataclass(frozen=True)
class Load:
    """What every client sends.

    Attributes:
        recipe: whose inputs are sent.
        batch_size: inputs in a request.
        address: of the server.
        concurrency: requests in flight.
        seconds: for about how long.
        folder: with the files ``body`` (encoded) and ``inputs`` (msgpack), and for what the client writes.
        expected: the file of the right answers.
        core: on which the client runs.
    """

    recipe: Recipe
    batch_size: int
    address: str
    concurrency: int
    seconds: float
    folder: Path
    expected: Path
    core: int

    @property
    def path(self) -> str:
        """Where requests are posted to."""
        return self.wire.path("same")

    @property
    def wire(self) -> Wire:
        """How the null system, to which every client sends, is spoken to."""
        return systems.load(layout.NULL_SYSTEM).wire(self.recipe.input_type)

    @property
    def body(self) -> Body:
        """The body that is sent over and over."""
        return self.wire.body(self.recipe.inputs.take(self.batch_size))

    @property
    def environment(self) -> dict[str, str]:
        """The variables that tell a client's script what to send."""
        return {
            "BODY": str(self.folder / "body"),
            "INPUTS": str(self.folder / "inputs"),
            "CONTENT_TYPE": self.body.content_type,
            "TARGET_PATH": self.path,
        }


@dataclass(frozen=True)
class Client:
    """One of them.

    Attributes:
        name: as it is shown.
        is_there: whether it can be run.
        rate: sends a load; returns requests per second, or raises Failed.
    """

    name: str
    is_there: Callable[[], bool]
    rate: Callable[[Load], float]


def output(load: Load, command: list[str], environment: Mapping[str, str] | None = None, *, pinned: bool = True) -> str:
    """Return what a client prints, run on its core. Raises Failed."""
    done = subprocess.run(
        ["taskset", "-c", str(load.core), *command] if pinned else command,
        env={**os.environ, **load.environment, **(environment or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode:
        raise Failed((done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1])
    return done.stdout + done.stderr


def counted(printed: str) -> float:
    """Return the rate from the line of JSON that our scripts for others' clients end with."""
    found = json.loads(re.findall(r"^\{.*\}$", printed, flags=re.MULTILINE)[-1])
    if found.get("failures"):
        raise Failed(f"{found['failures']} failures")
    return float(found["requests"] / found["seconds"])


def wrk_program() -> str | None:
    """Return the path of wrk, if there is one."""
    fetched = FETCHED / "usr" / "bin" / "wrk"
    return shutil.which("wrk") or (str(fetched) if fetched.exists() else None)


def wrk(load: Load) -> float:
    """Send with wrk: C, epoll."""
    words = f"--threads 1 --connections {load.concurrency} --duration {load.seconds:.0f}s --timeout {LIMIT_S}s".split()
    libraries = FETCHED / "usr" / "lib" / f"{os.uname().machine}-linux-gnu"
    command = [str(wrk_program()), *words, "--script", str(CLIENTS / "post.lua"), load.address + load.path]
    printed = output(load, command, {"LD_LIBRARY_PATH": str(libraries)})
    if "Non-2xx" in printed:
        raise Failed("answers that are no success")
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", printed)[0])


def autocannon(load: Load) -> float:
    """Send with autocannon: Node.js."""
    words = f"--json --connections {load.concurrency} --duration {load.seconds:.0f} --timeout {LIMIT_S} --method POST"
    content_type = load.body.content_type
    command = [str(FETCHED / "node_modules" / ".bin" / "autocannon"), *words.split(), "--input"]
    command += [str(load.folder / "body"), "--headers", f"Content-Type={content_type}", load.address + load.path]
    printed = output(load, command)
    found = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    if found["non2xx"] or found["errors"]:
        raise Failed(f"{found['non2xx'] + found['errors']} failures")
    return float(found["2xx"] / found["duration"])


def stock_locust(user: str) -> Callable[[Load], float]:
    """Return how one of Locust's own users sends."""

    def rate(load: Load) -> float:
        words = f"--headless --only-summary -r 1000 -u {load.concurrency} -t {load.seconds:.0f}s --host {load.address}"
        script = str(CLIENTS / "stock_users.py")
        return counted(output(load, [sys.executable, "-m", "locust", "-f", script, *words.split(), user]))

    return rate


def fdclient(load: Load) -> float:
    """Send with fastDeploy's own client."""
    command = [sys.executable, str(CLIENTS / "fdclient_threads.py")]
    command += [load.address, str(load.concurrency), str(load.seconds)]
    return counted(output(load, command, {"FDCLIENT": str(FETCHED / "python")}))


def ours(load: Load) -> float:
    """Send with this project's user, as many requests as take about the time."""
    calibrated = ours_exactly(load, max(CALIBRATION_REQUESTS, load.concurrency))
    return ours_exactly(load, max(load.concurrency, round(calibrated * load.seconds)))


def ours_exactly(load: Load, requests: int) -> float:
    """Send so many requests with this project's user, on the client's core; each answer is checked."""
    run = locust(load, requests, load.folder / "ours", pinned=True)
    return float(run["requests"] / run["total_s"])


def locust(load: Load, requests: int, prefix: Path, *more: object, pinned: bool = False) -> dict[str, Any]:
    """Send so many requests with this project's user; return its run.json. Raises Failed if the run is invalid."""
    options = {
        "-f": ROOT / "locustfiles" / "generic.py",
        "--system": layout.NULL_SYSTEM,
        "--host": load.address,
        "-u": load.concurrency,
        "--batch-size": load.batch_size,
        "--examples": requests * load.batch_size,
        "--request-timeout": LIMIT_S,
        "--csv": prefix,
    }
    words = [str(word) for option in options.items() for word in option] + [str(word) for word in more]
    environment = {"RECIPE": str(load.recipe.folder), "EXPECTED_ANSWERS": str(load.expected)}
    run_json = Path(str(prefix) + layout.RUN_SUFFIX)
    run_json.unlink(missing_ok=True)
    command = [sys.executable, "-m", "locust", "--headless", "--only-summary", *words]
    try:
        output(load, command, environment, pinned=pinned)
    except Failed:
        if not run_json.exists():
            raise
    run = dict(json.loads(run_json.read_text(encoding="utf-8")))
    if run["rule"] not in TOLERATED:
        raise Failed(run["reason"])
    return run


COMPETITORS = [
    Client("wrk", lambda: wrk_program() is not None, wrk),
    Client("autocannon", (FETCHED / "node_modules" / ".bin" / "autocannon").exists, autocannon),
    Client("FastHttpUser", lambda: True, stock_locust("Fast")),
    Client("HttpUser", lambda: True, stock_locust("Requests")),
    Client("fdclient", (FETCHED / "python" / "fdclient").exists, fdclient),
    Client("this project", lambda: True, ours),
]
