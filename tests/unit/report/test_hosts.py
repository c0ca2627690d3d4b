"""Whether the hosts on which rounds were made agree, from known numbers."""

import numpy as np
import pandas as pd

from servecost.report.hosts import agreement, p_value

ROUNDS = 12


def table(*ratios: float, noise: float = 0.03, seed: int = 1) -> pd.DataFrame:
    """Return a cell for each number: pairs of two hosts, on the second of which the ratio is so many times larger."""
    dice = np.random.default_rng(seed)
    rows = [
        {
            "recipe": "echo",
            "system": "s",
            "batch_size": batch_size,
            "concurrency": 1,
            "choice": "",
            "baseline_s": (baseline_s := dice.uniform(1.0, 1.4)),
            "served_s": baseline_s * 2 * (times if number % 2 else 1) * dice.normal(1, noise),
            "host": "ab"[number % 2],
            "rule": "",
        }
        for batch_size, times in enumerate(ratios, start=1)
        for number in range(ROUNDS)
    ]
    return pd.DataFrame(rows)


def test_hosts_that_agree_are_said_to():
    """However much slower one of them is: both arms of a pair were on it."""
    found = agreement(table(*[1.0] * 10))
    assert found.pairs.to_dict() == {"a": 60, "b": 60}
    assert (found.tested, len(found.differing)) == (10, 0)


def test_a_cell_in_which_they_differ_is_found():
    """And no other."""
    found = agreement(table(1.0, 1.2, 1.0))
    assert found.differing["batch_size"].tolist() == [2]


def test_false_alarms_are_as_many_as_promised():
    """One table in twenty at most, of ten cells each, and the test is not idle."""
    alarms = sum(len(agreement(table(*[1.0] * 10, seed=seed)).differing) > 0 for seed in range(200))
    assert alarms <= 20


def test_cells_without_pairs_enough_say_nothing():
    """One host, a pair of each, or none that is known."""
    one = table(1.0)
    assert np.isnan(p_value(one[one["host"] == "a"]))
    assert np.isnan(p_value(one[:2]))
    assert agreement(one.assign(host="")).tested == 0
    assert agreement(one.assign(rule="missing")).tested == 0
