"""What stands for the processes of an arm where a test starts none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from servecost.bench.processes.process import Command
from servecost.core.verdicts import VALID, Verdict


class FakeProcess:
    """A process that does its work while it is waited for, and ends when the test says so.

    Attributes:
        lines: what was written to its standard input.
        work: called whenever it is waited for.
        code: its exit code, once it has one.
    """

    pid = 0

    def __init__(self, name: str, log: Path, work: Callable[[], object] = lambda: None) -> None:
        self.name, self.log, self.work = name, log, work
        self.lines: list[str] = []
        self.code: int | None = None
        self.was_ended = False
        self.command: Command | None = None
        log.touch()

    @property
    def exit_code(self) -> int | None:
        return self.code

    def wait(self, timeout_s: float) -> int | None:
        self.work()
        return self.code

    def write_line(self, line: str) -> None:
        self.lines.append(line)

    def end(self) -> None:
        self.was_ended = True

    def last_lines(self, count: int = 5) -> str:
        return "\n".join(self.log.read_text().splitlines()[-count:])

    def describe_end(self) -> str:
        return f"ended with exit code {self.code}"

    def describe_log(self) -> str:
        return f"last lines of {self.log}:\n{self.last_lines()}"

    def explain_end(self) -> str:
        return f"{self.name} ended with exit code {self.code}: {self.last_lines(1)} (log: {self.log})"


class FakeTree:
    """The processes of an arm, stopped or not."""

    def __init__(self, commands: object = ()) -> None:
        self.commands = commands
        self.is_suspended = False
        self.used_s, self.peak_mib = 0.0, 64.0
        self.found = {(2, 1002.0), (3, 1003.0)}

    def stop(self) -> None:
        self.is_suspended = True

    def settle(self) -> bool:
        return False

    def groups(self) -> set[int]:
        return set()

    def resume(self, groups: object = None) -> None:
        self.is_suspended = False

    def cpu_s(self) -> float:
        return self.used_s

    def memory_mib(self) -> float:
        return self.peak_mib

    def members(self) -> set[tuple[int, float]]:
        return set(self.found)


class FakeWatch:
    """A watch that finds what the test says."""

    verdict: Verdict = VALID

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def look(self) -> Verdict:
        return self.verdict

    def found(self) -> dict[str, float]:
        return {"memory_free_least_gib": 1.0}
