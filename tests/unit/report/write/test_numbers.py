"""Numbers as words."""

import math

import pytest

from servecost.report.write.numbers import number, percent, signed, signed_percent, with_interval


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1234.5, "1234"),
        (123.4, "123"),
        (12.34, "12.3"),
        (1.234, "1.23"),
        (0.1234, "0.123"),
        (0.0001, "< 0.001"),
        (-0.0001, "> −0.001"),
        (-12.34, "−12.3"),
        (0.0, "0.000"),
        (math.nan, "missing"),
    ],
)
def test_numbers_have_three_digits_and_no_exponent(value, said):
    """And NaN has a word."""
    assert number(value) == said


@pytest.mark.parametrize(("value", "said"), [(1.0, "+1.00"), (-1.0, "−1.00"), (0.0, "0.000"), (math.nan, "missing")])
def test_an_overhead_has_a_sign(value, said):
    """It may well be negative."""
    assert signed(value) == said


@pytest.mark.parametrize(("half_width", "said"), [(0.25, "+1.00 ± 0.250"), (math.nan, "+1.00")])
def test_an_interval_is_shown_where_there_is_one(half_width, said):
    """One round has none."""
    assert with_interval(1.0, half_width, signed) == said
    assert with_interval(math.nan, half_width) == "missing"


@pytest.mark.parametrize(("part", "said"), [(0.012, "+1.2 %"), (-0.012, "−1.2 %"), (0.0, "0.0 %")])
def test_a_part_is_a_percentage(part, said):
    """With a sign where it is a difference."""
    assert signed_percent(part) == said
    assert percent(abs(part), 0) == f"{round(abs(part) * 100)} %"
