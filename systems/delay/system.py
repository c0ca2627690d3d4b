"""A yardstick: the predictor called directly, and then known work, for each request, one request at a time.

Owns how it is started. The environment variable ``DELAY_MS`` (an experiment's ``[environment]`` has it) sets the delay.
The overhead that is found of this system has to be what it logs itself, once the instrument's own share is taken off.
"""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

from servecost.core import systems
from servecost.core.recipe import ROOT
from servecost.core.system import Served, ServerProcess, StageTime, System, Wire


class Delay(System):
    """One process, which speaks the wire of the system that is taken where none is named."""

    label = "known delay"
    borrows = (systems.default(),)

    def wire(self, input_type: str) -> Wire:
        """Return that system's wire."""
        return systems.load(*self.borrows).wire(input_type)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the one process."""
        server = str(systems.FOLDER / "_yardstick" / "server.py")
        options = ("--host", served.host, "--port", str(served.port), "--wire", *self.borrows)
        command = (served.python, server, str(served.copy), *options, "--delayed", str(self._delay_file(served)))
        return [ServerProcess("delay", command, {"PYTHONPATH": str(ROOT)})]

    def facts(self, served: Served) -> dict[str, float]:
        """Return the delay, as the server itself has written it down."""
        return {"delay_ms": float(self._delay_file(served).read_text(encoding="utf-8"))}

    def stages(self, served: Served, run: str) -> Iterator[StageTime]:
        """Yield when the server received each request of a run, and when it had its answer, by its own log."""
        for line in (served.copy / "requests.log").read_text(encoding="utf-8").splitlines():
            request_id, received_s, answered_s = line.split()
            if request_id.startswith(run):
                yield StageTime(request_id, "received", float(received_s))
                yield StageTime(request_id, "answered", float(answered_s))

    def _delay_file(self, served: Served) -> Path:
        return served.copy / "delay_ms"


system = Delay()
