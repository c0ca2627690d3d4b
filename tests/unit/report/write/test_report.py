"""The report's files: the tables first, and pictures that look the same whoever draws them."""

import json
import re
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest

from servecost.report.computed import Computed
from servecost.report.read import published
from servecost.report.write import plots, report
from servecost.report.write.notebook import NOTEBOOK
from servecost.report.write.pictures import Picture
from servecost.report.write.sections import SECTIONS
from tests.unit.report.sample import results


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a results folder, of published tables."""
    (tmp_path / "experiment.json").write_text("{}")
    published.write(results(), tmp_path / "experiment.json", tmp_path / "results")
    return tmp_path / "results"


def test_a_report_is_one_page_with_every_section_and_its_pictures(folder: Path):
    """Tables are tables in it, and each picture has a text in its place."""
    written = report.write(folder)
    page = written.html.read_text(encoding="utf-8")
    assert re.findall(r"<h2>(.*?)</h2>", page) == [section.title for section in SECTIONS]
    assert len(re.findall(r'<img alt="[^"]+" width="\d+" src="data:image/png;base64,', page)) == 3
    assert "<th" in page
    assert "| Recipe" not in page
    assert (folder / "table.md").read_text(encoding="utf-8") == written.table
    assert len(pd.read_csv(folder / "table.csv")) == 2
    assert not written.problems


def test_the_notebook_shows_the_same_sections_in_the_same_order():
    """A cell for each."""
    cells = ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]]
    assert [title for cell in cells for title in re.findall(r'^show\("(.*?)"', cell)] == [
        section.title for section in SECTIONS
    ]


def test_the_notebook_was_executed_with_the_sections_as_they_are():
    """`servecost publish docs/results/page` executes it anew."""
    shown = [
        "".join(output["data"]["text/markdown"])
        for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
        for output in cell.get("outputs", [])
        if "text/markdown" in output["data"]
    ]
    assert [text for text in shown if text.startswith("## ")] == [
        f"## {section.title}\n\n{section.text}" for section in SECTIONS
    ]


def test_a_picture_that_cannot_be_drawn_costs_itself_alone(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The tables, the other pictures and the page are there, and a line says which is not."""

    def broken(_: pd.DataFrame) -> None:
        raise RuntimeError("no\nfonts <here>")

    monkeypatch.setattr(plots, "overhead_per_request", broken)
    written = report.write(folder)
    (problem,) = written.problems
    assert problem == "fastdeploy-overhead-per-request.png could not be drawn: RuntimeError: no\\nfonts <here>"
    assert r"no\nfonts &lt;here&gt;" in written.html.read_text(encoding="utf-8")
    assert {path.name for path in folder.glob("*.png")} == {
        "fastdeploy-served-against-baseline.png",
        "fastdeploy-where-the-seconds-go.png",
    }
    assert (folder / "table.csv").is_file()


def test_s08_a_matplotlibrc_decides_nothing():
    """Not even one that asks for programs that are not there."""
    picture = Picture("name", "title", plots.overhead_per_request, Computed(results()).summary)
    with mpl.rc_context({"text.usetex": True, "figure.facecolor": "red", "savefig.dpi": 30}):
        own = picture.draw()
    assert own == picture.draw()


def test_a_table_is_written_before_any_picture(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """A process that is ended while it draws leaves the table."""

    def interrupted(_: Picture) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Picture, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        report.write(folder)
    assert (folder / "table.md").is_file()
    assert (folder / "table.csv").is_file()
