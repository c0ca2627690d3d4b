"""uvicorn alone: an ASGI application without a framework, the least that an endpoint in Python takes."""

from __future__ import annotations

from servecost.core import encodings
from servecost.core.system import KEEP_ALIVE_S, Served, ServerProcess, System

from .._common.uvicorn import UVICORN
from .._common.wire import DataWire

PATHS = {encodings.JSON: "/predict", encodings.MSGPACK: "/predict-files"}


class Uvicorn(System):
    """uvicorn, in one process by default, that runs ``server.py`` on the copy's predictor."""

    label = "uvicorn"
    settings = {"WORKERS": "1"}  # processes, each with a predictor of its own; uvicorn's default
    configured_by = UVICORN

    def wire(self, input_type: str) -> DataWire:
        """Return the wire of the server."""
        return DataWire(input_type, PATHS)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the process that is started, in the copy's folder, from which it imports the predictor."""
        options = {
            "--app-dir": self.folder,
            "--host": served.host,
            "--port": served.port,
            "--workers": served.settings["WORKERS"],
            "--lifespan": "off",  # the application has none
            "--timeout-keep-alive": KEEP_ALIVE_S,
            "--log-level": "warning",  # no line for each request
        }
        words = [str(word) for option in options.items() for word in option]
        command = (served.python, "-m", "uvicorn", "server:app", *words)
        return [ServerProcess("uvicorn", command, {"PYTHONPATH": str(served.copy)}, served.copy)]


system = Uvicorn()
