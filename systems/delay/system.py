"""A yardstick: the predictor called directly, and then a known delay, for each request, one request at a time.

Owns how it is started. The environment variable ``DELAY_MS`` (an experiment's ``[environment]`` has it) sets the delay.
The overhead that is found of this system has to be that delay, once the instrument's own share is taken off.
"""

from __future__ import annotations

from pathlib import Path

from servecost.core.recipe import ROOT
from servecost.core.system import Served, ServerProcess, System
from servecost.core.systems import FOLDER

from ..fastdeploy.wire import FastDeployWire


class Delay(System):
    """One process, which speaks fastDeploy's wire."""

    label = "known delay"

    def wire(self, input_type: str) -> FastDeployWire:
        """Return fastDeploy's wire."""
        return FastDeployWire(input_type)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the one process."""
        server = str(FOLDER / "_yardstick" / "server.py")
        options = ("--host", served.host, "--port", str(served.port), "--delayed", str(self._delay_file(served)))
        return [ServerProcess("delay", (served.python, server, str(served.copy), *options), {"PYTHONPATH": str(ROOT)})]

    def facts(self, served: Served) -> dict[str, float]:
        """Return the delay, as the server itself has written it down."""
        return {"delay_ms": float(self._delay_file(served).read_text())}

    def _delay_file(self, served: Served) -> Path:
        return served.copy / "delay_ms"


system = Delay()
