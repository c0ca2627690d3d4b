"""A results folder with files that were cut short, or of two machines: what is said of it, and what is made anew."""

import json
import re
from pathlib import Path

import pytest

from servecost.core import layout
from tests.end_to_end.faulty import Case
from tests.faults import fault
from tests.support import Command

pytestmark = [pytest.mark.usefixtures("no_orphans"), pytest.mark.xdist_group("damage")]


@pytest.fixture(scope="module")
def finished(invoke: Command, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """An experiment that is done."""
    case = Case(tmp_path_factory.mktemp("finished"), invoke)
    done = case.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return case


@fault("Files of pairs are cut short", "bytes are taken from the end of a file", "INVALID(files)")
def test_files_that_were_cut_short_in_a_results_folder(invoke: Command, finished: Case):
    """The report says which, and the next run makes that pair anew, mends what all pairs share, and leaves the rest."""
    damaged, whole = finished.cells
    path = finished.part / damaged / layout.LOCUST_REQUESTS_CSV
    before = (finished.part / whole / layout.LOCUST_RUN_JSON).stat().st_mtime_ns
    cut(path)
    told = invoke("report", finished.out)
    assert told.returncode == 1
    assert "**1 of 2 rows are not valid:**" in told.stdout
    assert told.stdout.count("INVALID(files): ") == 1
    assert str(path) in told.stdout
    for shared in ("plan.csv", "round-1/faulty/fastdeploy/cold.csv"):
        cut(finished.out / shared)
        assert "Traceback" not in invoke("report", finished.out).stderr
    finished.assert_goes_on_as_if_nothing_had_been()
    assert (finished.part / whole / layout.LOCUST_RUN_JSON).stat().st_mtime_ns == before


def cut(path: Path) -> None:
    """Take a third of a file from its end."""
    content = path.read_bytes()
    path.write_bytes(content[: -(len(content) // 3)])


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
