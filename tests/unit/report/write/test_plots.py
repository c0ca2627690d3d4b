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
    """The recipe's name is above it."""
    summary = overhead.summary(overhead.pairs(results(**given)))
    figure = plot(pd.concat([summary, summary.assign(recipe="other")]))
    assert [axes.get_title() for axes in figure.axes] == ["echo", "other"]
