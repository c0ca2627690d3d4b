"""What the tests of reports share."""

import pytest

from servecost.core.recipe import ROOT
from servecost.report.computed import Computed
from servecost.report.read import results


@pytest.fixture(scope="session")
def published() -> Computed:
    """Return the results that are published, computed once; nobody may change them."""
    return Computed(results.read(ROOT / "docs" / "results" / "page"))
