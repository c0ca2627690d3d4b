"""What the baseline against itself shows."""

import math

import pandas as pd
import pytest

from servecost.report.read.tables import SAME_COLUMNS
from servecost.report.resolution import of_baseline
from tests.unit.report.sample import same


def test_the_resolution_is_the_mean_with_its_interval():
    """By what part the second run took longer, over rounds."""
    (found,) = of_baseline(same((1, 1.0, 1.02), (2, 2.0, 2.0)))
    assert found[:2] == ("echo", 8)
    assert found.by == pytest.approx(3.02 / 3 - 1)
    assert found.half_width > 0.05
    assert found.rounds == 2


def test_one_round_has_no_interval_and_no_round_no_resolution():
    """A pair that is not valid does not count."""
    (found,) = of_baseline(same((1, 1.0, 1.02)))
    assert math.isnan(found.half_width)
    assert list(of_baseline(same((1, 1.0, 1.02)).assign(rule="warm"))) == []
    assert list(of_baseline(pd.DataFrame(columns=SAME_COLUMNS))) == []
