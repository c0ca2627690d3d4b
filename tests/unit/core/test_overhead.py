"""Seconds are given per 10,000 examples, and the overhead is a difference of two of them."""

import pytest

from servecost.core.overhead import EXAMPLES, overhead_s, per_examples, requests_of


def test_the_unit_is_ten_thousand_examples():
    """It is that of the published page."""
    assert EXAMPLES == 10_000
    assert per_examples(3.0, 1500) == pytest.approx(20.0)
    assert per_examples(3.0, EXAMPLES) == 3.0


def test_the_overhead_is_what_serving_adds():
    """It is negative where serving is faster."""
    assert overhead_s(served_s=25.0, baseline_s=10.0) == 15.0
    assert overhead_s(served_s=8.0, baseline_s=10.0) == -2.0


@pytest.mark.parametrize(
    ("examples", "batch_size", "requests"), [(6, 2, 3), (7, 2, 4), (1, 512, 1), (10_000, 512, 20), (10_000, 1, 10_000)]
)
def test_the_last_request_may_be_smaller(examples: int, batch_size: int, requests: int):
    """Every example is sent exactly once."""
    assert requests_of(examples, batch_size) == requests
