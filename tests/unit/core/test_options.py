"""A wrong whole number on a command line is described in one line."""

import argparse

import pytest

from servecost.core.options import at_least


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "", " 1"])
def test_anything_but_a_whole_number_from_the_minimum_up_is_refused(text: str):
    """The message has the text and the minimum."""
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number from 1 up") as refused:
        at_least(1)(text)
    assert repr(text) in str(refused.value)


def test_the_minimum_itself_is_allowed():
    """No run at all may be asked for."""
    assert (at_least(0)("0"), at_least(1)("1"), at_least(1)("10000")) == (0, 1, 10000)
