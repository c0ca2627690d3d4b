"""The report: from a results folder alone, by the notebook that is committed."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from conftest import Command

from analysis import attribution, overhead, readme, report, results
from contract.recipe import ROOT

PUBLISHED = ROOT / "docs" / "results" / "quick"
NOTEBOOK = ROOT / "analysis" / "overhead.ipynb"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the published results, which are a results folder like any other."""
    return Path(shutil.copytree(PUBLISHED, tmp_path / "results"))


def test_the_published_results_have_every_planned_run(folder: Path):
    """Both models, the batch sizes and concurrencies of the default experiment, nothing missing."""
    found = results.read(folder)
    assert set(found.plan["recipe"]) == {"deepsegment_en", "efficientnet_b2"}
    assert {1, 8, 64} <= set(found.plan["batch_size"])
    assert {1, 8} <= set(found.plan["concurrency"])
    assert len(found.served) == len(found.plan)
    assert len(found.baseline) == len(found.plan[["round", "recipe", "batch_size"]].drop_duplicates())


def test_the_notebook_is_executed_and_written_as_a_page(command: Command, folder: Path):
    """The table in three forms, the plots, and a page without code, from `python -m bench report`."""
    done = command("-m", "bench", "report", folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    table = (folder / "table.md").read_text()
    assert table.splitlines()[0].split(" | ")[0].strip("| ") == "Recipe"
    assert table.strip() in done.stdout
    assert "**Scaled**" in table
    html = (folder / "report.html").read_text()
    assert len(re.findall(r"<img[^>]+data:image/png;base64", html)) == 3
    assert "import pandas" not in html
    for line in (
        "Req Concurrency",
        "deepsegment_en",
        "efficientnet_b2",
        "Overhead of one request, in ms",
        "received → fetched",
        "p99",
    ):
        assert line in html
    for name in ("served-against-baseline", "overhead-per-request", "where-the-seconds-go"):
        assert (folder / f"fastdeploy-{name}.png").stat().st_size > 10_000


def test_a_missing_run_prints_as_missing_on_the_page_too(command: Command, folder: Path):
    """One is taken away."""
    shutil.rmtree(folder / "round-1" / "deepsegment_en" / "fastdeploy" / "b8-c1")
    done = command("-m", "bench", "report", folder)
    assert done.returncode == 1, done.stderr
    assert "- deepsegment_en, 8 × 1: INVALID(missing): round 1: it has not been made yet. Remedy: " in done.stdout
    (line,) = (line for line in done.stdout.splitlines() if re.match(r"\| deepsegment_en +\| +8 .*\| +1 \|", line))
    assert [cell.strip() for cell in line.split("|")[5:7]] == ["missing", "missing"]
    assert "missing" in (folder / "report.html").read_text()


def test_the_committed_notebook_has_the_outputs_of_the_published_results():
    """Executed in order, without errors, and up to date."""
    committed = nbformat.read(NOTEBOOK, as_version=4)
    cells = [cell for cell in committed.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = [output.output_type for cell in cells for output in cell.outputs]
    assert "error" not in kinds
    assert kinds.count("display_data") >= 5
    fresh = [cell for cell in report.executed(PUBLISHED).cells if cell.cell_type == "code"]
    for before, after in zip(cells, fresh, strict=True):
        assert texts(before) == texts(after)


def texts(cell: nbformat.NotebookNode) -> list[str]:
    """Return the textual outputs of a cell: tables and captions."""
    found = [output.get("data", {}) for output in cell.outputs]
    return [data[kind] for data in found for kind in ("text/markdown", "text/html") if kind in data]


def test_a_compact_copy_is_a_results_folder_with_the_same_report(folder: Path, tmp_path: Path):
    """Logs and half-made runs are left behind; the numbers are not."""
    half = folder / "round-1" / "deepsegment_en" / "fastdeploy" / "b8-c1.unfinished"
    half.mkdir()
    for path in (folder / "loop.log", half / "locust_stats.csv"):
        path.write_text("")
    readme.copy(folder, tmp_path / "copy")
    kept = {path.relative_to(PUBLISHED) for path in PUBLISHED.rglob("*") if path.is_file()}
    assert {path.relative_to(tmp_path / "copy") for path in (tmp_path / "copy").rglob("*") if path.is_file()} == kept


def test_the_parts_of_every_published_overhead_sum_to_it_exactly():
    """An identity, on real runs; and each row has the instrument's share and every part."""
    paired = overhead.pairs(results.read(PUBLISHED))
    assert paired[[*attribution.PARTS, "instrument_s"]].notna().all(axis=None)
    assert (paired["overhead_s"] - paired[attribution.PARTS].sum(axis=1)).abs().max() < 1e-9
    stages = overhead.stages(paired)
    assert set(stages["stage"]) == set(attribution.STAGES)


def test_the_notebook_is_thin():
    """What there is to get wrong is in the modules beside it, and tested."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert len(code.splitlines()) < 40
    assert "def " not in code
