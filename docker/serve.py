"""What a recipe's container runs: the direct arm, for its answers and times, then the server, until it is stopped.

Owns the order of the two. Beside ``servecost serve``, which does the same on one machine with all installed, this
needs the recipe's own requirements and fastDeploy, on Python 3.7 or later; the container's end is the end of all.
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
from typing import Any, List

from servecost.core import layout, systems, threads
from servecost.core.options import at_least
from servecost.core.recipe import ROOT, Recipe, RecipeError, copy_to, load

POLL_S = 0.2
GRACE_S = 5.0
REQUEST_TIMEOUT_S = 1800


def main() -> int:
    """Call the recipe directly, then serve it until a signal. Returns the container's exit code."""
    options = parse()
    os.environ.update(threads.variables())  # for both arms
    signal.signal(signal.SIGTERM, interrupt)
    try:
        recipe = load(options.recipe)
        return call_directly(recipe, options) or serve(recipe, options)
    except RecipeError as error:
        print("error: {}".format(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


def serve(recipe: Recipe, options: argparse.Namespace) -> int:
    """Serve until one of the server's processes ends, which is an error."""
    with tempfile.TemporaryDirectory(prefix="serving-") as folder:
        copy = copy_to(recipe, Path(folder))
        started = []  # type: List[subprocess.Popen[bytes]]
        try:
            address = options.host, options.port
            for process in systems.load("fastdeploy").processes(copy, sys.executable, *address, REQUEST_TIMEOUT_S):
                started.append(subprocess.Popen(process.command, env=environment(process)))
                while not process.is_up() and not ended(started):
                    time.sleep(POLL_S)
            while not ended(started):
                time.sleep(POLL_S)
            return 1
        finally:
            stop(started)


def parse() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("recipe", help="a recipe's name or folder")
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


def environment(process: systems.ServerProcess) -> Any:
    """Return the variables for a process of the server: the container's, and its own."""
    return dict(os.environ, **process.environment)


def ended(started: "List[subprocess.Popen[bytes]]") -> bool:
    """Say whether one of the processes has ended."""
    return any(process.poll() is not None for process in started)


def stop(started: "List[subprocess.Popen[bytes]]") -> None:
    """End the processes: asked first, killed after some seconds."""
    for process in started:
        process.terminate()
    deadline = time.monotonic() + GRACE_S
    for process in started:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()


def interrupt(_signal: int, _frame: Any) -> None:
    """Let SIGTERM, with which a container is stopped, end everything in order."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
