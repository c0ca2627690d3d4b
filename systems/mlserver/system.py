"""MLServer (Seldon's): a REST process that may collect requests, and a worker process that holds the model."""

from __future__ import annotations

import base64
import json
from typing import Any, Sequence

from servecost.core import encodings
from servecost.core.system import Body, Served, ServerProcess, System

from .._common import v2
from .._common.batching import BATCH, OFF
from .._common.uvicorn import UVICORN


class MlServerWire(v2.V2Wire):
    """The V2 inference protocol as JSON: texts as JSON, or files in base64, which MLServer's own codec decodes."""

    def body(self, inputs: Sequence[Any]) -> Body:
        """Return the inputs as a tensor of texts."""
        if self._input_type == encodings.JSON:
            content_type, data = "str", [json.dumps(item) for item in inputs]
        else:
            content_type, data = "base64", [base64.b64encode(item).decode() for item in inputs]
        tensor = {
            "name": v2.INPUT,
            "shape": [len(data), 1],
            "datatype": "BYTES",
            "parameters": {"content_type": content_type},
            "data": data,
        }
        return encodings.encode({"inputs": [tensor]}, encodings.JSON)

    def inputs(self, content: bytes) -> list[Any]:
        """Return the inputs that a request's body holds."""
        (tensor,) = json.loads(content)["inputs"]
        if self._input_type == encodings.JSON:
            return [json.loads(text) for text in tensor["data"]]
        return [base64.b64decode(text) for text in tensor["data"]]


class MlServer(System):
    """``mlserver start`` on ``server.py``, configured by variables, with one worker."""

    label = "MLServer"
    settings = OFF
    variants = BATCH
    configured_by = ("MLSERVER_", *UVICORN)
    ports = 3
    keeps_idle = False  # it gives uvicorn's default, 5 s, and has no setting
    loading_statuses = (400, 404, 503)

    def wire(self, input_type: str) -> MlServerWire:
        """Return the wire of the model."""
        return MlServerWire(input_type)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the process that is started; it starts the worker."""
        rest, grpc, metrics = served.ports
        environment = {
            "MLSERVER_HOST": served.host,
            "MLSERVER_HTTP_PORT": str(rest),
            "MLSERVER_GRPC_PORT": str(grpc),
            "MLSERVER_METRICS_PORT": str(metrics),
            "MLSERVER_METRICS_DIR": str(served.copy.parent / "metrics"),
            "MLSERVER_PARALLEL_WORKERS": "1",
            "MLSERVER_DEBUG": "false",  # no line for each request
            "MLSERVER_GZIP_ENABLED": "false",  # it would compress every answer if asked to; no client here asks
            "MLSERVER_MODEL_NAME": v2.MODEL,
            "MLSERVER_MODEL_IMPLEMENTATION": "server.Recipe",
            "MLSERVER_MODEL_MAX_BATCH_SIZE": served.settings["MAX_BATCH_SIZE"],
            "MLSERVER_MODEL_MAX_BATCH_TIME": str(float(served.settings["BATCH_WINDOW_MS"]) / 1000),
            "PYTHONPATH": "{}:{}".format(served.copy, self.folder),
        }
        command = (served.python, "-m", "mlserver.cli.main", "start", str(served.copy.parent))
        return [ServerProcess("mlserver", command, environment, served.copy)]


system = MlServer()
