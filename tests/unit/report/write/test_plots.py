"""The plots: a panel for each recipe, also where there are no numbers."""

import pandas as pd
import pytest

from servecost.report import overhead
from servecost.report.write import plots
from tests.unit.report.sample import results

PLOTS = [plots.overhead_per_request, plots.served_against_baseline, plots.where_the_seconds_go]


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("given", [{}, {"served": [], "baseline": []}])
def test_plots_have_a_panel_for_each_recipe(plot, given):
    """The recipe's name is above it, and what the system chose."""
    summary = overhead.summary(overhead.pairs(results(**given)))
    figure = plot(pd.concat([summary, summary.assign(label="other")]))
    assert [axes.get_title() for axes in figure.axes] == ["echo", "other"]


def test_an_undecided_overhead_is_drawn_empty_and_without_its_number():
    """Its interval is there to look at."""
    summary = overhead.summary(overhead.pairs(results()))
    (axes,) = plots.overhead_per_request(summary.assign(claim=["slower", "undecided"])).axes
    assert [bool(patch.get_fill()) and patch.get_facecolor() != (0, 0, 0, 0) for patch in axes.patches] == [True, False]
    assert [text.get_text() for text in axes.texts] == ["+23.6"]


def test_marks_have_the_intervals_of_their_numbers():
    """A line for each, and none where there is no interval."""
    summary = overhead.summary(overhead.pairs(results()))
    (axes,) = plots.overhead_per_request(summary).axes
    lines = [segment for collection in axes.collections for segment in getattr(collection, "get_segments", list)()]
    lengths = [(segment[1][1] - segment[0][1]) / 2 for segment in lines]
    assert lengths == pytest.approx(list(summary["overhead_per_request_ms_half_width"]))
