"""A results folder with files that were cut short, or of two machines: what is said of it, and what is made anew."""

import json
import re
from pathlib import Path

import pytest

from servecost.core import layout
from tests.end_to_end.faulty import Case
from tests.faults import fault
from tests.support import Command

pytestmark = pytest.mark.usefixtures("no_orphans")

CUT_SHORT = (
    "baseline.csv",
    "slices.csv",
    "locust_stats.csv",
    "locust_requests.csv",
    "locust_ledger.csv",
    "calls.csv",
    "manifest.json",
)


@pytest.fixture(scope="module")
def finished(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """An experiment that is done, with a run for each file that is to be cut short, and one more."""
    case = Case(tmp_path_factory.mktemp("finished"), command, users=range(1, len(CUT_SHORT) + 2))
    done = case.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return case


@fault("Files of pairs are cut short", "bytes are taken from the end of each kind of file", "INVALID(files)")
def test_files_that_were_cut_short_in_a_results_folder(invoke: Command, finished: Case):
    """The report says which, and the next run makes those runs anew, and no other."""
    *damaged, whole = finished.cells
    paths = [finished.part / cell / name for cell, name in zip(damaged, CUT_SHORT, strict=True)]
    before = (finished.part / whole / "locust_run.json").stat().st_mtime_ns
    for path in paths:
        cut(path, len(path.read_bytes()) // 3)
    told = invoke("report", finished.out)
    assert told.returncode == 1
    assert f"**{len(paths)} of {len(paths) + 1} rows are not valid:**" in told.stdout
    assert told.stdout.count("INVALID(files): ") == len(paths)
    assert all(str(path) in told.stdout for path in paths)
    assert "Traceback" not in told.stderr
    finished.assert_goes_on_as_if_nothing_had_been()
    assert (finished.part / whole / "locust_run.json").stat().st_mtime_ns == before


def cut(path: Path, count: int) -> None:
    """Take so many bytes from the end of a file."""
    path.write_bytes(path.read_bytes()[:-count])


@pytest.mark.parametrize("name", ["plan.csv", "round-1/faulty/fastdeploy/cold.csv"])
def test_a_shared_file_that_was_cut_short(invoke: Command, finished: Case, name: str):
    """One line or a verdict, and the next run mends it."""
    cut(finished.out / name, 4)
    told = invoke("report", finished.out)
    assert "Traceback" not in told.stderr
    finished.assert_goes_on_as_if_nothing_had_been()


@fault("Results of two machines in one folder", "one pair's manifest names another host", "refused, exit code 2")
def test_results_of_two_machines_are_not_pooled(invoke: Command, finished: Case):
    """The line names the field and both values; whoever overrides the check gets a table that says so."""
    path = finished.part / "b1-c4" / layout.MANIFEST_JSON
    text = path.read_text()
    content = json.loads(text)
    own = content["conditions"]["machine"]["host"]
    content["conditions"]["machine"]["host"] = "another"
    path.write_text(json.dumps(content))
    try:
        for arguments in (["report", finished.out], ["run", finished.toml, "--out", finished.out]):
            told = invoke(*arguments)
            assert told.returncode == 2, told.stdout + told.stderr
            (line,) = told.stderr.splitlines()
            assert line.startswith("error: ")
            (values,) = re.findall(r"machine\.host \((.*?)\)", line)
            assert {own, "another"} == set(values.split(" / "))
            assert "--allow-different" in line
        overridden = invoke("report", finished.out, "--allow-different", "machine.host")
        assert overridden.returncode == 0, overridden.stderr
        assert "**Merged although these differ**: machine.host." in overridden.stdout
    finally:
        path.write_text(text)
