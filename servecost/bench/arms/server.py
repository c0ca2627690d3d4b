"""A served recipe: started from a copy, ready once it answers its example correctly, ended whatever happens.

Owns a server's life in the bench. The order of its start is ``servecost.core.serving``'s; the commands, the system's.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servecost.bench.processes.process import Command, Process, free_ports, running
from servecost.bench.processes.tree import Tree
from servecost.core import call_log, serving
from servecost.core.recipe import Recipe
from servecost.core.system import LOOPBACK, Served, ServerProcess, System


@dataclass(frozen=True)
class ServerSpec:
    """What is to be served, by whom, and how.

    Attributes:
        recipe: what is served.
        system: who serves.
        python: the interpreter that has the requirements of both.
        logs: the folder in which the processes' logs are.
        request_timeout_s: after which the server may give up a request.
        environment: the variables that are set for both arms.
        settings: the values of the system's settings that differ from its defaults.
        listen: the address that it listens on.
        port: the port that it listens on; a free one if None.
    """

    recipe: Recipe
    system: System
    python: str
    logs: Path
    request_timeout_s: int
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    listen: str = LOOPBACK
    port: int | None = None

    def served(self, copy: Path) -> Served:
        """Return how a copy of the recipe is served."""
        ports = free_ports(self.system.ports)
        if self.port is not None:
            ports = (self.port, *ports[1:])
        settings = {**self.system.settings, **self.settings}
        input_type = self.recipe.input_type
        return Served(copy, self.python, self.listen, ports, self.request_timeout_s, settings, input_type)


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        system: who serves.
        served: what it serves, and where.
        processes: the commands that were started for it.
        facts: what the system has chosen by itself.
        tree: all of its processes.
        start_s: the seconds from the start of its first process to its first right answer.
    """

    system: System
    served: Served
    processes: list[Process]
    facts: dict[str, float]
    tree: Tree
    start_s: float = 0.0

    @property
    def address(self) -> str:
        """The URL that a client uses."""
        return self.served.address

    def calls(self, first: int = 0) -> list[str]:
        """Return the log of the predictor's calls from line ``first`` on; empty if the system calls none."""
        log = self.served.copy / call_log.LOG
        return log.read_text(encoding="utf-8").splitlines()[first:] if log.exists() else []


@contextmanager
def serve(
    spec: ServerSpec, expected: Callable[[], list[Any]], tick: Callable[[], None] = lambda: None
) -> Iterator[Server]:
    """Serve a recipe for as long as the ``with`` block lasts, which is entered once the example is answered correctly.

    ``expected`` returns the direct arm's answers to the example; it may wait for them while the server loads its model.
    ``tick`` is called often while the server starts. Raises ServerFailed.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="serving-", ignore_cleanup_errors=True))
        served = spec.served(serving.prepare_copy(spec.recipe, Path(folder)))
        processes: list[Process] = []

        def start(process: ServerProcess) -> Process:
            variables, log = {**spec.environment, **process.environment}, spec.logs / f"{process.name}.log"
            command = Command(
                process.name, process.command, log, variables, process.folder, stop_signal=process.stop_signal
            )
            processes.append(stack.enter_context(running(command)))
            return processes[-1]

        began_s = time.monotonic()
        serving.start(spec.system, served, spec.recipe, expected, serving.Launcher(start, tick))
        start_s = time.monotonic() - began_s
        yield Server(spec.system, served, processes, spec.system.facts(served), Tree(processes), start_s)
