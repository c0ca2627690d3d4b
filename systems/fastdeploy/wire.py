"""fastDeploy's wire: how inputs become the body of a request, and how an answer and the request count are read."""

from __future__ import annotations

import re
from typing import Any, Sequence

from servecost.core import encodings
from servecost.core.system import BadAnswer, Body, RequestCount, Wire

_PATHS = {encodings.JSON: "/infer?", encodings.MSGPACK: "/infer?input_type=msgpack&"}
_RECEIVED = re.compile(r"^requests_received_in_last_x_seconds (\d+)$", re.MULTILINE)


class FastDeployWire(Wire):
    """JSON in an object, or a bare msgpack list for FILE input; the request's id is in the path and in the answer."""

    def __init__(self, input_type: str) -> None:
        """``input_type``: ``json`` or ``msgpack``."""
        self._encoding = input_type
        self._path = _PATHS[input_type] + "unique_id="

    def body(self, inputs: Sequence[Any]) -> Body:
        """Return the encoded inputs."""
        return encodings.encode_inputs(inputs, self._encoding)

    def path(self, request_id: str) -> str:
        """Return the path, which names the request. Two requests with the same id would collide."""
        return self._path + request_id

    def predictions(self, status: int, answer: bytes, request_id: str) -> list[Any]:
        """Return the predictions of the request with that id."""
        content = encodings.decode_object(answer, self._encoding)
        if content.get("success") is not True:
            reason = content.get("reason")
            raise BadAnswer("server says: {}".format(encodings.shown(answer) if reason is None else reason))
        if content.get("unique_id") != request_id:
            raise BadAnswer("answer to another request: {!r}, not {!r}".format(content.get("unique_id"), request_id))
        return encodings.list_in(content, "prediction")

    def inputs(self, content: bytes) -> list[Any]:
        """Return the inputs that a request's body holds."""
        return encodings.decode_inputs(content, self._encoding)

    def answer(self, predictions: Sequence[Any], request_id: str) -> bytes:
        """Return the body of an answer."""
        content = {"success": True, "reason": None, "prediction": list(predictions), "unique_id": request_id}
        return encodings.encode(content, self._encoding).content

    def check_answers(self, answers: Sequence[Any]) -> None:
        """Raise Unanswerable for what the encoding of the inputs, which is that of the answers, cannot hold."""
        encodings.check_answers(answers, self._encoding)


def received(metrics: str) -> int | None:
    """Return how many requests the text of fastDeploy's metrics counts in the window that was asked for."""
    found = _RECEIVED.search(metrics)
    return int(found.group(1)) if found else None


# FastDeploy forgets a request about 40 s after its answer, and counts in whole seconds.
REQUEST_COUNT = RequestCount("/prometheus_metrics?last_x_seconds={seconds}", received, remembered_s=38)
