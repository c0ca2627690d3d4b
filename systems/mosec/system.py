"""Mosec: an HTTP server in Rust that collects requests, and a Python worker that holds the model."""

from __future__ import annotations

from servecost.core import encodings
from servecost.core.system import RequestCount, Served, ServerProcess, System

from .._common.batching import BATCH, OFF
from .._common.prometheus import total
from .._common.wire import DataWire

PATH = "/predict"
PATHS = dict.fromkeys((encodings.JSON, encodings.MSGPACK), PATH)
MAX_BODY = 2**30


class Mosec(System):
    """``server.py``, which Mosec's documentation has its users write, with Mosec's own command line."""

    label = "Mosec"
    settings = OFF
    variants = BATCH
    configured_by = ("MOSEC_",)
    request_count = RequestCount("/metrics", lambda text: total(text, "mosec_service_throughput_total", PATH))

    def wire(self, input_type: str) -> DataWire:
        """Return the wire of ``server.py``."""
        return DataWire(input_type, PATHS)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the process that is started; it starts the Rust server and the worker."""
        options = {
            "--address": served.host,
            "--port": served.port,
            "--timeout": 1000 * served.request_timeout_s,
            "--max-request-size": MAX_BODY,  # 10 MiB by default
            "--log-level": "warning",
        }
        words = [str(word) for option in options.items() for word in option]
        environment = {
            **served.settings,
            "TIMEOUT_S": str(served.request_timeout_s),
            "INPUT_TYPE": served.input_type,
            "PYTHONPATH": str(served.copy),
        }
        command = (served.python, str(self.folder / "server.py"), *words)
        return [ServerProcess("mosec", command, environment, served.copy)]


system = Mosec()
