"""LitServe (Lightning AI's): a FastAPI process, and a worker that holds the model and may collect requests."""

from __future__ import annotations

import signal

from servecost.core import encodings
from servecost.core.system import KEEP_ALIVE_S, Served, ServerProcess, System

from .._common.batching import BATCH, OFF
from .._common.uvicorn import UVICORN
from .._common.wire import DataWire

PATHS = dict.fromkeys((encodings.JSON, encodings.MSGPACK), "/predict")


class LitServe(System):
    """``server.py``, which LitServe's documentation has its users write."""

    label = "LitServe"
    settings = OFF
    variants = BATCH
    configured_by = ("LIT_", "LITSERVE_", *UVICORN)

    def wire(self, input_type: str) -> DataWire:
        """Return the wire of ``server.py``."""
        return DataWire(input_type, PATHS)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the process that is started; it starts four more."""
        environment = {
            **served.settings,
            "HOST": served.host,
            "PORT": str(served.port),
            "TIMEOUT_S": str(served.request_timeout_s),
            "KEEP_ALIVE_S": KEEP_ALIVE_S,
            "INPUT_TYPE": served.input_type,
            "PYTHONPATH": str(served.copy),
        }
        command = (served.python, str(self.folder / "server.py"))
        # By SIGTERM it would leave its processes.
        return [ServerProcess("litserve", command, environment, served.copy, stop_signal=signal.SIGINT)]


system = LitServe()
