"""Plain values are told apart as they are on the wire."""

import datetime
from typing import Any

import numpy as np
import pytest

from servecost.core import plain

NAN = float("nan")


@pytest.mark.parametrize(
    "value",
    [
        *(1, 1.0, True, 0, 0.0, -0.0, False, None, NAN, float("inf"), "1", "", b"", b"1", [], [[]], {}, {"a": 1}),
        *({1: "a"}, [1, 2], [[1], 2], ["ab"], ["a", "b"], {"a": {}}, {"a": []}, 2**70, "\ud800", {"1": "a"}),
    ],
    ids=repr,
)
def test_a_value_is_itself_and_no_other(value: Any):
    """Whatever ``==`` says of them."""
    others = [1, 1.0, True, 0.5, "x", b"x", [1], {"a": 1.0}]
    assert plain.digest(value) == plain.digest(value)
    same = [other for other in others if plain.digest(other) == plain.digest(value)]
    assert all(repr(other) == repr(value) for other in same)


def test_a_tuple_is_the_list_that_it_becomes():
    """And a subclass is what it is a kind of."""
    assert plain.digest((1, ("a",))) == plain.digest([1, ["a"]])
    assert plain.digest(np.float64(0.5)) == plain.digest(0.5)
    assert plain.digest(bytearray(b"a")) == plain.digest(b"a")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (np.zeros(2), "a numpy.ndarray"),
        ([{"a": datetime.date(2020, 1, 1)}], "a datetime.date"),
        ([b"", 2**70], "an integer of more than 64 bits beside bytes"),
        ([b"", "\ud800"], "half a surrogate pair beside bytes"),
        ({(1, 2): 3}, "a dict with a tuple as a key"),
        ({1, 2}, "a set"),
        (object, "a type"),
    ],
)
def test_what_cannot_be_sent_is_named(value: Any, says: str):
    """By its type; an integer or a text, by what is wrong with it."""
    with pytest.raises(plain.NotPlain, match=says):
        plain.digest(value, has_bytes=plain.holds_bytes(value))


def test_a_value_that_holds_itself_is_not_plain():
    """It has no end."""
    value: list[Any] = []
    value.append(value)
    with pytest.raises(plain.NotPlain, match="holds itself"):
        plain.digest(value)


@pytest.mark.parametrize(("value", "holds"), [(b"a", True), ([{"a": (b"",)}], True), ({b"a": 1}, True), (["a"], False)])
def test_bytes_are_found_anywhere(value: Any, holds: bool):
    """They decide that a recipe's inputs are sent as msgpack."""
    assert plain.holds_bytes(value) == holds
