"""fastDeploy's wire format: how inputs become the body of a request, and how an answer is read.

Owns the two encodings (JSON, and msgpack for FILE input). Knows nothing of connections or of time.
"""

import json
from typing import Any, List, Sequence

PATHS = {"json": "/infer", "msgpack": "/infer?input_type=msgpack"}
CONTENT_TYPES = {"json": "application/json", "msgpack": "application/msgpack"}


class BadAnswer(ValueError):
    """The server's answer is no list of predictions; the message says what it is instead, in one line."""


def encode(inputs: Sequence[Any], input_type: str) -> bytes:
    """Return the body of a request for ``inputs``; ``input_type`` is ``json`` or ``msgpack``."""
    if input_type == "json":
        return json.dumps({"data": list(inputs)}).encode()
    import msgpack  # here, so that whoever only predicts needs the standard library alone

    packed = msgpack.packb(list(inputs), use_bin_type=True)
    assert isinstance(packed, bytes)
    return packed


def decode(body: bytes, input_type: str) -> List[Any]:
    """Return the predictions that an answer's body holds, one per input. Raises BadAnswer when it holds none."""
    try:
        answer = json.loads(body) if input_type == "json" else _unpack(body)
    except Exception as error:  # the decoders raise many types, and each means the same: this is no answer
        raise BadAnswer("answer is not {}: {!r}".format(input_type, body[:80])) from error
    if not isinstance(answer, dict):
        raise BadAnswer("answer is no object: {!r}".format(body[:80]))
    if answer.get("success") is not True:
        raise BadAnswer("server says: {}".format(answer.get("reason")))
    prediction = answer.get("prediction")
    if not isinstance(prediction, list):
        raise BadAnswer("answer has no list 'prediction'")
    return prediction


def _unpack(body: bytes) -> Any:
    import msgpack

    return msgpack.unpackb(body, raw=False, strict_map_key=False)
