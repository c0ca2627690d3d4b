"""The report: from a results folder alone; the notebook that shows the same; and what is published of results."""

import re
import shutil
from dataclasses import fields
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from servecost.core.layout import EXPERIMENT_JSON
from servecost.core.recipe import ROOT
from servecost.report import overhead
from servecost.report.read import published, results
from servecost.report.write import publish
from tests import recompute
from tests.support import Command

PUBLISHED = ROOT / "docs" / "results" / "page"
NOTEBOOK = ROOT / "analysis" / "overhead.ipynb"


@pytest.fixture
def folder(measured: Path, tmp_path: Path) -> Path:
    """Return a copy of a results folder, to be written to."""
    return Path(shutil.copytree(measured, tmp_path / "results"))


def test_the_published_results_have_every_planned_run():
    """Both models, seven batch sizes, three concurrencies, three rounds, a thousand examples at least; none missing."""
    found = results.read(PUBLISHED)
    assert set(found.plan["recipe"]) == {"deepsegment_en", "efficientnet_b2"}
    assert set(found.plan["batch_size"]) == {1, 8, 32, 64, 128, 256, 512}
    assert set(found.plan["concurrency"]) == {1, 8, 32}
    assert len(found.served) == len(found.plan) == 2 * 7 * 3 * 3
    assert found.plan["examples"].min() >= 1000
    assert (found.plan.loc[found.plan["recipe"] == "deepsegment_en", "examples"] >= 10_000).all()
    assert len(found.baseline) == len(found.plan)
    assert not {"missing"} & {*found.served["rule"], *found.baseline["rule"]}


def test_a_report_has_the_table_in_three_forms_and_the_plots(command: Command, folder: Path):
    """From `servecost report`; the page needs no other file, and all are UTF-8 where nothing else is (S15)."""
    done = command("-m", "servecost", "report", folder, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    table = (folder / "table.md").read_text(encoding="utf-8")
    assert table.splitlines()[0].split(" | ")[0].strip("| ") == "Recipe"
    assert table.strip() in done.stdout
    assert "**Scaled**" in table
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<img[^>]+data:image/png;base64", html)) == 3
    for line in ("Req Concurrency", "echo", "Overhead of one request, in ms", "received → fetched", "p99"):
        assert line in html
    for name in ("served-against-baseline", "overhead-per-request", "where-the-seconds-go"):
        assert (folder / f"fastdeploy-{name}.png").stat().st_size > 10_000


def test_the_table_is_what_the_raw_files_say(measured: Path):
    """Every second, part and interval, reckoned anew by a script that shares no code with the report."""
    assert recompute.difference(measured) < 1e-9


def test_a_missing_run_prints_as_missing_on_the_page_too(invoke: Command, folder: Path):
    """One is taken away in each round."""
    for run in folder.glob("round-*/echo/fastdeploy/b1-c4"):
        shutil.rmtree(run)
    done = invoke("report", folder)
    assert done.returncode == 1, done.stderr
    assert "- echo, 1 × 4: INVALID(missing): round 1: it has not been made yet. Remedy: " in done.stdout
    (line,) = (line for line in done.stdout.splitlines() if re.match(r"\| echo +\| +1 \|.*\| +4 \|", line))
    assert [cell.strip() for cell in line.split("|")[5:7]] == ["missing", "missing"]
    assert "missing" in (folder / "report.html").read_text()


def test_the_page_is_rebuilt_from_the_repository_alone(tmp_path: Path):
    """From the published tables: the page, the README's answer, the pictures, the notebook's outputs, as they are."""
    for path in (publish.PAGE, publish.NOTEBOOK, *publish.PICTURES):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    own = Path(shutil.copytree(PUBLISHED, tmp_path / PUBLISHED.relative_to(ROOT)))
    shutil.copyfile(ROOT / "README.md", tmp_path / "README.md")
    publish.publish(own, tmp_path)
    for path in (publish.PAGE, Path("README.md")):
        assert (tmp_path / path).read_text() == (ROOT / path).read_text()
    for path in publish.PICTURES:
        assert (tmp_path / path).stat().st_size == pytest.approx((ROOT / path).stat().st_size, rel=0.1)
    for path in PUBLISHED.iterdir():
        assert (own / path.name).read_text() == path.read_text()
    for before, after in zip(outputs(NOTEBOOK), outputs(tmp_path / publish.NOTEBOOK), strict=True):
        assert before == after


def outputs(path: Path) -> list[list[str]]:
    """Return the textual outputs of a notebook's cells, tables and captions; it was executed in order, and well."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = [output.output_type for cell in cells for output in cell.outputs]
    assert "error" not in kinds
    assert kinds.count("display_data") >= 5
    return [texts(cell) for cell in cells]


def texts(cell: nbformat.NotebookNode) -> list[str]:
    found = [output.get("data", {}) for output in cell.outputs]
    return [data[kind] for data in found for kind in ("text/markdown", "text/html") if kind in data]


def test_published_tables_say_what_the_runs_files_say(folder: Path, tmp_path: Path):
    """Every number, though the requests' own files are left behind; and they are read as any results are."""
    found = results.read(folder)
    published.write(found, folder / EXPERIMENT_JSON, tmp_path / "published")
    again = results.read(tmp_path / "published")
    for table in (field.name for field in fields(found) if field.type is pd.DataFrame):
        pd.testing.assert_frame_equal(getattr(found, table), getattr(again, table), check_dtype=False)
    pd.testing.assert_frame_equal(overhead.pairs(found), overhead.pairs(again), check_dtype=False)
    alike = {str(each.conditions) for each in found.made_with}
    assert {str(each.conditions) for each in again.made_with} == alike
    assert len(again.made_with) == len(alike)
    assert {path.suffix for path in (tmp_path / "published").iterdir()} == {".csv", ".json"}


def test_results_of_several_systems_make_the_page_of_systems(folder: Path, tmp_path: Path):
    """Each cell has a table with a row for each system; what is not there is said, and the README is left alone."""
    plan = pd.read_csv(folder / "plan.csv")
    cells = plan[plan["concurrency"] > 0]  # and not of the baseline with itself
    pd.concat([plan, cells.assign(system="null", system_label="null system")]).to_csv(folder / "plan.csv", index=False)
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("as it was")
    publish.publish(folder, tmp_path)
    page = (tmp_path / "docs" / "systems.md").read_text()
    assert page.count("### Batch size ") == len(cells.drop_duplicates(["batch_size", "concurrency"]))
    assert "- null system: INVALID(missing)" in page
    assert "$" not in page.replace("$ make", "").replace("$ .venv", "").replace("$ cat", "")
    for target in re.findall(r"\]\(([^)#:]+)[^)]*\)", page):
        assert (tmp_path / "docs" / target).exists() or (ROOT / "docs" / target).exists(), target
    assert (tmp_path / "README.md").read_text() == "as it was"
    assert (tmp_path / "docs" / "results" / folder.name / "absent.csv").exists()


def test_the_notebook_is_thin():
    """What there is to get wrong is in the modules beside it, and tested."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert len(code.splitlines()) < 40
    assert "def " not in code
