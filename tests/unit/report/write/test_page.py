"""The published page: every number in its prose is computed, and what cannot be said is not said."""

import re

import pandas as pd
import pytest

from servecost.core.recipe import ROOT
from servecost.report import overhead
from servecost.report.read import results as read
from servecost.report.write import page
from tests.unit.report.test_overhead import results as sample

PAGE = (ROOT / "docs" / "benchmarks.md").read_text()


def cells(*rows: tuple[int, int, float, float, float, float, float]) -> pd.DataFrame:
    """Return a summary of cells: batch size, concurrency, baseline, the three parts, inputs per call."""
    names = ["batch_size", "concurrency", "baseline_s", "call_pattern_s", "contention_s", "serving_path_s"]
    table = pd.DataFrame(rows, columns=[*names, "inputs_per_call"])
    table["overhead_s"] = table[["call_pattern_s", "contention_s", "serving_path_s"]].sum(axis=1)
    table["served_s"] = table["baseline_s"] + table["overhead_s"]
    table["ratio"] = table["served_s"] / table["baseline_s"]
    table["overhead_per_request_ms"] = 1000 * table["overhead_s"] / page.requests_of(table["batch_size"])
    return table.assign(recipe="echo", rule="", overhead_s_half_width=0.1)


SUMMARY = cells((1, 1, 20, 5, 5, 60, 1), (10, 1, 10, 1, 1, 7, 10), (100, 1, 9, 0, 0, 3, 100), (1, 8, 20, -15, 1, 4, 8))
CHOSEN = {"echo": "64"}


def test_a_fixed_cost_is_that_of_a_request_whatever_is_in_it():
    """6 ms a request of 1, 7 ms of 10, 30 ms of 100."""
    fixed, growth, *_ = page.findings(SUMMARY, CHOSEN)
    assert "a request of 1 takes 7.00 ms more than the direct call of as many; for 6.00 ms of it the predictor" in fixed
    assert "Up to batches of 10 that is 6.00 to 7.00 ms a request" in fixed
    assert "in requests of 1 pay it 10,000 times, in requests of 10 only 1,000 times" in fixed
    assert (
        "from 6.00 ms for a request of 1 to 30.0 ms for one of 100, that is 0.242 ms for each example in it" in growth
    )


def test_a_negative_overhead_is_explained_by_its_parts():
    """The cell, how many inputs were gathered, what that saved and what serving took again."""
    *_, negative, _ = page.findings(SUMMARY, CHOSEN)
    assert (
        "In 1 of 4 cells (batch size × concurrency: `echo` 1 × 8), in 1 of them by more than the interval." in negative
    )
    assert "with the batch size that it chose at its start (`echo`: 64)" in negative
    assert (
        "8.00 inputs a call; call pattern −15.0 s, contention +1.00 s and serving path +4.00 s leave −10.0 s"
        in negative
    )
    *_, none, _ = page.findings(SUMMARY[SUMMARY["overhead_s"] > 0], CHOSEN)
    assert "Nowhere here" in none


def test_the_advice_is_about_batch_size_concurrency_and_workers():
    """And says from which batch size on serving is cheap, if at any."""
    *_, advice = page.findings(SUMMARY, CHOSEN)
    assert "at most 10% of the baseline: `echo` at no batch size here (least at 100)" in advice
    assert "In batches of 1 it takes 90.0 s at 1, 10.0 s at 8 concurrent" in advice
    assert "*Workers.*" in advice


def test_a_cell_that_is_not_valid_is_in_no_finding():
    """Nor is one whose seconds are not accounted for."""
    assert list(page.findings(SUMMARY.assign(rule="spread"), CHOSEN)) == ["No cell has a valid number yet."]
    assert list(page.findings(SUMMARY.assign(call_pattern_s=float("nan")), CHOSEN)) == [
        "No cell has a valid number yet."
    ]


def test_results_without_attribution_make_a_page_all_the_same():
    """A system may log no calls."""
    text = page.page(sample(), "sample")
    assert "| echo" in text
    assert "No cell has a valid number yet." in text
    assert "nan" not in text


def test_the_page_has_the_structure_of_the_page_that_it_finishes():
    """The process with its definitions, the scripts, the results: a table of six columns, one of details, findings."""
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert headings == ["Benchmarking process", "Benchmarking scripts", "Benchmarking results"]
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| what")]
    header, details = (" ".join(line.split()) for line in rows if line.startswith("| Recipe "))
    assert header == "| Recipe | Batch Size | Baseline | Req Concurrency | fastDeploy | Overhead |"
    for column in ("Verdict", "Call pattern", "Contention", "Serving path", "Instrument", "Inputs per Call"):
        assert f" {column} |" in details
    for name in ("deepsegment_en", "efficientnet_b2"):
        assert sum(line.startswith(f"| {name} ") for line in rows) == 2 * 21
    for word in ("fixed cost", "grow with the payload", "negative", "Batch size.", "Concurrency", "Workers"):
        assert word in PAGE
    for part in ("Machine: ", "tensorflow 1.14.0", "torch ", "Measured on ", "at commit ", "servecost run"):
        assert part in PAGE
    assert "changes" not in re.search(r"at commit (.*)", PAGE)[1]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", PAGE))))
def test_what_the_page_links_to_is_there(target: str):
    """Pictures, scripts, results."""
    assert (ROOT / "docs" / target).exists()


def test_the_pages_overheads_are_those_of_the_published_results():
    """As the summary has them."""
    summary = overhead.summary(overhead.pairs(read.read(ROOT / "docs" / "results" / "page")))
    assert len(summary) == 42
    assert set(summary["rule"]) <= {"", "withdrawn"}


def test_a_withdrawn_cell_has_its_reason_and_no_number():
    """From one list beside the published results: in the tables, under them, and in no finding."""
    found = read.read(ROOT / "docs" / "results" / "page")
    summary = overhead.summary(overhead.pairs(found))
    withdrawn = summary[summary["rule"] == "withdrawn"]
    listed = set(found.withdrawn[["recipe", "batch_size"]].itertuples(index=False, name=None))
    assert set(withdrawn[["recipe", "batch_size"]].itertuples(index=False, name=None)) == listed
    assert withdrawn[overhead.NUMBERS].isna().all(axis=None)
    readme = (ROOT / "README.md").read_text()
    for recipe, size in listed:
        rows = re.findall(rf"^\| {recipe} +\| +{size} \|(.*)", readme + PAGE, re.MULTILINE)
        assert len(rows) == 1 + 2 * 3
        assert not any(re.search(r"[−+]\d", row) for row in rows)
        assert all("withdrawn" in row for row in rows)
    assert PAGE.count(found.withdrawn["reason"].iloc[0]) == 1
    findings = PAGE[PAGE.index("### What the numbers show") : PAGE.index("### Memory")]
    assert not re.search(r"`efficientnet_b2`[^`]*\b(64|128|256|512) ×", findings)
