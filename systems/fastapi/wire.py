"""The wire of the hand-written FastAPI server: JSON objects, or msgpack for FILE input; it knows no request ids."""

from __future__ import annotations

from typing import Any, Sequence

from servecost.core import encodings
from servecost.core.system import BadAnswer, Body, Wire

_PATHS = {encodings.JSON: "/predict", encodings.MSGPACK: "/predict-files"}


class FastApiWire(Wire):
    """``{"data": inputs}``, or a bare msgpack list; the answer is ``{"predictions": …}`` in the same encoding."""

    def __init__(self, input_type: str) -> None:
        self._encoding = input_type
        self._path = _PATHS[input_type]

    def body(self, inputs: Sequence[Any]) -> Body:
        """Return the encoded inputs."""
        return encodings.encode_inputs(inputs, self._encoding)

    def path(self, request_id: str) -> str:
        """Return the path of the endpoint."""
        return self._path

    def predictions(self, status: int, answer: bytes, request_id: str) -> list[Any]:
        """Return the predictions in an answer; a failure is plain text or FastAPI's ``detail``."""
        if status != 200:
            raise BadAnswer("server says: {!r}".format(answer[:80]))
        return encodings.list_in(encodings.decode_object(answer, self._encoding), "predictions")
