"""The README's answer: between its markers, and nothing else in it."""

from servecost.core.recipe import ROOT
from servecost.report.computed import Computed
from servecost.report.write.readme import BEGIN, END, with_answer
from tests.unit.report.sample import results


def test_only_the_text_between_the_markers_is_replaced():
    """By the table, the caption and the notes."""
    readme = with_answer(f"before\n\n{BEGIN}\n\nan old answer\n\n{END}\n\nafter\n", Computed(results()))
    assert readme.startswith(f"before\n\n{BEGIN}\n\n| Recipe")
    assert readme.endswith(f"\n\n{END}\n\nafter\n")
    assert "old" not in readme
    for part in ("+29.5 (2.97 ×)", "Stack of echo: ", "**VALID**: all 2 rows.", "1 **undecided**"):
        assert part in readme


def test_the_readme_has_the_answer_of_the_published_results(published: Computed):
    """It is generated, never written by hand."""
    text = (ROOT / "README.md").read_text()
    assert with_answer(text, published) == text
