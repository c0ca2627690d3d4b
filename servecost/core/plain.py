"""Plain values: those that JSON or msgpack can carry, told apart as they are on the wire.

Owns which values are plain, and what identifies one: 1, 1.0 and True are three values, NaN is equal to itself, and a
tuple is the list that it becomes.
"""

from __future__ import annotations

import hashlib
from typing import Any, Callable

_MSGPACK_INTEGERS = range(-(2**63), 2**64)


class NotPlain(ValueError):
    """A value that no client can send and no server can answer with; the message names it: ``a numpy.ndarray``."""


def holds_bytes(value: Any) -> bool:
    """Return whether bytes are anywhere in a value, which JSON cannot carry."""
    if isinstance(value, (list, tuple)):
        return any(map(holds_bytes, value))
    if isinstance(value, dict):
        return any(map(holds_bytes, value.keys())) or any(map(holds_bytes, value.values()))
    return isinstance(value, (bytes, bytearray))


def digest(value: Any, has_bytes: bool = False) -> str:
    """Return what identifies a plain value: two have the same digest if they are the same on the wire.

    ``has_bytes``: whether it travels with bytes, hence as msgpack, whose integers have at most 64 bits, and whose text
    is all of Unicode but lone surrogates. Raises NotPlain.
    """
    found = hashlib.sha256()
    try:
        _feed(found.update, value, has_bytes)
    except RecursionError:
        raise NotPlain("a value that holds itself, or is nested too deeply") from None
    return found.hexdigest()[:16]


def _feed(update: Callable[[bytes], None], value: Any, has_bytes: bool) -> None:
    if value is None or isinstance(value, bool):
        update(repr(value).encode() + b"\0")
    elif isinstance(value, int):
        if has_bytes and int(value) not in _MSGPACK_INTEGERS:
            raise NotPlain("an integer of more than 64 bits beside bytes")
        update(b"i%d\0" % value)
    elif isinstance(value, float):
        update(b"f" + repr(float(value)).encode() + b"\0")
    elif isinstance(value, str):
        _feed_text(update, value, has_bytes)
    elif isinstance(value, (bytes, bytearray)):
        update(b"b%d\0" % len(value))
        update(bytes(value))
    elif isinstance(value, (list, tuple)):
        update(b"l%d\0" % len(value))
        for each in value:
            _feed(update, each, has_bytes)
    elif isinstance(value, dict):
        update(b"d%d\0" % len(value))
        for key, each in value.items():
            if isinstance(key, (list, tuple, dict)):
                raise NotPlain("a dict with a {} as a key".format(type(key).__name__))
            _feed(update, key, has_bytes)
            _feed(update, each, has_bytes)
    else:
        raise NotPlain("a " + _name_of(type(value)))


def _feed_text(update: Callable[[bytes], None], text: str, has_bytes: bool) -> None:
    encoded = text.encode("utf-8", "surrogatepass")
    if has_bytes and encoded.decode("utf-8", "ignore") != text:
        raise NotPlain("a text with half a surrogate pair beside bytes")
    update(b"s%d\0" % len(encoded))
    update(encoded)


def _name_of(kind: type) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else "{}.{}".format(kind.__module__, kind.__name__)
