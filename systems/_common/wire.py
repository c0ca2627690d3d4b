"""The wire of servers whose users choose the form: ``{"data": […]}`` is answered with ``{"predictions": […]}``.

Owns that form, in JSON, and in msgpack for FILE input, since JSON has no bytes. A system gives the paths.
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from servecost.core import encodings
from servecost.core.system import BadAnswer, Body, Wire


class DataWire(Wire):
    """``{"data": inputs}``, or a bare msgpack list; the answer is ``{"predictions": …}`` in the same encoding."""

    def __init__(self, input_type: str, paths: Mapping[str, str]) -> None:
        """``paths``: where to post a request to, by the type of the inputs."""
        self._encoding = input_type
        self._path = paths[input_type]

    def body(self, inputs: Sequence[Any]) -> Body:
        """Return the encoded inputs."""
        return encodings.encode_inputs(inputs, self._encoding)

    def path(self, request_id: str) -> str:
        """Return the path of the endpoint, which knows no ids."""
        return self._path

    def predictions(self, status: int, answer: bytes, request_id: str) -> list[Any]:
        """Return the predictions in an answer; whatever comes with another status than 200 is a failure."""
        if status != 200:
            raise BadAnswer("server says: {}".format(encodings.shown(answer)))
        return encodings.list_in(encodings.decode_object(answer, self._encoding), "predictions")

    def inputs(self, content: bytes) -> list[Any]:
        """Return the inputs that a request's body holds."""
        return encodings.decode_inputs(content, self._encoding)

    def answer(self, predictions: Sequence[Any], request_id: str) -> bytes:
        """Return the body of an answer."""
        return encodings.encode({"predictions": list(predictions)}, self._encoding).content

    def check_answers(self, answers: Sequence[Any]) -> None:
        """Raise Unanswerable for what the encoding of the inputs, which is that of the answers, cannot hold."""
        encodings.check_answers(answers, self._encoding)
