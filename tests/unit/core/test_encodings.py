"""JSON and msgpack are encoded and decoded the same way for every wire."""

import json
from typing import Any

import msgpack
import pytest

from servecost.core import encodings
from servecost.core.system import BadAnswer, Unanswerable


@pytest.mark.parametrize(
    ("value", "encoding", "content_type"),
    [
        ({"data": ["a", {"b": 1}]}, "json", "application/json"),
        ([b"\x00\xff", b""], "msgpack", "application/msgpack"),
        ({"data": [1.5, None]}, "msgpack", "application/msgpack"),
    ],
)
def test_a_value_survives_its_encoding(value: Any, encoding: str, content_type: str):
    """The body says its type, so that a server can read it."""
    body = encodings.encode(value, encoding)
    assert (json.loads if encoding == "json" else msgpack.unpackb)(body.content) == value
    assert (body.content_type, body.headers) == (content_type, ())
    assert encodings.decode(body.content, encoding) == value


def test_json_has_no_form_for_bytes():
    """A wire finds out before anything is sent."""
    with pytest.raises(TypeError):
        encodings.encode([b"file"], "json")


@pytest.mark.parametrize(
    ("answers", "encoding", "problem"),
    [
        (["a", 2**70, float("nan")], "json", ""),
        ([{"a": [b"sound"]}], "json", "the predictor answers with bytes, which JSON has no form for"),
        ([b"sound", {"a": 1}], "msgpack", ""),
        ([2**70], "msgpack", "the predictor answers FILE input with an integer of more than 64 bits beside bytes"),
    ],
)
def test_answers_that_an_encoding_cannot_hold_are_told_in_one_line(answers: list[Any], encoding: str, problem: str):
    """Before a server is asked for them."""
    if not problem:
        encodings.check_answers(answers, encoding)
        return
    with pytest.raises(Unanswerable, match=problem) as refused:
        encodings.check_answers(answers, encoding)
    assert "\n" not in str(refused.value)


def test_msgpack_may_have_numbers_as_keys():
    """A predictor may return them."""
    found: Any = encodings.decode_object(msgpack.packb({1: "x"}), "msgpack")
    assert found == {1: "x"}


@pytest.mark.parametrize(
    ("answer", "encoding", "says"),
    [
        (b"<html>", "json", "answer is not json: b'<html>'"),
        (b"", "json", "answer is not json: b''"),
        (b"\xff\xfe", "json", "answer is not json"),
        (b"\xc1", "msgpack", "answer is not msgpack"),
        (b"", "msgpack", "answer is not msgpack"),
        (b"[1]", "json", r"answer is no object: b'\[1\]'"),
        (msgpack.packb([1]), "msgpack", "answer is no object"),
    ],
)
def test_an_answer_that_is_no_object_is_described_in_one_line(answer: bytes, encoding: str, says: str):
    """The line shows the beginning of the answer."""
    with pytest.raises(BadAnswer, match=says) as refused:
        encodings.decode_object(answer, encoding)
    assert "\n" not in str(refused.value)


def test_only_the_beginning_of_a_long_answer_is_shown():
    """A page of HTML does not fill a log."""
    with pytest.raises(BadAnswer) as refused:
        encodings.decode(b"<html>" + b"x" * 10_000, "json")
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("content", [{}, {"predictions": None}, {"predictions": "ab"}, {"predictions": {"0": 1}}])
def test_an_object_without_the_list_is_no_answer(content: dict[str, Any]):
    """The message names the key."""
    with pytest.raises(BadAnswer, match="answer has no list 'predictions'"):
        encodings.list_in(content, "predictions")


def test_an_object_gives_the_list_under_its_key():
    """The list may be empty."""
    assert encodings.list_in({"predictions": [1, 2], "more": 0}, "predictions") == [1, 2]
    assert encodings.list_in({"predictions": []}, "predictions") == []
