"""A sentence for each notable row: why its overhead is what it is."""

import pytest

from servecost.report.write.sentences import sentences
from tests.unit.report.sample import cells


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            (8, 1, 10, 1, 2, 5, 8),
            "**echo, 8 × 1**: serving takes 1.80 × the baseline; most of it because the predictor stood idle for "
            "5.00 s per 10,000, 4.00 ms each request (transport, queueing, encoding); the null system takes 0.400 ms.",
        ),
        (
            (1, 8, 20, -15, 1, 4, 8),
            "**echo, 1 × 8**: serving takes 0.500 × the baseline; overhead is negative because the server called the "
            "predictor with 8.00 inputs at a time on average (clients sent 1), the direct arm with all at once: that "
            "saves 15.0 s per 10,000.",
        ),
        (
            (8, 4, 10, 0, 5, 1, 8),
            "**echo, 8 × 4**: serving takes 1.60 × the baseline; most of it because the same calls took longer than "
            "directly, which adds 5.00 s per 10,000.",
        ),
    ],
)
def test_the_largest_part_is_the_reason(row, said):
    """Of a negative overhead, the part that saves most."""
    assert sentences(cells(row)) == [said]


def test_a_row_that_is_not_notable_has_no_sentence():
    """Nor has one whose parts are not known."""
    assert sentences(cells((8, 1, 10, 0.1, 0.2, 0.3, 8))) == []
    assert sentences(cells((8, 1, 10, float("nan"), 2, 5, 8))) == []


@pytest.mark.parametrize("claim", ["undecided", ""])
def test_a_row_that_is_not_decided_has_no_sentence(claim):
    """However large its overhead seems."""
    assert sentences(cells((8, 1, 10, 1, 2, 5, 8)).assign(claim=claim)) == []
