"""fastDeploy's wire: inputs in an object or a list, and the request's id in the path and in the answer."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgpack
import pytest

from servecost.core import systems
from servecost.core.system import BadAnswer

SYSTEM = systems.load("fastdeploy")
JSON, FILES = SYSTEM.wire("json"), SYSTEM.wire("msgpack")
COUNT = SYSTEM.request_count
assert COUNT is not None
wire = sys.modules[type(JSON).__module__]


def answer(**content: Any) -> bytes:
    return json.dumps({"success": True, "unique_id": "id-7", "prediction": ["A"], **content}).encode()


def test_texts_are_sent_in_an_object():
    """The server takes the list under ``data``."""
    body = JSON.body(("a", {"b": 1}))
    assert json.loads(body.content) == {"data": ["a", {"b": 1}]}
    assert (body.content_type, body.headers) == ("application/json", ())


def test_files_are_sent_as_a_bare_list():
    """Msgpack keeps bytes as they are."""
    body = FILES.body((b"\x00\xff", b""))
    assert msgpack.unpackb(body.content) == [b"\x00\xff", b""]
    assert body.content_type == "application/msgpack"


def test_the_path_names_the_request():
    """The server knows a request by the id that the client has given it."""
    assert JSON.path("id-7") == "/infer?unique_id=id-7"
    assert FILES.path("id-7") == "/infer?input_type=msgpack&unique_id=id-7"


def test_an_answer_holds_the_predictions_of_the_request_that_it_names():
    """The encoding is the request's."""
    assert JSON.predictions(200, answer(), "id-7") == ["A"]
    packed = msgpack.packb({"success": True, "unique_id": "id-7", "prediction": [{"size": 2}]})
    assert FILES.predictions(200, packed, "id-7") == [{"size": 2}]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (b"<html>", "answer is not json"),
        (b"[1]", "answer is no object"),
        (answer(success=False, reason="timeout", prediction=None), "server says: timeout"),
        (answer(success=False, reason=None), 'server says: b\'{"success": false'),
        (b'{"title": "404 Not Found"}', "404 Not Found"),
        (answer(prediction=None), "no list 'prediction'"),
        (answer(unique_id="id-8"), "answer to another request: 'id-8', not 'id-7'"),
        (b'{"success": true, "prediction": ["A"]}', "answer to another request: None"),
    ],
)
def test_what_is_no_answer_is_said_in_one_line(given: bytes, says: str):
    """The server may send anything instead of predictions."""
    with pytest.raises(BadAnswer, match=says) as refused:
        JSON.predictions(200, given, "id-7")
    assert "\n" not in str(refused.value)


def test_the_server_is_asked_for_its_count_over_the_last_seconds():
    """It remembers no longer than it keeps a request."""
    assert COUNT is not None
    assert COUNT.path.format(seconds=12) == "/prometheus_metrics?last_x_seconds=12"
    assert 30 <= (COUNT.remembered_s or 0) < 40


@pytest.mark.parametrize(
    ("metrics", "requests"),
    [
        ("# HELP x\nrequests_received_in_last_x_seconds 1250\nprocessed 3\n", 1250),
        ("requests_received_in_last_x_seconds 0\n", 0),
        ("requests_received_in_last_x_seconds\n", None),
        ("other_requests_received_in_last_x_seconds 7\n", None),
        ("", None),
    ],
)
def test_its_count_is_read_from_its_metrics(metrics: str, requests: int | None):
    """A count that is not there is none, and not zero."""
    assert COUNT is not None
    assert COUNT.read(metrics) == wire.received(metrics) == requests
