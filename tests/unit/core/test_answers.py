"""A correct answer is the direct arm's own answer, within the rounding of floats."""

import math
from pathlib import Path

import numpy as np
import pytest

from servecost.core import answers


@pytest.mark.parametrize(
    ("expected", "answer", "is_same"),
    [
        ("a", "a", True),
        ("a", "b", False),
        (1, 1, True),
        (1, 2, False),
        (1, True, False),
        (True, True, True),
        (0.5, 0.50001, True),
        (0.5, 0.51, False),
        (0.0, 1e-9, True),
        (0.0, 1e-6, False),
        (1e-7, 4e-7, False),
        ([1e-7, 2e-7], [1e-7, 8e-7], False),
        ([0.1, 4e-8], [0.1, 1e-8], True),
        ({"a": [0.1], "b": [4e-8]}, {"a": [0.1], "b": [1e-8]}, True),
        ([0.1, 4e-6], [0.1, 1e-6], False),
        ([math.inf, 1e-7], [math.inf, 4e-7], False),
        (math.inf, math.inf, True),
        (1.0, 10**400, False),
        (1.0, 1, True),
        (1.0, "1.0", False),
        (math.nan, math.nan, True),
        (math.nan, 0.0, False),
        ((1, 2), [1, 2], True),
        ([1, 2], [1, 2, 3], False),
        ([[1, 0.25]], [[1, 0.250001]], True),
        ({"a": [0.5]}, {"a": [0.5000001]}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"1": "x"}, {1: "x"}, True),
        (None, None, True),
        (None, 0, False),
        (b"x", b"x", True),
    ],
)
def test_answers_are_the_same_when_only_rounding_differs(expected: object, answer: object, is_same: bool):
    """Floats are compared within a tolerance, and everything else exactly."""
    assert answers.same(expected, answer) is is_same


@pytest.mark.parametrize(
    "given",
    [
        [{"top": [[1, 0.5]], "raw": b"\x00\xff"}, None, "text"],
        [{"base64": "YQ=="}, {"base64": "no base64 at all"}, b"a", {"base64": b"a"}],
        [{b"key": {"items of a dict": 1}}, {"items of a dict": []}],
        [[], {}, "", b"", True, 1, 1.0],
    ],
)
def test_expected_answers_survive_their_file(tmp_path: Path, given: list[object]):
    """Bytes survive, too, although JSON has none; and what looks like the marks of the file."""
    answers.write(tmp_path / "new" / "expected.json", given)
    assert repr(answers.read(tmp_path / "new" / "expected.json")) == repr(given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("ab", "a list with one answer for each input; it returned a str"),
        ({"a": 1, "b": 2}, "it returned a dict"),
        (None, "it returned a NoneType"),
        (np.zeros(2), "it returned a ndarray"),
        ((each for each in "ab"), "it returned a generator"),
        (["a"], "gave 1 answers to 2 inputs"),
        ([{1, 2}, "b"], "holds a set, which no client can be sent; return plain Python values"),
        ([np.zeros(2), "b"], "holds a numpy.ndarray, which no client can be sent"),
    ],
)
def test_what_is_no_list_of_answers_is_refused_in_one_line(given: object, says: str):
    """It says what the predictor returned, and what would be right."""
    with pytest.raises(ValueError, match=says):
        answers.check(given, 2)
    answers.check(["a", b"b"], 2)
    answers.check(("a", "b"), 2)
