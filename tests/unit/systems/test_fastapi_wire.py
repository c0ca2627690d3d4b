"""The hand-written server's wire: JSON objects, or msgpack lists for files, and no request ids."""

from __future__ import annotations

import json

import msgpack
import pytest

from servecost.core import systems
from servecost.core.system import BadAnswer

SYSTEM = systems.load("fastapi")
JSON, FILES = SYSTEM.wire("json"), SYSTEM.wire("msgpack")


def test_texts_are_sent_in_an_object():
    """The server takes the list under ``data``."""
    body = JSON.body(("a", {"b": 1}))
    assert json.loads(body.content) == {"data": ["a", {"b": 1}]}
    assert body.content_type == "application/json"


def test_files_are_sent_as_a_bare_list():
    """Msgpack keeps bytes as they are."""
    body = FILES.body((b"\x00\xff", b""))
    assert msgpack.unpackb(body.content) == [b"\x00\xff", b""]
    assert body.content_type == "application/msgpack"


def test_either_type_of_input_has_a_path_of_its_own():
    """It is the same for every request."""
    assert JSON.path("id-7") == JSON.path("id-8") == "/predict"
    assert FILES.path("id-7") == "/predict-files"


def test_an_answer_holds_the_predictions():
    """The encoding is the request's."""
    assert JSON.predictions(200, b'{"predictions": ["A"]}', "id-7") == ["A"]
    assert FILES.predictions(200, msgpack.packb({"predictions": [{"size": 2}]}), "id-7") == [{"size": 2}]


@pytest.mark.parametrize(
    ("status", "given", "says"),
    [
        (500, b"Internal Server Error", "server says: b'Internal Server Error'"),
        (422, b'{"detail": "x"}', 'server says: b\'{"detail": "x"}\''),
        (404, b'{"predictions": ["A"]}', "server says: "),
        (200, b"<html>", "answer is not json"),
        (200, b"[1]", "answer is no object"),
        (200, b'{"prediction": ["A"]}', "no list 'predictions'"),
    ],
)
def test_what_is_no_answer_is_said_in_one_line(status: int, given: bytes, says: str):
    """A failure is plain text, or FastAPI's own description."""
    with pytest.raises(BadAnswer, match=says) as refused:
        JSON.predictions(status, given, "id-7")
    assert "\n" not in str(refused.value)
