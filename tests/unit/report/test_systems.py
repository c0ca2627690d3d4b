"""Systems side by side: groups of no significant difference, and the cost of a request by its size."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from servecost.report import systems


def rows(*numbers: tuple[str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(numbers, columns=["system_label", "ratio", "ratio_half_width"])


@pytest.mark.parametrize(
    ("numbers", "grouped"),
    [
        ([("B", 0.1, 0.05), ("A", 0.2, 0.05)], [["B"], ["A"]]),
        ([("B", 0.1, 0.1), ("A", 0.2, 0.05)], [["A", "B"]]),
        ([("C", 0.3, 0.05), ("B", 0.1, 0.1), ("A", 0.2, 0.05)], [["A", "B"], ["C"]]),
        ([("B", 0.1, np.nan), ("A", 9.0, 0.01)], [["A", "B"]]),
        ([("A", 0.0, 0.06), ("B", 0.1, 0.08), ("C", 0.19, 0.01)], [["A", "B"], ["C"]]),
        ([], []),
    ],
)
def test_systems_that_do_not_differ_stand_together_by_name(
    numbers: list[tuple[str, float, float]], grouped: list[list[str]]
):
    """The first of a group differs from the first of the group before; without an interval nothing is known."""
    found = systems.groups(rows(*numbers), "ratio")
    assert [list(group["system_label"]) for group in found] == grouped


def pairs(fixed_ms: float, per_mib_ms: float, sizes: list[float], noise: list[float]) -> pd.DataFrame:
    """Return pairs of one client whose requests take so long, times the noise."""
    took_ms = [(fixed_ms + per_mib_ms * size) * (1 + part) for size, part in zip(sizes, noise, strict=True)]
    return pd.DataFrame({"request_mib": sizes, "serving_path_s": [10 * ms for ms in took_ms]}).assign(
        recipe="echo", system_label="A", concurrency=1, rule="", examples=1000, requests=1000
    )


def test_the_cost_of_a_request_is_a_fixed_part_and_one_for_each_mib():
    """Both are found with intervals that have them, large requests counting no more than small ones."""
    found = pairs(4.0, 2.0, [0.1, 0.1, 1.0, 1.0, 8.0, 8.0], [0.01, -0.01, 0.02, -0.02, 0.01, -0.01])
    (fit,) = systems.fits(found)
    assert (fit.recipe, fit.system_label) == ("echo", "A")
    assert abs(fit.fixed_ms - 4) <= fit.fixed_half_width < 0.5
    assert abs(fit.per_mib_ms - 2) <= fit.per_mib_half_width < 0.3


@pytest.mark.parametrize(
    "sizes", [[0.1, 1.0, 8.0], [0.1, 0.1, 0.1, 0.1], [float("nan")] * 6], ids=["few pairs", "one size", "no sizes"]
)
def test_nothing_is_fitted_to_too_little(sizes: list[float]):
    """There would be no interval."""
    assert list(systems.fits(pairs(4.0, 2.0, sizes, [0.0] * len(sizes)))) == []


def test_other_concurrencies_and_pairs_that_are_not_valid_are_left_out():
    """With several clients, the predictor is never idle for one request's sake."""
    found = pairs(4.0, 2.0, [0.1, 0.1, 1.0, 1.0], [0.01, -0.01, 0.01, -0.01])
    wrong = [found.assign(serving_path_s=9e9, concurrency=8), found.assign(serving_path_s=9e9, rule="ledger")]
    (fit,), (alone,) = (list(systems.fits(each)) for each in (pd.concat([found, *wrong]), found))
    assert fit == alone
