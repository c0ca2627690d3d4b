"""Where the spread between rounds comes from, read off the pairs of a recipe."""

import numpy as np
import pandas as pd
import pytest

from servecost.report import spread
from servecost.statistics import variance

ROUNDS = range(1, variance.LEAST_ROUNDS + 1)


def paired(*rows: tuple[str, int, int, float]) -> pd.DataFrame:
    """Return pairs: recipe, batch size, round and log ratio."""
    table = pd.DataFrame(rows, columns=["recipe", "batch_size", "round", "log_ratio"])
    return table.assign(system_label="S", concurrency=1, choice="", ratio=np.exp(table["log_ratio"]))


def test_each_recipe_has_its_own():
    """A shift that all pairs of a round share is told from what is left."""
    together = [("a", size, number, size + 0.1 * (number % 2)) for size in (1, 8) for number in ROUNDS]
    apart = [("b", size, number, 0.1 * ((size + number) % 2)) for size in (1, 8) for number in ROUNDS]
    one, other = spread.origins(paired(*together, *apart))
    assert (one.recipe, one.parts.advice) == ("a", "more rounds")
    assert one.parts[:2] == pytest.approx((0.0, 0.1 / 3**0.5), abs=1e-9)
    assert (other.recipe, other.parts.advice) == ("b", "longer runs")
    assert other.parts[:2] == pytest.approx((0.1 * (2 / 3) ** 0.5, 0.0))


def test_rounds_that_only_some_cells_have_are_left_out():
    """Those after a stop, and cells without any number."""
    nan = float("nan")
    rows = [("a", size, number, size + 0.1 * (number % 2)) for size in (1, 8) for number in ROUNDS]
    (found,) = spread.origins(paired(*rows, ("a", 8, 5, 9.0), *(("a", 32, number, nan) for number in ROUNDS)))
    assert found.parts.rounds_sd == pytest.approx(0.1 / 3**0.5)
    assert list(spread.origins(paired(*rows[:4]))) == []
