"""A line for each decided row."""

import pytest

from servecost.report.write.claims import listed
from tests.unit.report.sample import cells

NAN = float("nan")
ROW = cells((8, 1, 10, 1, 2, 5, 8)).assign(ratio_half_width=0.1)
PARTS = {"call_pattern_s_half_width": 0.5, "contention_s_half_width": 0.25, "serving_path_s_half_width": 2.0}


def test_a_line_says_by_how_much_and_where():
    """Each number has its interval."""
    assert listed(ROW.assign(**PARTS)) == (
        "- echo, 8 × 1: **slower**, 1.80 ± 0.100 ×, +8.00 ± 0.100 s: call pattern +1.00 ± 0.500, "
        "contention +2.00 ± 0.250, serving path +5.00 ± 2.00."
    )


def test_what_is_not_known_is_left_out():
    """Parts that are missing; intervals that one round does not have."""
    row = ROW.assign(**PARTS, claim="faster", call_pattern_s=NAN, ratio_half_width=NAN, overhead_s_half_width=NAN)
    assert listed(row) == "- echo, 8 × 1: **faster**, 1.80 ×, +8.00 s."


@pytest.mark.parametrize("claim", ["undecided", ""])
def test_of_a_row_that_is_not_decided_nothing_is_said(claim: str):
    """However large its overhead seems."""
    assert listed(ROW.assign(**PARTS, claim=claim)) == "No row is decided yet."
