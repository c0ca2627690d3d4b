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


def test_pairs_of_one_round_are_one_value_unless_it_is_the_only_one():
    """What a start of the two processes makes of all pairs of its round is not many findings."""
    first, second = [(1, 1.0, 1.02), (1, 1.0, 1.03)], [(2, 1.0, 0.98), (2, 1.0, 0.97)]
    (of_pairs,), (of_rounds,) = of_baseline(same(*first)), of_baseline(same(*first, *second))
    (of_means,) = of_baseline(same((1, 1.0, 1.025), (2, 1.0, 0.975)))
    assert of_pairs.half_width < 0.1 < of_rounds.half_width
    assert of_rounds == pytest.approx(of_means)


def test_one_round_has_no_interval_and_no_round_no_resolution():
    """A pair that is not valid does not count."""
    (found,) = of_baseline(same((1, 1.0, 1.02)))
    assert math.isnan(found.half_width)
    assert list(of_baseline(same((1, 1.0, 1.02)).assign(rule="warm"))) == []
    assert list(of_baseline(pd.DataFrame(columns=SAME_COLUMNS))) == []
