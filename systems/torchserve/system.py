"""TorchServe: a front end in Java that may collect requests, and a Python worker that holds the model."""

from __future__ import annotations

from servecost.core import encodings
from servecost.core.system import Served, ServerProcess, System

from .._common.batching import BATCH, OFF
from .._common.wire import DataWire

PATHS = dict.fromkeys((encodings.JSON, encodings.MSGPACK), "/predictions/recipe")


class TorchServe(System):
    """``torchserve --start``, on an archive and a configuration that ``start.py`` writes first."""

    label = "TorchServe"
    settings = OFF
    variants = BATCH
    configured_by = ("TS_", "LOG_LOCATION", "METRICS_LOCATION")
    ports = 5
    programs = {"java": "a Java runtime, such as the Debian package default-jre-headless"}
    loading_statuses = (404, 503)

    def wire(self, input_type: str) -> DataWire:
        """Return the wire of ``server.py``."""
        return DataWire(input_type, PATHS)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the process that is started; it starts Java, which starts the worker."""
        environment = {
            **served.settings,
            "HOST": served.host,
            "PORTS": ",".join(map(str, served.ports)),
            "TIMEOUT_S": str(served.request_timeout_s),
            "INPUT_TYPE": served.input_type,
            "FOLDER": str(served.copy.parent / "torchserve"),
            "PYTHONPATH": str(served.copy),
        }
        command = (served.python, str(self.folder / "start.py"))
        return [ServerProcess("torchserve", command, environment, served.copy)]


system = TorchServe()
