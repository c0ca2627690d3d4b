"""What has been published of an experiment and what was made since are read as one."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from servecost.core import layout
from servecost.report.read import pair_files, published, requests, results
from servecost.report.read.tables import QUANTILES, ROW, TIMES
from tests.unit.report.sample import write_pair, write_plan, write_same

PLAN = [
    (1, "echo", "other", "Other", 1, 1, 1, 10, 1),
    (1, "echo", "other", "Other", 1, 2, 1, 10, 2),
    (2, "echo", "other", "Other", 1, 1, 1, 10, 3),
    (2, "echo", "other", "Other", 1, 2, 1, 10, 4),
    (1, "echo", layout.SAME, layout.SAME_LABEL, 1, 0, 1, 10, 5),
    (2, "echo", layout.SAME, layout.SAME_LABEL, 1, 0, 1, 10, 6),
]
STAGES = "request,stage,at_ns\n" + "".join(
    f"{number},got,{at_ns}\n" for number, at_ns in enumerate([2000000, 11000000] * 5)
)


def made(folder: Path, rounds: tuple[int, ...]) -> Path:
    """Return a results folder that has these rounds of the experiment."""
    folder.mkdir()
    for row in write_plan(folder, PLAN).itertuples():
        place: Any = row
        if place.round in rounds:
            own = pair_files.pair_folder(folder, place)
            if place.system == layout.SAME:
                write_same(own, place, 0.5, 0.5 + 0.01 * place.round)
            else:
                write_pair(own, place, 0.25 * place.round, {"chosen": 64}, STAGES)
    for number in rounds:
        cold = folder / layout.round_folder(number) / "echo" / "other" / layout.COLD_CSV
        cold.write_text(f"arm,batch_size,first_s,steady_s,calls\nbaseline,1,0.{number},0.1,3\n")
    (folder / layout.WALL_CSV).write_text(f"step,wall_s,timed_s\nround {rounds[-1]},{rounds[-1]},0.5\n")
    (folder / layout.EXPERIMENT_JSON).write_text("{}")
    return folder


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Return both rounds in one folder."""
    return made(tmp_path / "whole", (1, 2))


@pytest.fixture
def pieces(tmp_path: Path) -> Path:
    """Return the second round in a folder that has the first one published."""
    first, second = made(tmp_path / "first", (1,)), made(tmp_path / "second", (2,))
    published.write(results.read(first), first / layout.EXPERIMENT_JSON, second / layout.EARLIER)
    return second


def test_pieces_are_what_the_whole_is(whole: Path, pieces: Path):
    """Every table of them."""
    expected, found = results.read(whole), results.read(pieces)
    for name in ("plan", "baseline", "served", "calls", "direct_calls", "slices", "cold", "instrument", "same", "idle"):
        own, wanted = (getattr(each, name).reset_index(drop=True) for each in (found, expected))
        pd.testing.assert_frame_equal(own, wanted, check_dtype=False, check_exact=True)
    assert found.served["rule"].tolist() == [""] * 4
    assert found.wall["step"].tolist() == ["round 1", "round 2"]
    assert len(found.made_with) >= 2


def test_quantiles_of_pieces_are_within_half_a_percent(whole: Path, pieces: Path):
    """And the largest value, and how many there are, are exact."""
    for name in ("response_times", "stages"):
        wanted, found = getattr(results.read(whole), name), getattr(results.read(pieces), name)
        assert found["max"].tolist() == wanted["max"].tolist()
        assert found["requests"].tolist() == wanted["requests"].tolist() == [20] * len(wanted)
        for quantile in QUANTILES:
            assert found[quantile].isna().tolist() == wanted[quantile].isna().tolist()
            assert found[quantile].dropna().tolist() == pytest.approx(wanted[quantile].dropna().tolist(), rel=0.0051)


def test_what_was_published_without_histograms_has_no_quantiles_with_others(pieces: Path):
    """Nothing is invented; the largest value is known."""
    path = pieces / layout.EARLIER / "response_times.csv"
    pd.read_csv(path).assign(histogram="").to_csv(path, index=False)
    times = results.read(pieces).response_times
    assert times[["p50", "p99"]].isna().all(axis=None)
    assert times["max"].notna().all()


def test_a_pair_that_is_published_and_in_the_folder_counts_once(whole: Path):
    """A publication is taken over by the folder that it is of: it has all of them then."""
    once = results.read(whole)
    published.write(once, whole / layout.EXPERIMENT_JSON, whole / layout.EARLIER)
    twice = results.read(whole)
    assert twice.served[ROW].to_numpy().tolist() == once.served[ROW].to_numpy().tolist()
    pd.testing.assert_frame_equal(twice.response_times[TIMES], once.response_times[TIMES], check_dtype=False)
    for name in ("idle", "cold", "wall", "same", "calls"):
        assert len(getattr(twice, name)) == len(getattr(once, name))


def test_a_published_pair_that_broke_a_rule_is_the_folders_own(pieces: Path):
    """It is made again there."""
    path = pieces / layout.EARLIER / layout.SERVED_TABLE_CSV
    table = pd.read_csv(path)
    table.loc[table["concurrency"] == 2, "rule"] = "failures"
    table.to_csv(path, index=False)
    served = results.read(pieces).served
    assert served["rule"].tolist() == ["", "missing", "", ""]


def test_pieces_may_be_of_several_hosts(pieces: Path):
    """The difference is told, and need not be allowed; no other one may be there."""
    path = pieces / layout.EARLIER / layout.MADE_WITH_JSON
    made_with = json.loads(path.read_text())
    for each in made_with:
        each["conditions"]["machine"]["host"] = "another"
    path.write_text(json.dumps(made_with))
    assert results.read(pieces).pooled == ["machine.host"]
    for each in made_with:
        each["conditions"]["machine"]["cores"] = 64
    path.write_text(json.dumps(made_with))
    with pytest.raises(results.NoResults, match=r"machine\.cores"):
        results.read(pieces)


def test_a_histogram_keeps_values_within_half_a_percent():
    """Also those below its first bin, which a clock that is mapped may give."""
    values = pd.Series([0.5, 0.5, 12.34, 1000.0, -0.001])
    found = requests.from_histograms([requests.histogram(values)])
    assert found.tolist() == pytest.approx([0.001, 0.5, 0.5, 12.34, 1000.0], rel=0.0051)
    assert requests.from_histograms([]).empty
