"""What a recipe's container runs: the direct arm, for its answers and times, then the server, until it is stopped.

Owns the order of the two. ``servecost serve`` does the same on one machine that has everything installed; this needs
the recipe's and the system's own requirements, on Python 3.7 or later. The container's end is the end of every process.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from servecost.core import answers, layout, serving, shell, systems, threads
from servecost.core.options import at_least
from servecost.core.recipe import ROOT, Recipe, RecipeError, load
from servecost.core.system import Served, ServerProcess

POLL_S = 0.2
GRACE_S = 5.0
REQUEST_TIMEOUT_S = 1800
# There once the server answers the example correctly: the container's health check looks for it.
READY = Path(tempfile.gettempdir(), "server-is-ready")


class Child(serving.Running):
    """A process of the server, as this container's child."""

    def __init__(self, process: ServerProcess) -> None:
        """Start it; its output is the container's."""
        self.name = process.name
        self.stop_signal = process.stop_signal
        folder = process.folder and str(process.folder)
        self.popen = subprocess.Popen(process.command, env=shell.with_own(process.environment), cwd=folder)

    @property
    def exit_code(self) -> int | None:
        """Its exit code, or None while it runs."""
        return self.popen.poll()

    def describe_end(self) -> str:
        """Return how it ended."""
        return "ended with exit code {}".format(self.exit_code)


def main() -> int:
    """Call the recipe directly, then serve it until a signal. Returns the container's exit code."""
    options = parse()
    if READY.exists():
        READY.unlink()  # of an earlier start of this container
    os.environ.update(threads.variables())  # for both arms
    signal.signal(signal.SIGTERM, interrupt)
    try:
        recipe = load(options.recipe)
        return call_directly(recipe, options) or serve(recipe, options)
    except (RecipeError, systems.UnknownSystem) as error:
        print("error: {}".format(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


def parse() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("recipe", help="a recipe's name or folder")
    parser.add_argument("--system", default=systems.default(), help="who serves it (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=at_least(1), default=8080, help="(default: 8080)")
    parser.add_argument("--folder", type=Path, required=True, help="for the right answers and the baseline's times")
    parser.add_argument("--baseline", type=at_least(1), nargs="*", default=[], help="batch sizes to time directly")
    parser.add_argument("--examples", type=at_least(1), default=512, help="of each timing (default: 512)")
    return parser.parse_args()


def call_directly(recipe: Recipe, options: argparse.Namespace) -> int:
    """Have the baseline script write the answers to expect, and its times. Returns its exit code."""
    options.folder.mkdir(parents=True, exist_ok=True)
    times = options.folder / layout.BASELINE_CSV
    if times.exists():
        times.unlink()  # of another container, whose conditions nobody knows
    command = [sys.executable, str(ROOT / "baseline" / "generic.py"), "--recipe", str(recipe.folder)]
    command += ["--expected", str(options.folder / layout.EXPECTED_JSON), "--csv", str(times)]
    command += ["--runs", "1", "--batch-size", *map(str, options.baseline)] if options.baseline else ["--runs", "0"]
    return subprocess.call([*command, "--examples", str(options.examples)])


def serve(recipe: Recipe, options: argparse.Namespace) -> int:
    """Serve until one of the server's processes ends, which is an error."""
    system = systems.load(options.system)
    expected = answers.read(options.folder / layout.EXPECTED_JSON)
    children: list[Child] = []

    def start(process: ServerProcess) -> Child:
        children.append(Child(process))
        return children[-1]

    with tempfile.TemporaryDirectory(prefix="serving-") as folder:
        copy = serving.prepare_copy(recipe, Path(folder))
        ports = tuple(options.port + place for place in range(system.ports))
        served = Served(
            copy, sys.executable, options.host, ports, REQUEST_TIMEOUT_S, system.settings, recipe.input_type
        )
        try:
            serving.start(system, served, recipe, lambda: expected, serving.Launcher(start))
            READY.touch()
            while True:
                serving.check_alive(children)
                time.sleep(POLL_S)
        except serving.ServerFailed as error:
            print("error: {}".format(error), file=sys.stderr)
            return 1
        finally:
            end(children)


def end(children: list[Child]) -> None:
    """End the processes: asked first, killed after some seconds."""
    for child in children:
        child.popen.send_signal(child.stop_signal)
    deadline = time.monotonic() + GRACE_S
    for child in children:
        try:
            child.popen.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.popen.kill()


def interrupt(_signal: int, _frame: Any) -> None:
    """Let SIGTERM, with which a container is stopped, end everything in order."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
