"""What serving adds: pairs, and the rounds of a cell as one estimate."""

import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from servecost.core.recipe import ROOT
from servecost.report import overhead
from servecost.report.attribution import PARTS
from servecost.report.computed import Computed
from servecost.report.read.tables import DIRECT_CALLS_COLUMNS, ROW, RUN_CALLS_COLUMNS, Results
from tests.unit.report.sample import SERVED, results

PUBLISHED = ROOT / "docs" / "results" / "page"


def row(summary: pd.DataFrame, concurrency: int) -> pd.Series:
    return summary[summary["concurrency"] == concurrency].iloc[0]


def summary(found: Results) -> pd.DataFrame:
    return overhead.summary(overhead.pairs(found))


def with_calls(found: Results, rounds: tuple[int, ...]) -> Results:
    """Return results whose predictor was busy half the time; in these rounds it is known with calls of which sizes."""
    calls = found.plan[found.plan["round"].isin(rounds)][ROW]
    direct = calls.assign(call_batch_size=8, inputs=8, call_s=0.01, calls=9)
    return replace(
        found,
        served=found.served.assign(busy_s=found.served["total_s"] / 2),
        calls=calls.assign(call_batch_size=8, inputs=8, calls=125)[RUN_CALLS_COLUMNS],
        direct_calls=direct.assign(reference_inputs=math.nan, reference_s=math.nan)[DIRECT_CALLS_COLUMNS],
    )


def test_overhead_is_scaled_and_paired_within_the_round():
    """1,000 examples stand for a tenth of 10,000; each served run has the baseline run of its own pair."""
    pairs = overhead.pairs(results())
    assert list(pairs["overhead_s"]) == pytest.approx([20.0, 5.0, 39.0, 5.0])
    assert list(pairs["overhead_per_request_ms"]) == pytest.approx([16.0, 4.0, 31.2, 4.0])
    assert list(pairs["ratio"]) == pytest.approx([3, 1.5, 2.95, 1.25])


def test_seconds_are_divided_by_the_runs_own_requests():
    """7 requests of 1,000 examples are not a tenth of ceil(10,000 / 150)."""
    found = results()
    found = replace(found, served=found.served.assign(requests=7))
    assert overhead.pairs(found)["overhead_per_request_ms"].iloc[0] == pytest.approx(1000 * 2.0 / 7)


def test_a_row_is_one_estimate():
    """Difference, ratio and seconds are of the same means, and never contradict each other."""
    one = row(summary(results()), 1)
    assert (one.baseline_s, one.served_s, one.overhead_s) == pytest.approx((15.0, 44.5, 29.5))
    assert one.ratio == pytest.approx(44.5 / 15)
    assert one.overhead_per_request_ms == pytest.approx(1000 * one.overhead_s / 1250)
    assert one.instrument_s == pytest.approx(1.25)
    assert (one.rounds, one.rounds_planned, one.label, one.choice) == (2, 2, "echo", "")


def test_the_interval_of_the_overhead_is_that_of_the_ratio():
    """Mapped to seconds by the same baseline; and it claims what it excludes."""
    rows: list[Any] = list(summary(results()).itertuples())
    for each in rows:
        width_s = each.baseline_s * (each.ratio_high - each.ratio_low)
        assert each.overhead_s_half_width == pytest.approx(width_s / 2)
        assert each.relative_half_width == pytest.approx(each.overhead_s_half_width / each.served_s)
        assert each.claim == ("slower" if each.ratio_low > 1 else "undecided")


def test_a_round_is_the_mean_of_its_pairs():
    """They have the same processes, so they are not independent; of a single round, they are all that there is."""
    pairs = overhead.pairs(results())
    several = pairs[pairs["concurrency"] == 1].assign(**dict.fromkeys(PARTS, 1.0))
    twice = pd.concat([several, several.assign(pair=2, served_s=several["served_s"] + 2)])
    one, mean, single = (
        overhead.summary(each).iloc[0]
        for each in (twice, several.assign(served_s=several["served_s"] + 1), twice[twice["round"] == 1])
    )
    assert (one.rounds, one.pairs, one.ratio, one.ratio_half_width) == (2, 4, mean.ratio, mean.ratio_half_width)
    assert (single.rounds, single.pairs) == (1, 2)
    assert single.ratio_half_width > 0


@pytest.mark.parametrize(
    ("ratios", "claim"),
    [
        ((1.51, 1.5), "slower"),
        ((0.51, 0.5), "faster"),
        ((1.001, 1.0), "equal"),
        ((1.001, 1.0005), "equal"),
        ((1.1, 0.9), "undecided"),
        ((1.5,), "undecided"),  # one round has no interval
    ],
)
def test_claims_follow_from_intervals(ratios, claim):
    """All of it above or below the baseline, or within 5 % of it; else nothing is claimed."""
    runs = [(number, 8, users, number * ratio) for number, ratio in enumerate(ratios, 1) for users in (1, 4)]
    found = results(served=runs)
    is_made = found.plan["round"] <= len(ratios)
    assert set(summary(replace(found, plan=found.plan[is_made]))["claim"]) == {claim}


