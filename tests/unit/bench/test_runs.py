"""A run says what it makes, what it is called, and where its files go."""

from pathlib import Path

from servecost.bench.runs import Kind
from servecost.core import layout
from tests.unit.bench.fakes import planned


def test_every_run_has_a_label_of_its_own(tmp_path: Path):
    """The display and the list of failures tell runs apart by their labels."""
    parts = planned(tmp_path, recipes=["echo", "deepsegment_en"])
    runs = [run for part in parts for run in [*part.runs, part.calls_run]]
    assert len({run.label for run in runs if "separate calls" not in run.label}) == len(runs) - len(parts)
    assert "round 1, echo baseline, batch size 8" in {run.label for run in runs}


def test_every_served_run_has_a_place_of_its_own(tmp_path: Path):
    """The files of baseline runs and of separate calls are the part's."""
    part = planned(tmp_path)[0]
    assert len({run.place for run in part.served}) == len(part.served) == 4
    assert {run.place for run in part.runs if run.kind is Kind.BASELINE} == {part.folder}
    assert (part.calls_run.place, part.calls_run.kind) == (part.folder, Kind.CALLS)


def test_a_part_says_where_the_direct_arms_files_are(tmp_path: Path):
    """The report finds them there."""
    part = planned(tmp_path)[0]
    assert part.baseline_csv == part.folder / layout.BASELINE_CSV
    assert part.direct_calls_csv == part.folder / layout.DIRECT_CALLS_CSV


def test_a_part_without_baseline_runs_has_no_examples_of_them(tmp_path: Path):
    """The instrument's own part is one."""
    compared, instrument = planned(tmp_path)[:2]
    assert (compared.examples, instrument.examples) == (60, 0)
