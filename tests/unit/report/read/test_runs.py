"""A results folder as tables, from files that are written here as a bench would."""

from pathlib import Path

import pandas as pd
import pytest

from servecost.core import layout
from servecost.report.read import arms, published, results
from servecost.report.read.tables import SERVED_COLUMNS, NoResults, fact_names
from tests.unit.report.sample import write_plan, write_served_run

PLAN = [
    (1, "echo", "null", "null system", 1, 1, 2, 2, 2, 1),
    (1, "echo", "other", "Other", 1, 1, 2, 2, 4, 3),
    (1, "echo", "other", "Other", 1, 2, 2, 2, 5, 3),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a results folder of two systems; a run and a baseline are missing."""
    rows = list(write_plan(tmp_path, PLAN).itertuples())
    write_served_run(arms.cell_folder(tmp_path, rows[0]), rows[0], 0.5, {"delay_ms": 5.0})
    stages = "request,stage,at_ns\n0,got,2000000\n1,got,11000000\n"
    write_served_run(arms.cell_folder(tmp_path, rows[1]), rows[1], 0.25, {"chosen": 64, "rule": 1.0}, stages)
    (arms.part_folder(tmp_path, rows[0]) / layout.BASELINE_CSV).write_text(
        "recipe,batch_size,run,examples,total_s\necho,1,1,2,0.125\n"
    )
    return tmp_path


def test_every_planned_run_has_a_row(folder: Path):
    """A missing one says so, and has no number."""
    found = results.read(folder)
    assert found.served["total_s"].fillna(0).tolist() == [0.5, 0.25, 0]
    assert found.served["rule"].tolist() == ["", "", "missing"]
    assert found.baseline["total_s"].fillna(0).tolist() == [0.125, 0]
    assert found.baseline["rule"].tolist() == ["", "missing"]
    assert found.instrument["request_s"].isna().all()


def test_what_a_system_chose_is_a_column_of_the_served_runs(folder: Path):
    """Whatever the system calls it, unless the name is taken; empty for systems that chose nothing of the kind."""
    served = results.read(folder).served
    assert fact_names(served) == ["delay_ms", "chosen"]
    assert served["chosen"].fillna(0).tolist() == [0, 64, 0]
    assert [name for name in served.columns if name in SERVED_COLUMNS] == SERVED_COLUMNS
    assert list(served.columns[-5:]) == SERVED_COLUMNS[-5:]
    assert served["memory_free_least_gib"].fillna(0).tolist() == [2.5, 2.5, 0]


def test_stages_are_those_of_each_system(folder: Path):
    """A system without records has no rows."""
    stages = results.read(folder).stages
    assert stages[["system", "stage"]].to_numpy().tolist() == [["other", "sent → got"], ["other", "got → arrived"]]
    assert stages[["p50", "max", "requests"]].to_numpy().tolist() == [[1, 2, 2], [3, 9, 2]]


def test_response_times_are_of_all_requests_of_a_cell(folder: Path):
    """Each system has its own."""
    times = results.read(folder).response_times
    assert times[["system", "p50", "max", "requests"]].to_numpy().tolist() == [["null", 4, 11, 2], ["other", 4, 11, 2]]


def test_a_damaged_run_is_invalid_and_has_no_number(folder: Path):
    """Its files are not as they were written."""
    stats = folder / "round-1" / "echo" / "other" / "b1-c1" / layout.LOCUST_STATS_CSV
    stats.write_text(stats.read_text().replace("250.0", "25.0"))
    served = results.read(folder).served
    assert served["rule"].tolist() == ["", "files", "missing"]
    assert served["total_s"].isna().tolist() == [False, True, True]


def test_published_tables_are_read_as_they_were_written(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    """Facts, stages and stacks of both systems included."""
    (folder / layout.EXPERIMENT_JSON).write_text("{}")
    target = tmp_path_factory.mktemp("published") / "results"
    found = results.read(folder)
    published.write(found, folder / layout.EXPERIMENT_JSON, target)
    again = results.read(target)
    for name in published.TABLES:
        pd.testing.assert_frame_equal(getattr(found, name), getattr(again, name), check_dtype=False)
    stacks = [(stack.recipe, stack.system) for each in again.made_with for stack in each.stacks()]
    assert sorted(stacks) == [("echo", "null"), ("echo", "other")]


def test_a_folder_without_a_plan_is_no_results_folder(tmp_path: Path):
    """The message says how to make one."""
    with pytest.raises(NoResults, match=r"no results folder .* servecost run"):
        results.read(tmp_path)
    (tmp_path / layout.PLAN_CSV).write_text("round,recipe\n1,echo\n")
    with pytest.raises(NoResults, match="not those of a plan"):
        results.read(tmp_path)
