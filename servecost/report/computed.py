"""Results, with the rows that are computed from them: once, however many tables, pages and plots show them.

Owns that they are computed once. Which rows there are is decided in ``pairs`` and in ``overhead``.
"""

from functools import cached_property

import pandas as pd

from servecost.report import overhead, request_cost
from servecost.report.read.tables import Results


class Computed:
    """What a report is made of.

    Attributes:
        found: the results as they were read.
    """

    def __init__(self, found: Results) -> None:
        self.found = found

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """A row for each pair."""
        return overhead.pairs(self.found)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row for each cell."""
        return overhead.summary(self.pairs, self.found.asked.equal_within)

    @cached_property
    def request_costs(self) -> pd.DataFrame:
        """What a request costs at all and by its MiB, a row for each recipe, system and choice."""
        return request_cost.table(self.pairs)

    @property
    def systems(self) -> list[pd.DataFrame]:
        """The cells of each system."""
        return [cells for _, cells in self.summary.groupby("system", sort=False)]
