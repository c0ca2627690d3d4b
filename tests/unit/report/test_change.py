"""By what part one sample of rounds differs from another."""

import re

import numpy as np
import pytest

from servecost.report.change import Change


@pytest.mark.parametrize(
    ("a", "b", "said", "worse_than"),
    [
        ([1.0, 1.01, 0.99], [1.5, 1.51, 1.49], r"^\+50\.\d% \[\+4\d\.\d%, \+5\d\.\d%\]$", [0, 0.05, 0.4]),
        ([1.5, 1.51, 1.49], [1.0, 1.01, 0.99], r"^−33\.3% \[−3\d\.\d%, −3\d\.\d%\]$", []),
        ([1.0, 1.2, 0.8], [1.1, 0.9, 1.2], r"^~ \[−\d+\.\d%, \+\d+\.\d%\]$", []),
        ([1.0, 1.001, 0.999], [1.03, 1.031, 1.029], r"^\+3\.0% \[", [0]),  # significant, and allowed
        ([1.0], [2.0, 2.0], r"^~ \(\+100\.0%; one round has no interval\)$", []),
    ],
)
def test_a_change_is_shown_with_its_interval_or_as_insignificant(a, b, said, worse_than):
    """It is worse than allowed only if all of its interval is."""
    change = Change.between(np.array(a), np.array(b))
    assert re.search(said, str(change)), str(change)
    assert [allowed for allowed in (0, 0.05, 0.4) if change.is_worse_than(allowed)] == worse_than
