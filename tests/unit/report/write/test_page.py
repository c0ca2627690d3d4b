"""The published page: every number in its prose is computed, and what cannot be said is not said."""

import re

import pytest

from servecost.core.recipe import ROOT
from servecost.report import overhead
from servecost.report.computed import Computed
from servecost.report.write import free_choice, page, publish
from tests.unit.report.sample import results as sample

PAGE = (ROOT / "docs" / "benchmarks.md").read_text()
SAMPLE = Computed(sample())


def test_results_without_attribution_make_a_page_all_the_same():
    """A system may log no calls."""
    text = page.page(SAMPLE, "sample")
    assert "| echo" in text
    assert ": **slower**, " in text
    assert "nan" not in text


def test_the_page_has_the_structure_of_the_page_that_it_finishes():
    """The process with its definitions, the scripts, the results: a table of six columns, one of details, findings."""
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert headings == ["Benchmarking process", "Benchmarking scripts", "Benchmarking results"]
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| what")]
    header, details = (" ".join(line.split()) for line in rows if line.startswith("| Recipe "))
    assert header == "| Recipe | Batch Size | Baseline | Req Concurrency | fastDeploy | Overhead |"
    for column in ("Served is", "Call pattern", "Contention", "Serving path", "Instrument", "Inputs per Call"):
        assert f" {column} |" in details
    for name in ("deepsegment_en", "efficientnet_b2"):
        cells = {tuple(line.split("|")[2:5:2]) for line in rows if line.startswith(f"| {name}")}
        assert len({(size.strip(), users.strip()) for size, users in cells if users.strip() in {"1", "8", "32"}}) == 21
    for part in ("Machine: ", "tensorflow 1.14.0", "torch ", "Measured on ", "at commit ", "servecost run"):
        assert part in PAGE
    assert not re.search(r"at commit .*changes", PAGE)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", PAGE))))
def test_what_the_page_links_to_is_there(target: str):
    """Pictures, scripts, results."""
    assert (ROOT / "docs" / target).exists()


def test_the_page_is_made_of_the_published_results(published: Computed):
    """It is generated, never written by hand."""
    assert page.page(published, "page", list(publish.beside(ROOT, ROOT / publish.RESULTS / "page"))) == PAGE


def test_the_pages_overheads_are_those_of_the_published_results(published: Computed):
    """As the summary has them."""
    summary = published.summary
    assert len(summary[overhead.CELL].drop_duplicates()) == 42
    assert set(summary["rule"]) <= {"", "withdrawn", "missing"}  # as long as it is made in pieces


def test_a_withdrawn_cell_has_its_reason_and_no_number(published: Computed):
    """From one list beside the published results: in the tables, under them, and in no finding."""
    found, summary = published.found, published.summary
    withdrawn = summary[summary["rule"] == "withdrawn"]
    listed = set(found.withdrawn[["recipe", "batch_size"]].itertuples(index=False, name=None))
    assert set(withdrawn[["recipe", "batch_size"]].itertuples(index=False, name=None)) == listed
    assert withdrawn[[name for name in overhead.NUMBERS if name in summary]].isna().all(axis=None)
    readme = (ROOT / "README.md").read_text()
    for recipe, size in listed:
        rows = re.findall(rf"^\| {recipe}[^|]*\| +{size} \|(.*)", readme + PAGE, re.MULTILINE)
        assert len(rows) >= 1 + 2 * 3
        assert not any(re.search(r"[−+]\d", row) for row in rows)
        assert all("withdrawn" in row for row in rows)
    assert [PAGE.count(reason) for reason in found.withdrawn["reason"].unique()] in ([], [1])
    claims = PAGE[PAGE.index("### What the numbers show") : PAGE.index("### Memory")]
    assert not re.search(r"efficientnet_b2, (64|128|256|512) ×", claims)


def test_the_page_says_nothing_of_an_undecided_cell(published: Computed):
    """It has its interval in the tables, and is in no sentence; their number is under the table."""
    summary = published.summary
    undecided = summary[summary["claim"] == "undecided"]
    assert f"{len(undecided)} **undecided**" in PAGE
    claims = PAGE[PAGE.index("### What the numbers show") : PAGE.index("### Memory")]
    assert claims.count("\n- ") == (summary["claim"] != "").sum() - len(undecided)
    for row in undecided.itertuples():
        assert f"- {row.label}, {row.batch_size} × {row.concurrency}:" not in claims


def test_a_page_of_pairs_says_what_else_they_take():
    """CPU, memory, starts, first calls; and that the arms take turns."""
    text = page.page(SAMPLE, "sample")
    assert "take turns" in text
    assert "First call direct, s" in text


def test_a_page_has_a_section_on_the_choice_if_there_are_results_of_one():
    """Between the numbers and what they show."""
    text = page.page(SAMPLE, "sample", [free_choice.section(Computed(sample(choices=(64, 32))))])
    titles = ["### What else it takes", free_choice.TITLE, "### What the numbers show"]
    assert sorted(titles, key=text.index) == titles
    assert free_choice.TITLE not in page.page(SAMPLE, "sample")
