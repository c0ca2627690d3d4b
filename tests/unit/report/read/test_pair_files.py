"""The seconds of one pair, and whether its files are those of the planned one."""

import math
from pathlib import Path

import pandas as pd
import pytest

from servecost.core import layout
from servecost.report.read import pair_files
from servecost.report.read.pair_files import total_of
from tests.unit.report.sample import results, write_baseline, write_pair, write_same

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


def test_a_pair_has_the_seconds_of_both_arms(tmp_path: Path):
    """And what was noted of its served run."""
    row = planned()
    write_pair(pair_files.pair_folder(tmp_path, row), row, 1.5, {"chosen": 64})
    found = pair_files.pair(tmp_path, row)
    assert found.verdict.is_valid
    assert (found.baseline_s, found.served_s, found.mean_in_flight) == (0.75, 1.5, 0.9)
    assert (found.facts, found.resources["server_cpu_s"]) == ({"chosen": 64}, 0.3)


@pytest.mark.parametrize("totals", [(), (0.5, 0.5), (0.0,)])
def test_a_pair_without_its_one_baseline_run_is_damaged(tmp_path: Path, totals):
    """Both arms belong to one sitting."""
    row = planned()
    own = pair_files.pair_folder(tmp_path, row)
    write_pair(own, row, 1.5, {})
    write_baseline(own, row, *totals)
    (own / layout.MANIFEST_JSON).write_text(
        (own / layout.MANIFEST_JSON).read_text().replace("baseline.csv", "gone.csv")
    )
    found = pair_files.pair(tmp_path, row)
    assert (found.verdict.rule, math.isnan(found.served_s)) == ("files", True)


def test_a_pair_of_the_baseline_with_itself_has_two_runs(tmp_path: Path):
    """The first and the second, in their order."""
    row = planned()
    own = pair_files.pair_folder(tmp_path, row)
    write_same(own, row, 0.5, 0.51)
    assert pair_files.same(tmp_path, row)[1:] == (0.5, 0.51)
    write_baseline(own, row, 0.5)
    assert pair_files.same(tmp_path, row).verdict.rule == "files"


def test_a_failed_pair_has_the_verdict_of_its_failure(tmp_path: Path):
    """It stands beside where the pair would be."""
    row = planned()
    failed = pair_files.pair_folder(tmp_path, row).with_name("b8-c4.failed")
    failed.mkdir(parents=True)
    (failed / layout.FAILURE_JSON).write_text('{"rule": "warm", "reason": "why"}')
    assert pair_files.pair(tmp_path, row).verdict.word == "INVALID(warm)"
    assert pair_files.same(tmp_path, next(results().plan[:1].itertuples())).verdict.rule == "missing"


def test_how_a_pair_was_sliced_is_summed_up(tmp_path: Path):
    """By arm: how many slices, how long in all, and how far apart the arms ended."""
    write_baseline(tmp_path, planned(), 1.0)
    assert pair_files.slices(tmp_path).to_dict("list") == {
        "baseline_slices": [2],
        "baseline_ran_s": [2.0],
        "served_slices": [1],
        "served_ran_s": [2.0],
        "ends_apart_s": [1.0],
    }
    assert pair_files.slices(tmp_path / "none").empty
