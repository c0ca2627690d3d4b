"""Two results folders, cell by cell: how the served seconds changed, and whether that is more than chance.

Owns the comparison: what is compared, and what counts as worse. The interval of a change is ``change``'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from servecost.core import manifest
from servecost.core.overhead import EXAMPLES
from servecost.report import overhead
from servecost.report.change import INSIGNIFICANT, Change, Values
from servecost.report.overhead import CELL, CONFIDENCE
from servecost.report.read import results
from servecost.report.write import wording
from servecost.report.write.numbers import with_interval

METRICS = {
    "served": ("served_s", f"served seconds per {EXAMPLES:,} examples"),
    "baseline": ("baseline_s", f"baseline seconds per {EXAMPLES:,} examples"),
    "ratio": ("ratio", "served / baseline, paired within a round"),
}


@dataclass(frozen=True)
class Comparison:
    """Two results folders, compared.

    Attributes:
        table: a row of strings for each cell.
        notes: what a reader of the table has to know, a line each.
        worse: the cells that are significantly worse than allowed, or have no number any more; a line each.
    """

    table: pd.DataFrame
    notes: list[str]
    worse: list[str]


def compare(a: Path, b: Path, metric: str, fail_over: float, allowed: Sequence[str]) -> Comparison:
    """Compare one of METRICS in two results folders.

    ``fail_over`` is the increase that is allowed, 0.05 for 5 %. Raises NoResults, and Unlike where the two were made
    under conditions that differ in more than the ``allowed`` fields.
    """
    both = [results.read(folder, allowed) for folder in (a, b)]
    unlike = manifest.check_alike([each.conditions for found in both for each in found.made_with], allowed)
    column, meaning = METRICS[metric]
    compared = _cells(both, column)
    notes = [
        f"A: {a}; B: {b}. {meaning[0].upper()}{meaning[1:]}.",
        f"Mean ± half the width of the {CONFIDENCE:.0%} interval over rounds; change of the geometric mean with its "
        f"interval (Welch's t); {INSIGNIFICANT}: insignificant.",
    ]
    if unlike:
        notes.append(f"Compared although these differ: {', '.join(unlike)}.")
    worse = [line for each in compared if (line := each.worse(fail_over))]
    return Comparison(pd.DataFrame([each.row for each in compared]), notes, worse)


class Cell(NamedTuple):
    """The name of a cell: the values of CELL."""

    recipe: str
    system: str
    system_label: str
    batch_size: int
    concurrency: int


@dataclass(frozen=True)
class Compared:
    """One cell in both folders.

    Attributes:
        cell: its name.
        values: the metric in each round of A and of B.
        verdicts: why A or B has no number that counts, or nothing.
    """

    cell: Cell
    values: tuple[Values, Values]
    verdicts: tuple[str, str]

    @property
    def change(self) -> Change | None:
        """By what part B differs from A, if both have a number."""
        return None if any(self.verdicts) else Change.between(*self.values)

    @property
    def row(self) -> dict[str, str]:
        """The cell as a row of the table."""
        a, b = (verdict or _mean(values) for verdict, values in zip(self.verdicts, self.values, strict=True))
        return {
            "Recipe": self.cell.recipe,
            "System": self.cell.system_label,
            "Batch Size": str(self.cell.batch_size),
            "Req Concurrency": str(self.cell.concurrency),
            "A": a,
            "B": b,
            "Change": str(self.change or wording.NOT_PLANNED),
        }

    def worse(self, allowed: float) -> str:
        """Return in a line how B is worse than ``allowed``, a larger number or none any more; nothing if it is not."""
        cell, change = self.cell, self.change
        name = f"{cell.recipe}, {cell.system_label}, {cell.batch_size} × {cell.concurrency}"
        if change and change.is_worse_than(allowed):
            return f"{name}: {change}, allowed {allowed:.1%}"
        return f"{name}: {self.verdicts[1]} in B" if self.verdicts[1] and not self.verdicts[0] else ""


def _cells(both: Sequence[results.Results], column: str) -> list[Compared]:
    """Return all cells that either folder has, those of A first."""
    pairs = [overhead.pairs(found) for found in both]
    a, b = (overhead.summary(paired).set_index(CELL) for paired in pairs)
    rounds_a, rounds_b = (paired.groupby(CELL, sort=False)[column].apply(_numbers) for paired in pairs)
    none = np.array([])
    return [
        Compared(
            cell=Cell(*cell),
            values=(rounds_a.get(cell, none), rounds_b.get(cell, none)),
            verdicts=(_verdict(a, cell), _verdict(b, cell)),
        )
        for cell in dict.fromkeys([*a.index, *b.index])
    ]


def _numbers(rounds: "pd.Series[float]") -> Values:
    return np.asarray(rounds.dropna(), dtype=np.float64)


def _mean(values: Values) -> str:
    own = pd.Series(values, dtype=float)
    return with_interval(own.mean(), overhead.half_width(own))


def _verdict(summary: pd.DataFrame, cell: object) -> str:
    """Return why a cell has no number that counts, or nothing."""
    if cell not in summary.index:
        return wording.NOT_PLANNED
    row = summary.loc[[cell]].iloc[0]
    return wording.verdict_of(row).word if row["rule"] else ""