def test_the_parts_of_a_row_sum_to_its_overhead():
    """They are means of the same rounds; each has an interval."""
    one = row(summary(with_calls(results(), (1, 2))), 1)
    assert sum(one[part] for part in PARTS) == pytest.approx(one.overhead_s, rel=1e-12)
    assert all(one[f"{part}_half_width"] > 0 for part in PARTS)
    assert one.call_pattern_s < 0 < one.serving_path_s


def test_parts_are_of_all_rounds_or_missing_together():
    """A round without its calls would leave parts that sum to something else."""
    rows = summary(with_calls(results(), (1,)))
    assert rows[PARTS].isna().all(axis=None)
    assert rows["overhead_s"].notna().all()


def test_rounds_under_another_choice_are_rows_of_their_own():
    """Never one mean. What a fact measures, in seconds, is no choice."""
    rows = summary(results(choices=(64, 32)))
    assert list(rows["choice"]) == ["optimal_batch_size 64"] * 2 + ["optimal_batch_size 32"] * 2
    assert list(rows["label"].unique()) == ["echo, optimal_batch_size 64", "echo, optimal_batch_size 32"]
    assert list(rows["ratio"]) == pytest.approx([3.0, 1.5, 2.95, 1.25])
    assert list(rows["rounds"]) == [1, 1, 1, 1]
    assert set(rows["claim"]) == {"undecided"}


def test_a_round_of_an_unknown_choice_stands_with_the_most_frequent():
    """It is missing there, and is no row of its own."""
    rows = summary(results(served=SERVED[:2], choices=(64, math.nan)))
    assert list(rows["choice"]) == ["", ""]
    assert list(rows["rounds_planned"]) == [2, 2]


@pytest.mark.parametrize(("rounds", "is_one_round", "rule"), [(4, False, ""), (3, False, "missing"), (4, True, "")])
def test_a_row_counts_before_all_of_it_is_made(rounds: int, is_one_round: bool, rule: str):
    """From the fourth round on, or pair; a pair that broke a rule is another matter."""
    numbers = range(1, 7)
    rules = ["" if number <= rounds else "missing" for number in numbers]
    seconds = [1.0 if each == "" else float("nan") for each in rules]
    own = pd.DataFrame(
        {"round": list(numbers), "baseline_s": seconds, "served_s": seconds, "rule": rules, "reason": ""}
    )
    own = own.assign(round=1) if is_one_round else own
    assert overhead.row_verdict(own).rule == rule
    assert overhead.row_verdict(own.assign(rule=[*rules[:-1], "failures"])).rule == "failures"


def test_rounds_that_differ_make_a_wide_interval_and_no_verdict():
    """However much: both arms of a pair were made on the same machine at the same time."""
    slower = summary(results(served=[(1, 8, 1, 3.0), (2, 8, 1, 60.0), *SERVED[1::2]]))
    assert list(slower["rule"]) == ["", ""]
    assert slower["relative_half_width"][0] > 1


def test_parallel_calls_make_no_contention_negative():
    """Four calls at a time: what they would cost directly is a quarter of their sum, and the parts add up."""
    found = with_calls(results(), (1, 2))
    one, four = (overhead.pairs(replace(found, served=found.served.assign(parallel=by))) for by in (1, 4))
    direct_s = one["baseline_s"] + one["call_pattern_s"]
    assert list(four["contention_s"] - one["contention_s"]) == pytest.approx(list(0.75 * direct_s))
    assert list(four[PARTS].sum(axis=1)) == pytest.approx(list(four["overhead_s"]))


def test_the_instruments_share_needs_enough_requests():
    """Fewer than a hundred say nothing of what one takes."""
    found = results()
    few = replace(found, instrument=found.instrument.assign(requests=99))
    assert summary(few)["instrument_s"].isna().all()
    assert summary(found)["instrument_s"].notna().all()


def test_what_an_arm_takes_besides_seconds():
    """CPU is scaled as seconds are; the first call's cost is paid once, and never scaled; of memory, the peak."""
    found = results()
    used = {"baseline_cpu_s": 1.0, "server_cpu_s": 3.0, "baseline_start_s": 2.0}
    found = replace(found, served=found.served.assign(**used, server_memory_mib=[100.0, 100.0, 300.0, 100.0]))
    one = row(summary(found), 1)
    assert (one.baseline_cpu_s, one.server_cpu_s, one.cpu_overhead_s) == (10.0, 30.0, 20.0)
    assert (one.baseline_cold_s, one.served_cold_s, one.baseline_start_s) == (0.4, 0.4, 2.0)
    assert one.server_memory_mib == 300
    assert one.mean_in_flight == 0.9


def test_the_parts_of_a_published_overhead_sum_to_it(published: Computed):
    """Up to the rounding of floating-point numbers, in every round and every row that is valid."""
    for table in (published.pairs, published.summary):
        valid = table[table["rule"] == ""]
        assert len(valid) >= 30
        assert valid[PARTS].notna().all(axis=None)
        assert (valid["overhead_s"] - valid[PARTS].sum(axis=1)).abs().max() < 1e-9
    assert set(published.found.stages["stage"]) == {
        "sent → received",
        "received → fetched",
        "fetched → predicted",
        "predicted → answered",
        "answered → arrived",
    }
