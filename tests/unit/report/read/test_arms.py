"""The seconds of one run, and whether its files are those of the planned run."""

import pandas as pd
import pytest

from servecost.report.read.arms import total_of
from tests.unit.report.sample import results

STATS = pd.DataFrame(
    [
        ("POST", "echo batch_size=8", 125, 0, 11.0),
        ("RUN", "echo batch_size=8 users=4 examples=1000", 1, 0, 1500.0),
        (None, "Aggregated", 125, 0, 11.0),
    ],
    columns=["Type", "Name", "Request Count", "Failure Count", "Average Response Time"],
)


def planned():
    return next(results().plan[1:2].itertuples())


def test_a_served_run_is_read_from_locusts_own_csv():
    """Its total is the average response time of the one RUN."""
    assert total_of(STATS, planned()) == 1.5


@pytest.mark.parametrize(
    ("column", "place", "value"),
    [
        ("Failure Count", 0, 1),
        ("Request Count", 0, 124),
        ("Name", 1, "echo batch_size=8 users=4 examples=999"),
        ("Type", 1, "POST"),
    ],
)
def test_a_run_with_a_failure_or_a_wrong_count_is_no_run(column, place, value):
    """It is refused, not counted."""
    stats = STATS.copy()
    stats.loc[place, column] = value
    with pytest.raises(ValueError, match="the statistics"):
        total_of(stats, planned())
