"""What a request costs at all, and what each MiB of it adds."""

from typing import Any

import pandas as pd
import pytest

from servecost.report import request_cost
from servecost.report.write import wording

FIXED_MS, MIB_MS = 3.0, 20.0
SIZES = (1, 8, 64)


def pairs(rounds: int = 2, off_ms: float = 0.0, **given: Any) -> pd.DataFrame:
    """Return pairs at concurrency 1 whose serving path is a line, and off it by so much, more in every other round."""
    rows = [
        {
            **{"round": number, "recipe": "echo", "system": "s", "system_label": "S", "choice": "", "pair": 1},
            **{"batch_size": size, "concurrency": 1, "examples": 640, "requests": 640 // size, "rule": ""},
            "request_mib": size / 10,
            "serving_path_s": seconds(FIXED_MS + MIB_MS * size / 10 + off_ms * (-1) ** number, size),
            "served_s": seconds(200.0 * size, size),
        }
        for number in range(1, rounds + 1)
        for size in SIZES
    ]
    return pd.DataFrame(rows).assign(**given)


def lines(table: pd.DataFrame) -> list[Any]:
    """Return the lines that are found in pairs."""
    return list(request_cost.table(table).itertuples())


def seconds(request_ms: float, batch_size: int) -> float:
    """Return the seconds of 10,000 examples in requests that take so many ms."""
    return request_ms / 1000 * 10_000 / batch_size


def test_a_line_is_found_as_it_is():
    """With an interval of nothing, as no round differs."""
    (found,) = lines(pairs())
    assert (found.fixed_ms, found.mib_ms) == pytest.approx((FIXED_MS, MIB_MS))
    assert (found.fixed_ms_half_width, found.mib_ms_half_width, found.missed_by) == pytest.approx((0, 0, 0), abs=1e-9)
    assert (found.least_mib, found.most_mib) == (0.1, 6.4)


def test_the_interval_is_over_rounds():
    """What all sizes of a round have in common is in the fixed cost, and in its interval."""
    (found,) = lines(pairs(rounds=4, off_ms=1.0))
    assert found.fixed_ms == pytest.approx(FIXED_MS)
    assert found.fixed_ms_half_width == pytest.approx(3.182 * (4 / 3) ** 0.5 / 2, rel=1e-3)
    assert found.mib_ms_half_width == pytest.approx(0, abs=1e-9)
    (alone,) = lines(pairs(rounds=1))
    assert pd.isna(alone.fixed_ms_half_width)


def test_how_far_a_row_is_from_the_line_is_said():
    """As a part of its served seconds: of 200 ms at batch size 1, in which the line has no part."""
    bent = pairs()
    is_bent = bent["batch_size"] == SIZES[1]
    bent.loc[is_bent, "serving_path_s"] += seconds(160, SIZES[1])
    (found,) = lines(bent)
    assert 0.03 < found.missed_by < 0.1


def test_it_takes_three_sizes_of_valid_rounds_at_concurrency_1():
    """Otherwise there is no row, and a sentence in its place."""
    short, one = pairs(), {"concurrency": 8}
    for table in (short[short["batch_size"] > 1], pairs(**one), pairs(rule="warm"), pairs(request_mib=float("nan"))):
        assert request_cost.table(table).empty
    assert "are not known" in wording.request_costs(request_cost.table(short[:0]))
    some = short[(short["round"] == 1) | (short["batch_size"] > 1)]
    assert len(request_cost.table(some)) == 1


def test_the_table_has_a_system_only_where_there_are_several():
    """And a choice beside the recipe."""
    text = wording.request_costs(request_cost.table(pairs(rounds=4, choice="optimal_batch_size 64")))
    assert "| echo, optimal_batch_size 64 | +3.00 ± " in text
    assert "0.100 to 6.40" in text
    assert "System" not in text
    both = pd.concat([pairs(), pairs(system="t", system_label="T")])
    assert "| T " in wording.request_costs(request_cost.table(both))
