"""fastDeploy's wire format: how inputs become the body of a request, and how an answer is read.

Owns the two encodings (JSON, and msgpack for FILE input). Knows nothing of connections or of time.
"""

from __future__ import annotations

import json
import re
from typing import Any, List, Optional, Sequence

_PATHS = {"json": "/infer?", "msgpack": "/infer?input_type=msgpack&"}
# How many requests the server has received in the last so many whole seconds.
RECEIVED_PATH = "/prometheus_metrics?last_x_seconds={}"
_RECEIVED = re.compile(r"^requests_received_in_last_x_seconds (\d+)$", re.MULTILINE)
CONTENT_TYPES = {"json": "application/json", "msgpack": "application/msgpack"}


class BadAnswer(ValueError):
    """The server's answer is no list of predictions; the message says what it is instead, in one line."""


def path(input_type: str, unique_id: str) -> str:
    """Return the path to post a request to; the server knows it by its unique id. Two of the same id would collide."""
    return "{}unique_id={}".format(_PATHS[input_type], unique_id)


def received(metrics: str) -> Optional[int]:
    """Return how many requests the text that answers RECEIVED_PATH speaks of, or None if it is something else."""
    found = _RECEIVED.search(metrics)
    return int(found.group(1)) if found else None


def encode(inputs: Sequence[Any], input_type: str) -> bytes:
    """Return the body of a request for ``inputs``; ``input_type`` is ``json`` or ``msgpack``."""
    if input_type == "json":
        return json.dumps({"data": list(inputs)}).encode()
    import msgpack  # here, so that whoever only predicts needs the standard library alone

    packed = msgpack.packb(list(inputs), use_bin_type=True)
    assert isinstance(packed, bytes)
    return packed


def decode(body: bytes, input_type: str, unique_id: str) -> List[Any]:
    """Return the predictions that the answer to that request holds, one per input. Raises BadAnswer if none."""
    try:
        answer = json.loads(body) if input_type == "json" else _unpack(body)
    except Exception as error:  # the decoders raise many types, and each means the same: this is no answer
        raise BadAnswer("answer is not {}: {!r}".format(input_type, body[:80])) from error
    if not isinstance(answer, dict):
        raise BadAnswer("answer is no object: {!r}".format(body[:80]))
    if answer.get("success") is not True:
        raise BadAnswer("server says: {}".format(answer.get("reason")))
    if answer.get("unique_id") != unique_id:
        raise BadAnswer("answer to another request: {!r}, not {!r}".format(answer.get("unique_id"), unique_id))
    prediction = answer.get("prediction")
    if not isinstance(prediction, list):
        raise BadAnswer("answer has no list 'prediction'")
    return prediction


def _unpack(body: bytes) -> Any:
    import msgpack

    return msgpack.unpackb(body, raw=False, strict_map_key=False)
