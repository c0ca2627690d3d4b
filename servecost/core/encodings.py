"""The encodings that several wires share: JSON and msgpack.

Owns the words for an answer that cannot be decoded. What the decoded value means is each wire's own matter.
"""

from __future__ import annotations

import json
from typing import Any, Iterable, Sequence

from servecost.core import plain
from servecost.core.system import BadAnswer, Body, Unanswerable

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


def decode_inputs(content: bytes, encoding: str) -> list[Any]:
    """Return the inputs in a body of the common form."""
    value = decode(content, encoding)
    return list_in(value, "data") if encoding == JSON else list(value)


def decode(answer: bytes, encoding: str) -> Any:
    """Return the value that an answer holds. Raises BadAnswer if it cannot be decoded."""
    try:
        return json.loads(answer) if encoding == JSON else _unpack(answer)
    except Exception as error:  # the decoders raise many types, and each means the same: this is no answer
        raise BadAnswer("answer is not {}: {}".format(encoding, shown(answer))) from error


def check_answers(answers: Sequence[Any], encoding: str) -> None:
    """Raise Unanswerable if a server that answers in the encoding of its inputs cannot send such answers."""
    if encoding == JSON:
        if plain.holds_bytes(answers):
            raise Unanswerable(
                "the predictor answers with bytes, which JSON has no form for, and JSON input is answered in JSON; "
                "have it return text, such as base64, or give it FILE input: an example that holds bytes"
            )
        return
    try:
        plain.digest(answers, has_bytes=True)
    except plain.NotPlain as error:
        raise Unanswerable(
            "the predictor answers FILE input with {}, which msgpack cannot hold".format(error)
        ) from None


def decode_object(answer: bytes, encoding: str) -> dict[str, Any]:
    """Return the object that an answer holds. Raises BadAnswer if it holds anything else."""
    value = decode(answer, encoding)
    if not isinstance(value, dict):
        raise BadAnswer("answer is no object: {}".format(shown(answer)))
    return value


def list_in(content: dict[str, Any], key: str) -> list[Any]:
    """Return the list under a key of a decoded answer. Raises BadAnswer if there is none."""
    value = content.get(key)
    if not isinstance(value, list):
        raise BadAnswer("answer has no list '{}'".format(key))
    return value


def shown(answer: bytes) -> str:
    """Return the beginning of an answer, for a message."""
    return repr(answer[:_SHOWN])


def _unpack(answer: bytes) -> Any:
    import msgpack

    return msgpack.unpackb(answer, raw=False, strict_map_key=False)
