"""Ray Serve: a proxy, a controller and a replica, which are processes of a Ray cluster on this machine."""

from __future__ import annotations

from servecost.core import encodings
from servecost.core.system import KEEP_ALIVE_S, Served, ServerProcess, System

from .._common.batching import BATCH, OFF
from .._common.uvicorn import UVICORN
from .._common.wire import DataWire

PATHS = dict.fromkeys((encodings.JSON, encodings.MSGPACK), "/predict")


class RayServe(System):
    """``server.py``, which Ray's documentation has its users write."""

    label = "Ray Serve"
    settings = OFF
    variants = BATCH
    configured_by = ("RAY_", *UVICORN)
    loading_statuses = (404,)

    def wire(self, input_type: str) -> DataWire:
        """Return the wire of ``server.py``."""
        return DataWire(input_type, PATHS)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the process that is started; it starts ten more."""
        environment = {
            **served.settings,
            "HOST": served.host,
            "PORT": str(served.port),
            "TIMEOUT_S": str(served.request_timeout_s),
            "KEEP_ALIVE_S": KEEP_ALIVE_S,
            "INPUT_TYPE": served.input_type,
            "RAY_FOLDER": str(served.copy.parent / "ray"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": str(served.copy),
        }
        return [ServerProcess("ray", (served.python, str(self.folder / "server.py")), environment, served.copy)]


system = RayServe()
