"""An experiment on a recipe that can be made to fail while it is served."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from servecost.core import layout
from tests.support import ROOT, Command, wait_until, write_recipe

USERS = 1, 4
EXPERIMENT = """
recipes = ["./faulty"]
batch_sizes = [1]
concurrencies = {users}
examples = {examples}
request_timeout_s = {timeout_s}
rounds = 1
instrument = false
aa = false

[system.fastdeploy]
WORKERS = "1"
"""
# What there is from the release of a run to its end: Locust has said that it is warm, and may begin.
RELEASED = "locust.unfinished/locust_warm.json", "locust.unfinished/release"
MIDDLE = "middle"  # a file in a run's folder, made once its requests are being answered
# Served, and once a run has been released, it does what the file beside it says, as long as that is there.
FAULTY = """
import glob, os, sys, time
FAULT, PART, RELEASED = {fault!r}, {part!r}, {released!r}
seen = {{}}

def predictor(inputs, batch_size=1):
    if "--loop" in sys.argv:
        time.sleep({pause_s})
        for run in glob.glob(PART + "/b*-c*.unfinished") if all(map(os.path.exists, RELEASED)) else ():
            seen[run] = seen.get(run, 0) + len(inputs)
            if seen[run] > 20 and os.path.exists(FAULT):
                namespace = {{}}
                exec(open(FAULT).read(), namespace)
                return namespace["act"](inputs, run)
    return list(inputs)
"""


class Case:
    """An experiment on a recipe that can be made to fail, with one run for each number of users."""

    def __init__(
        self,
        folder: Path,
        invoke: Command,
        examples: int = 40,
        timeout_s: int = 60,
        pause_s: float = 0,
        users: Sequence[int] = USERS,
    ) -> None:
        self._invoke = invoke
        self.cells = [f"b1-c{count}" for count in users]
        self.fault, self.out, self.toml = folder / "fault.py", folder / "out", folder / "my.toml"
        self.part = self.out / "round-1" / "faulty" / "fastdeploy"
        released = [str(self.part / name) for name in RELEASED]
        files = {"fault": str(self.fault), "part": str(self.part), "released": released}
        predictor = FAULTY.format(**files, pause_s=pause_s)
        write_recipe(folder / "faulty", predictor=predictor)
        self.toml.write_text(EXPERIMENT.format(users=list(users), examples=examples, timeout_s=timeout_s))

    @property
    def arguments(self) -> list[str]:
        return ["run", str(self.toml), "--out", str(self.out)]

    def run(self) -> "subprocess.CompletedProcess[str]":
        return self._invoke(*self.arguments)

    def start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "servecost", *self.arguments]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait_for(self, pattern: str, bench: "subprocess.Popen[str]") -> None:
        wait_until(lambda: any(self.out.rglob(pattern)), 120, bench)

    def rule_of(self, cell: str) -> str:
        """Return the rule that a failed run broke."""
        return str(json.loads((self.part / f"{cell}.failed" / layout.FAILURE_JSON).read_text())["rule"])

    def assert_goes_on_as_if_nothing_had_been(self) -> None:
        """The next command makes the same set of runs as an undisturbed experiment, and all of them are valid."""
        self.fault.unlink(missing_ok=True)
        done = self.run()
        if "INVALID(clock)" in done.stdout:  # the machine's clock was set meanwhile, and the remedy is this
            done = self.run()
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"**VALID**: all {len(self.cells)} rows" in done.stdout
        assert {path.parent.name for path in self.part.rglob("locust_run.json")} == set(self.cells)
        assert not [path for path in self.out.rglob("*") if re.search(r"\.(failed|unfinished|new)$", path.name)]
