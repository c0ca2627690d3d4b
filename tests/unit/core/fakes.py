"""What stands for time and for a server's processes where a test starts neither."""

from __future__ import annotations

from servecost.core.serving import Running


class FakeTime:
    """A clock on which sleeping costs nothing; it takes the place of the module ``time``."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class FakeRunning(Running):
    """A process of a server that runs until its exit code is set."""

    def __init__(self, name: str, log: str = "") -> None:
        self.name, self.log_text = name, log
        self.code: int | None = None

    @property
    def exit_code(self) -> int | None:
        return self.code

    def describe_end(self) -> str:
        return f"ended with exit code {self.code}"

    def describe_log(self) -> str:
        return self.log_text
