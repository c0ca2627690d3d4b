"""BentoML: a service class that its command line serves; its batcher learns how long to wait."""

from __future__ import annotations

import hashlib
from typing import Any, Sequence

from servecost.core import encodings
from servecost.core.system import (
    KEEP_ALIVE_S,
    BadAnswer,
    Body,
    RequestCount,
    Served,
    ServerProcess,
    System,
    Variant,
    Wire,
)

from .._common.prometheus import total
from .._common.uvicorn import UVICORN

PATH = "/predict"


class BentoWire(Wire):
    """``{"data": inputs}`` as JSON, or a form with a part for each file; the answer is a bare JSON list."""

    def __init__(self, input_type: str) -> None:
        self._input_type = input_type

    def body(self, inputs: Sequence[Any]) -> Body:
        """Return the encoded inputs."""
        if self._input_type == encodings.JSON:
            return encodings.encode_inputs(inputs, encodings.JSON)
        return form_of(inputs)

    def path(self, request_id: str) -> str:
        """Return the path of the service's method."""
        return PATH

    def predictions(self, status: int, answer: bytes, request_id: str) -> list[Any]:
        """Return the predictions in an answer; a failure is an object with a reason, or text."""
        value = encodings.decode(answer, encodings.JSON) if status == 200 else None
        if not isinstance(value, list):
            raise BadAnswer("server says: {}".format(encodings.shown(answer)))
        return value

    def inputs(self, content: bytes) -> list[Any]:
        """Return the inputs that a request's body holds."""
        if self._input_type == encodings.JSON:
            return encodings.decode_inputs(content, encodings.JSON)
        return files_in(content)

    def answer(self, predictions: Sequence[Any], request_id: str) -> bytes:
        """Return the body of an answer."""
        return encodings.encode(list(predictions), encodings.JSON).content

    def check_answers(self, answers: Sequence[Any]) -> None:
        """Raise Unanswerable for what JSON, in which BentoML answers, cannot hold."""
        encodings.check_answers(answers, encodings.JSON)


def form_of(files: Sequence[bytes]) -> Body:
    """Return files as a form (``multipart/form-data``) with one part named ``data`` for each.

    The boundary is a digest of the files: the same for the same ones, and in none of them.
    """
    digest = hashlib.sha256()
    for file in files:
        digest.update(file)
    boundary = digest.hexdigest().encode()
    head = b'--%s\r\nContent-Disposition: form-data; name="data"; filename="%d"\r\n\r\n'
    parts = [head % (boundary, number) + bytes(file) + b"\r\n" for number, file in enumerate(files)]
    content = b"".join([*parts, b"--%s--\r\n" % boundary])
    return Body(content, "multipart/form-data; boundary={}".format(boundary.decode()))


def files_in(content: bytes) -> list[Any]:
    """Return the files of such a form."""
    boundary = content.partition(b"\r\n")[0].rstrip(b"-")
    return [part.partition(b"\r\n\r\n")[2][: -len(b"\r\n")] for part in content.split(boundary)[1:-1]]


class BentoMl(System):
    """``bentoml serve`` on ``server.py``, with one worker process."""

    label = "BentoML"
    request_count = RequestCount("/metrics", lambda text: total(text, "bentoml_service_request_total", PATH))
    settings = {"MAX_BATCH_SIZE": "1", "MAX_LATENCY_MS": "0"}
    configured_by = ("BENTOML_", *UVICORN)
    variants = {
        "batch": Variant("batching", {"MAX_BATCH_SIZE": "32", "MAX_LATENCY_MS": "600000"}),
        "adaptive": Variant("batching by default", {"MAX_BATCH_SIZE": "100", "MAX_LATENCY_MS": "60000"}),
    }

    def wire(self, input_type: str) -> BentoWire:
        """Return the wire of the service."""
        return BentoWire(input_type)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the process that is started; it starts the worker."""
        environment = {
            **served.settings,
            "TIMEOUT_S": str(served.request_timeout_s),
            "INPUT_TYPE": served.input_type,
            "BENTOML_DO_NOT_TRACK": "True",
            "BENTOML_HOME": str(served.copy.parent / "bentoml"),
            "PYTHONPATH": str(served.copy),
        }
        options = ("--host", served.host, "--port", str(served.port), "--working-dir", str(self.folder))
        keep_alive = "--timeout-keep-alive", KEEP_ALIVE_S
        command = (served.python, "-m", "bentoml", "serve", "server:Recipe", *options, *keep_alive)
        return [ServerProcess("bentoml", command, environment, served.copy)]


system = BentoMl()
