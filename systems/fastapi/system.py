"""FastAPI by hand: the server that people write themselves, run by uvicorn as FastAPI's documentation says."""

from __future__ import annotations

from servecost.core import encodings
from servecost.core.system import KEEP_ALIVE_S, Served, ServerProcess, System

from .._common.batching import BATCH, OFF
from .._common.uvicorn import UVICORN
from .._common.wire import DataWire

PATHS = {encodings.JSON: "/predict", encodings.MSGPACK: "/predict-files"}


class FastApi(System):
    """uvicorn, in one process by default, that runs ``server.py`` or ``server_batching.py`` on the copy's predictor."""

    label = "FastAPI by hand"
    settings = {
        "WORKERS": "1",  # processes, each with a predictor of its own; uvicorn's default
        **OFF,
    }
    variants = BATCH
    configured_by = UVICORN

    def wire(self, input_type: str) -> DataWire:
        """Return the wire of both servers."""
        return DataWire(input_type, PATHS)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the process that is started, in the copy's folder, from which it imports the predictor."""
        options = {
            "--app-dir": self.folder,
            "--host": served.host,
            "--port": served.port,
            "--workers": served.settings["WORKERS"],
            "--timeout-keep-alive": KEEP_ALIVE_S,
            "--log-level": "warning",  # no line for each request
        }
        words = [str(word) for option in options.items() for word in option]
        app = "server:app" if served.settings["MAX_BATCH_SIZE"] == "1" else "server_batching:app"
        command = (served.python, "-m", "uvicorn", app, *words)
        batching = {name: served.settings[name] for name in OFF}
        return [ServerProcess("uvicorn", command, {**batching, "PYTHONPATH": str(served.copy)}, served.copy)]


system = FastApi()
