"""The V2 inference protocol, as far as MLServer and Triton share it: a tensor of texts in a request and in an answer.

Owns the JSON that both speak. An answer's element is a prediction as JSON, since a tensor holds no objects.
"""

from __future__ import annotations

import json
from typing import Any, Sequence

from servecost.core import encodings
from servecost.core.system import BadAnswer, Wire

MODEL = "recipe"
PATH = "/v2/models/{}/infer".format(MODEL)
INPUT, OUTPUT = "data", "predictions"


class V2Wire(Wire):
    """The V2 inference protocol, but for the form of the inputs, which is a system's own."""

    def __init__(self, input_type: str) -> None:
        self._input_type = input_type

    def path(self, request_id: str) -> str:
        """Return the path of the model."""
        return PATH

    def predictions(self, status: int, answer: bytes, request_id: str) -> list[Any]:
        """Return the predictions in an answer. Raises BadAnswer if it has none."""
        if status != 200:
            raise BadAnswer("server says: {}".format(encodings.shown(answer)))
        outputs = encodings.list_in(encodings.decode_object(answer, encodings.JSON), "outputs")
        try:
            (texts,) = (output["data"] for output in outputs if output["name"] == OUTPUT)
            return [json.loads(text) for text in texts]
        except (ValueError, KeyError, TypeError) as error:
            raise BadAnswer("answer has no tensor '{}' of JSON: {}".format(OUTPUT, encodings.shown(answer))) from error

    def answer(self, predictions: Sequence[Any], request_id: str) -> bytes:
        """Return the body of an answer, as far as ``predictions`` reads it."""
        texts = [json.dumps(each) for each in predictions]
        output = {"name": OUTPUT, "datatype": "BYTES", "shape": [len(texts), 1], "data": texts}
        return json.dumps({"model_name": MODEL, "model_version": "1", "outputs": [output]}).encode()

    def check_answers(self, answers: Sequence[Any]) -> None:
        """Raise Unanswerable for what JSON cannot hold."""
        encodings.check_answers(answers, encodings.JSON)
