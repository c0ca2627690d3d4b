"""A results folder as tables, from files that are written here as a bench would."""

import json
from pathlib import Path

import pandas as pd
import pytest

from servecost.core import layout
from servecost.report.read import pair_files, published, results
from servecost.report.read.tables import SERVED_COLUMNS, Asked, NoResults, Setting, fact_names
from tests.unit.report.sample import write_pair, write_plan, write_same

PLAN = [
    (1, "echo", "null", "null system", 1, 1, 1, 10, 1),
    (1, "echo", "other", "Other", 1, 1, 1, 10, 2),
    (1, "echo", "other", "Other", 1, 2, 1, 10, 3),
    (1, "echo", layout.SAME, layout.SAME_LABEL, 1, 0, 1, 10, 4),
]
STAGES = "".join(f"{number},got,{at_ns}\n" for number, at_ns in enumerate([2000000, 11000000] * 5))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a results folder of two systems; a pair of one is missing."""
    first, second, _, same = write_plan(tmp_path, PLAN).itertuples()
    write_pair(pair_files.pair_folder(tmp_path, first), first, 0.5, {"delay_ms": 5.0})
    write_pair(
        pair_files.pair_folder(tmp_path, second),
        second,
        0.25,
        {"chosen": 64, "rule": 1.0},
        f"request,stage,at_ns\n{STAGES}",
    )
    write_same(pair_files.pair_folder(tmp_path, same), same, 0.5, 0.51)
    (pair_files.part_folder(tmp_path, first) / layout.COLD_CSV).write_text(
        "arm,batch_size,first_s,steady_s,calls\nbaseline,1,0.5,0.1,3\n"
    )
    (tmp_path / layout.EXPERIMENT_JSON).write_text('{"rounds": 6, "precision": 0.03}')
    return tmp_path


def test_every_planned_run_has_a_row(folder: Path):
    """Both arms of it; a missing one says so, and has no number."""
    found = results.read(folder)
    assert found.served["total_s"].fillna(0).tolist() == [0.5, 0.25, 0]
    assert found.served["rule"].tolist() == ["", "", "missing"]
    assert found.served["mean_in_flight"].fillna(0).tolist() == [0.9, 0.9, 0]
    assert found.baseline["total_s"].fillna(0).tolist() == [0.25, 0.125, 0]
    assert found.baseline["rule"].tolist() == ["", "", "missing"]
    assert found.instrument["request_s"].isna().all()


def test_the_baseline_with_itself_is_a_table_of_its_own(folder: Path):
    """It is no system, and in no other table."""
    found = results.read(folder)
    assert layout.SAME not in {*found.plan["system"], *found.served["system"]}
    assert (found.same["total_s"].tolist(), found.same["again_s"].tolist()) == ([0.5], [0.51])
    assert found.same["rule"].tolist() == [""]


def test_what_pairs_and_parts_keep_besides_is_read(folder: Path):
    """Slices and rests of pairs, and what processes paid at first."""
    found = results.read(folder)
    assert found.slices["baseline_slices"].tolist() == [2, 2]
    assert found.idle["arm"].tolist() == ["baseline", "served"] * 2
    assert found.cold[["system", "arm", "first_s"]].to_numpy().tolist() == [["null", "baseline", 0.5]]


def test_what_the_experiment_asks_of_its_intervals_is_read(folder: Path):
    """Its precision; without the file, nothing."""
    assert results.read(folder).asked == Asked(0.03)
    (folder / layout.EXPERIMENT_JSON).unlink()
    assert results.read(folder).asked == Asked()


def test_what_the_experiment_fixed_is_read(folder: Path):
    """Settings of a system, with all recipes or with one."""
    content = {"system": {"s": {"A": "1"}}, "recipe": {"echo": {"examples": 5, "system": {"s": {"A": "2"}}}, "x": {}}}
    (folder / layout.EXPERIMENT_JSON).write_text(json.dumps(content))
    assert results.read(folder).asked.settings == (Setting("s", "", "A", "1"), Setting("s", "echo", "A", "2"))


def test_published_runs_that_were_allowed_to_differ_are_read_again(folder: Path, tmp_path: Path):
    """Whoever reads them is told, and need not allow it once more."""
    path = folder / "round-1" / "echo" / "null" / "b1-c1" / layout.MANIFEST_JSON
    content = json.loads(path.read_text())
    content["conditions"]["machine"]["host"] = "another"
    path.write_text(json.dumps(content))
    with pytest.raises(NoResults, match=r"machine\.host"):
        results.read(folder)
    target = tmp_path / "published"
    published.write(results.read(folder, ["machine.host"]), folder / layout.EXPERIMENT_JSON, target)
    assert results.read(target).pooled == ["machine.host"]


def test_what_a_system_chose_is_a_column_of_the_served_runs(folder: Path):
    """Whatever the system calls it, unless the name is taken; empty for systems that chose nothing of the kind."""
    served = results.read(folder).served
    assert fact_names(served) == ["delay_ms", "chosen"]
    assert served["chosen"].fillna(0).tolist() == [0, 64, 0]
    assert [name for name in served.columns if name in SERVED_COLUMNS] == SERVED_COLUMNS
    assert list(served.columns[-11:]) == SERVED_COLUMNS[-11:]
    assert served["memory_free_least_gib"].fillna(0).tolist() == [2.5, 2.5, 0]


def test_stages_are_those_of_each_system(folder: Path):
    """A system without records has no rows."""
    stages = results.read(folder).stages
    assert stages[["system", "stage"]].to_numpy().tolist() == [["other", "sent → got"], ["other", "got → arrived"]]
    assert stages[["p50", "max", "requests"]].to_numpy().tolist() == [[1, 2, 10], [3, 9, 10]]
    assert stages["p90"].isna().all()


def test_response_times_are_of_all_requests_of_a_cell(folder: Path):
    """Each system has its own."""
    times = results.read(folder).response_times
    assert times[["system", "p50", "max", "requests"]].to_numpy().tolist() == [
        ["null", 4, 11, 10],
        ["other", 4, 11, 10],
    ]


def test_a_damaged_run_is_invalid_and_has_no_number(folder: Path):
    """Its files are not as they were written."""
    stats = folder / "round-1" / "echo" / "other" / "b1-c1" / layout.LOCUST_STATS_CSV
    stats.write_text(stats.read_text().replace("250.0", "25.0"))
    served = results.read(folder).served
    assert served["rule"].tolist() == ["", "files", "missing"]
    assert served["total_s"].isna().tolist() == [False, True, True]


@pytest.mark.parametrize("name", sorted({*layout.REQUIRED_PAIR_FILES, layout.MANIFEST_JSON}))
def test_a_pair_with_a_file_that_was_cut_short_is_invalid(folder: Path, name: str):
    """Whichever file; the other pairs are read."""
    path = folder / "round-1" / "echo" / "other" / "b1-c1" / name
    content = path.read_bytes()
    path.write_bytes(content[: -(len(content) // 3)])
    served = results.read(folder).served
    assert served["rule"].tolist() == ["", "files", "missing"]
    assert str(path) in served["reason"].tolist()[1]


def test_published_tables_are_read_as_they_were_written(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    """Facts, stages and stacks of both systems included."""
    target = tmp_path_factory.mktemp("published") / "results"
    found = results.read(folder)
    published.write(found, folder / layout.EXPERIMENT_JSON, target)
    again = results.read(target)
    for name in published.TABLES:
        pd.testing.assert_frame_equal(getattr(found, name), getattr(again, name), check_dtype=False)
    assert again.asked == found.asked
    stacks = [(stack.recipe, stack.system) for each in again.made_with for stack in each.stacks()]
    assert sorted(stacks) == [("echo", "null"), ("echo", "other")]


def test_a_folder_without_a_plan_is_no_results_folder(tmp_path: Path):
    """The message says how to make one."""
    with pytest.raises(NoResults, match=r"no results folder .* servecost run"):
        results.read(tmp_path)
    (tmp_path / layout.PLAN_CSV).write_text("round,recipe\n1,echo\n")
    with pytest.raises(NoResults, match="not those of a plan"):
        results.read(tmp_path)


def test_a_name_is_a_word_though_it_looks_like_a_number(tmp_path: Path):
    """007 and 7 are two recipes."""
    rows = [(1, name, "other", "Other", 1, 1, 1, 10, order) for order, name in enumerate(("007", "7"), start=1)]
    for row in write_plan(tmp_path, rows).itertuples():
        write_pair(pair_files.pair_folder(tmp_path, row), row, 0.5, {})
    found = results.read(tmp_path)
    assert found.served["recipe"].tolist() == ["007", "7"]
    assert found.served["rule"].tolist() == ["", ""]
    published.write(found, tmp_path / layout.PLAN_CSV, tmp_path / "published")
    assert results.read(tmp_path / "published").baseline["recipe"].tolist() == ["007", "7"]
