"""The published results, read once for all tests of a process; nobody may change them."""

from functools import cache

import pandas as pd

from servecost.core.recipe import ROOT
from servecost.report import overhead
from servecost.report.read import results
from servecost.report.read.tables import Results


@cache
def published_results() -> Results:
    """Return the results that are published."""
    return results.read(ROOT / "docs" / "results" / "page")


@cache
def published_pairs() -> pd.DataFrame:
    """Return their pairs."""
    return overhead.pairs(published_results())


@cache
def published_summary() -> pd.DataFrame:
    """Return the summary of their pairs."""
    return overhead.summary(published_pairs())
