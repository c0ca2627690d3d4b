"""The null system: it answers at once, with the recipe's known answers. What remains is the client's own cost.

Owns how it is started. Client, HTTP and the loopback are as for any other system; there is no model and no queue.
"""

from __future__ import annotations

import sys

from servecost.core.recipe import ROOT
from servecost.core.system import Served, ServerProcess, System
from servecost.core.systems import FOLDER

from ..fastdeploy.wire import FastDeployWire


class Null(System):
    """One process of this project's own interpreter, which speaks fastDeploy's wire."""

    label = "null system"
    calls_predictor = False

    def wire(self, input_type: str) -> FastDeployWire:
        """Return fastDeploy's wire."""
        return FastDeployWire(input_type)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the one process."""
        server = str(FOLDER / "_yardstick" / "server.py")
        command = (sys.executable, server, str(served.copy), "--host", served.host, "--port", str(served.port))
        return [ServerProcess("null", command, {"PYTHONPATH": str(ROOT)})]


system = Null()
