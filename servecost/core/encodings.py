"""The encodings that several wires share: JSON and msgpack.

Owns the words for an answer that cannot be decoded. What the decoded value means is each wire's own matter.
"""

from __future__ import annotations

import json
from typing import Any, Iterable

from servecost.core.system import BadAnswer, Body

JSON, MSGPACK = "json", "msgpack"
_CONTENT_TYPES = {JSON: "application/json", MSGPACK: "application/msgpack"}
_SHOWN = 80


def encode(value: Any, encoding: str) -> Body:
    """Return a value as the body of a request; the encoding is ``json`` or ``msgpack``, which keeps bytes as they are.

    Raises TypeError if the encoding has no form for the value.
    """
    if encoding == JSON:
        return Body(json.dumps(value).encode(), _CONTENT_TYPES[JSON])
    import msgpack  # only here: a process that only predicts needs the standard library alone

    return Body(bytes(msgpack.packb(value, use_bin_type=True)), _CONTENT_TYPES[MSGPACK])


def encode_inputs(inputs: Iterable[Any], encoding: str) -> Body:
    """Return inputs as a body of a common form: the JSON object ``{"data": inputs}``, or a bare msgpack list."""
    listed = list(inputs)
    return encode({"data": listed} if encoding == JSON else listed, encoding)


def decode(answer: bytes, encoding: str) -> Any:
    """Return the value that an answer holds. Raises BadAnswer if it cannot be decoded."""
    try:
        return json.loads(answer) if encoding == JSON else _unpack(answer)
    except Exception as error:  # the decoders raise many types, and each means the same: this is no answer
        raise BadAnswer("answer is not {}: {!r}".format(encoding, answer[:_SHOWN])) from error


def decode_object(answer: bytes, encoding: str) -> dict[str, Any]:
    """Return the object that an answer holds. Raises BadAnswer if it holds anything else."""
    value = decode(answer, encoding)
    if not isinstance(value, dict):
        raise BadAnswer("answer is no object: {!r}".format(answer[:_SHOWN]))
    return value


def list_in(content: dict[str, Any], key: str) -> list[Any]:
    """Return the list under a key of a decoded answer. Raises BadAnswer if there is none."""
    value = content.get(key)
    if not isinstance(value, list):
        raise BadAnswer("answer has no list '{}'".format(key))
    return value


def _unpack(answer: bytes) -> Any:
    import msgpack

    return msgpack.unpackb(answer, raw=False, strict_map_key=False)
