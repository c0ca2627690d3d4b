"""NVIDIA PyTriton: Triton's HTTP front end and batcher, which call a function of the process that started them."""

from __future__ import annotations

import json
import signal
import struct
from typing import Any, Sequence

from servecost.core import encodings
from servecost.core.system import Body, Served, ServerProcess, System

from .._common import v2
from .._common.batching import BATCH, OFF

HEADER_LENGTH = "Inference-Header-Content-Length"


class TritonWire(v2.V2Wire):
    """The V2 inference protocol with its binary extension for the inputs; the predictions come as JSON."""

    def body(self, inputs: Sequence[Any]) -> Body:
        """Return the inputs as a tensor of bytes: texts as JSON, files as they are."""
        is_json = self._input_type == encodings.JSON
        items = [json.dumps(item).encode() if is_json else bytes(item) for item in inputs]
        data = b"".join(word for item in items for word in (struct.pack("<I", len(item)), item))
        tensor = {
            "name": v2.INPUT,
            "shape": [len(items), 1],
            "datatype": "BYTES",
            "parameters": {"binary_data_size": len(data)},
        }
        head = json.dumps({"inputs": [tensor]}).encode()
        return Body(head + data, "application/octet-stream", ((HEADER_LENGTH, str(len(head))),))

    def inputs(self, content: bytes) -> list[Any]:
        """Return the inputs that a request's body holds."""
        position = content.index(b"}]}") + len(b"}]}")
        found = []
        while position < len(content):
            (length,) = struct.unpack_from("<I", content, position)
            item = content[position + 4 : position + 4 + length]
            found.append(json.loads(item) if self._input_type == encodings.JSON else item)
            position += 4 + length
        return found


class PyTriton(System):
    """``server.py``, which PyTriton's documentation has its users write."""

    label = "NVIDIA PyTriton"
    settings = OFF
    variants = BATCH
    configured_by = ("PYTRITON_", "TRITON_")
    ports = 2
    # Its processes wait for each other's locks in shared memory, for so long by the clock, and abort if that is over.
    can_be_stopped = False
    loading_statuses = (400, 404, 503)

    def wire(self, input_type: str) -> TritonWire:
        """Return the wire of the model."""
        return TritonWire(input_type)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the process that is started: the predictor's. It starts Triton, and a stub of the model in it."""
        http, metrics = served.ports
        environment = {
            **served.settings,
            "HOST": served.host,
            "HTTP_PORT": str(http),
            "METRICS_PORT": str(metrics),
            "INPUT_TYPE": served.input_type,
            "FOLDER": str(served.copy.parent / "triton"),
            "PYTHONPATH": str(served.copy),
        }
        command = (served.python, str(self.folder / "server.py"))
        # By SIGTERM it would leave its processes, and its segments of shared memory.
        return [ServerProcess("triton", command, environment, served.copy, stop_signal=signal.SIGINT)]


system = PyTriton()
