"""A correct answer is the direct arm's own answer, within the rounding of floats."""

import math
from pathlib import Path

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


def test_expected_answers_survive_their_file(tmp_path: Path):
    """Bytes survive, too, although JSON has none."""
    given = [{"top": [[1, 0.5]], "raw": b"\x00\xff"}, None, "text"]
    answers.write(tmp_path / "new" / "expected.json", given)
    assert answers.read(tmp_path / "new" / "expected.json") == given


def test_an_answer_that_no_client_can_be_sent_is_refused(tmp_path: Path):
    """The message says what the answer holds, and no file is left that could be taken for answers."""
    with pytest.raises(TypeError, match="holds a set, which no client can be sent; return plain Python values"):
        answers.write(tmp_path / "expected.json", [{1, 2}])
    assert not (tmp_path / "expected.json").exists()
