"""A run says what it times, what it is called, and where its files go."""

from pathlib import Path

import pytest

from servecost.bench.runs import Kind
from servecost.core import layout
from tests.unit.bench.fakes import of_kind, planned


def test_every_run_has_a_label_and_a_place_of_its_own(tmp_path: Path):
    """The display and the list of failures tell runs apart by their labels."""
    parts = planned(tmp_path, recipes=["echo", "deepsegment_en"])
    runs = [run for part in parts for run in part.runs]
    assert len({run.label for run in runs}) == len({run.place for run in runs}) == len(runs)
    labels = {run.label for run in runs}
    assert "round 1, echo fastdeploy, batch size 8 × 4 users" in labels
    assert "round 2, echo baseline against itself, batch size 8" in labels
    assert "instrument, echo null+fastdeploy, batch size 8 × 4 users" in labels


def test_a_parts_runs_are_below_its_folder(tmp_path: Path):
    """A whole part can be removed."""
    for part in planned(tmp_path):
        assert {run.place.parent for run in part.runs} == {part.folder}


def test_a_part_knows_which_batch_comes_first(tmp_path: Path):
    """The largest, untimed."""
    pair, same, load = (of_kind(planned(tmp_path), kind)[0] for kind in Kind)
    assert (pair.first_batch_size, same.first_batch_size, load.first_batch_size) == (8, 8, 8)


@pytest.mark.parametrize(
    ("kind", "has_baseline", "has_load"),
    [(Kind.PAIR, True, True), (Kind.SAME, True, False), (Kind.LOAD, False, True)],
)
def test_a_run_needs_the_files_of_the_arms_that_it_has(kind: Kind, has_baseline: bool, has_load: bool):
    """Without one of them, it is made again."""
    assert (layout.BASELINE_CSV in kind.required_files) is has_baseline
    assert (layout.LOCUST_RUN_JSON in kind.required_files) is has_load
    assert (layout.SLICES_CSV in kind.required_files) is has_baseline
    assert set(kind.required_files) <= set(layout.PAIR_FILES)
