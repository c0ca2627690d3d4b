"""Two results folders, cell by cell: what became of the served seconds, and whether that is more than chance.

Owns the comparison and its interval. Two folders' rounds are independent samples, so nothing is paired between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from servecost.core import manifest
from servecost.report import overhead
from servecost.report.overhead import CELL, CONFIDENCE
from servecost.report.read import results
from servecost.report.write import wording

METRICS = {
    "served": ("served_s", "served seconds per 10,000 examples"),
    "baseline": ("baseline_s", "baseline seconds per 10,000 examples"),
    "ratio": ("ratio", "served / baseline, paired within a round"),
}
INSIGNIFICANT = "~"
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Two results folders, compared.

    Attributes:
        table: a row of strings for each cell.
        notes: what has to be known beside it, a line each.
        worse: the cells that got significantly worse than allowed, or have no number any more; a line each.
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
    unlike = manifest.check_alike([each["conditions"] for found in both for each in found.manifests], allowed)
    column, meaning = METRICS[metric]
    pairs = [overhead.pairs(found) for found in both]
    summaries = [overhead.summary(paired).set_index(CELL) for paired in pairs]
    rounds = [paired.groupby(CELL, sort=False)[column].apply(lambda own: own.dropna().to_numpy()) for paired in pairs]
    cells = list(dict.fromkeys([*summaries[0].index, *summaries[1].index]))
    compared = [
        Compared(
            cell=dict(zip(CELL, cell, strict=True)),
            values=tuple(own.get(cell, np.array([])) for own in rounds),
            verdicts=tuple(_verdict(summary, cell) for summary in summaries),
        )
        for cell in cells
    ]
    notes = [
        f"A: {a}; B: {b}. {meaning[0].upper()}{meaning[1:]}.",
        f"Mean ± half the width of the {CONFIDENCE:.0%} interval over rounds; change of the geometric mean with its "
        f"interval (Welch's t); {INSIGNIFICANT}: insignificant.",
    ]
    if unlike:
        notes.append(f"Compared although these differ: {', '.join(unlike)}.")
    worse = [line for each in compared if (line := each.worse(fail_over))]
    return Comparison(pd.DataFrame([each.row for each in compared]), notes, worse)


@dataclass(frozen=True)
class Compared:
    """One cell in both folders.

    Attributes:
        cell: its name, by CELL.
        values: the metric in each round of A and of B.
        verdicts: why A or B has no number that counts, or nothing.
    """

    cell: dict[str, Any]
    values: tuple["Values", ...]
    verdicts: tuple[str, ...]

    @property
    def change(self) -> "Change | None":
        """By what part B differs from A, if both have a number."""
        return None if any(self.verdicts) else Change.between(*self.values)

    @property
    def row(self) -> dict[str, str]:
        """The cell as it is shown."""
        a, b = (verdict or _mean(values) for verdict, values in zip(self.verdicts, self.values, strict=True))
        return {
            "Recipe": self.cell["recipe"],
            "System": self.cell["system_label"],
            "Batch Size": str(self.cell["batch_size"]),
            "Req Concurrency": str(self.cell["concurrency"]),
            "A": a,
            "B": b,
            "Change": str(self.change or wording.NOT_PLANNED),
        }

    def worse(self, allowed: float) -> str:
        """Return in a line what is worse than ``allowed``, or nothing: a number, or that there is none any more."""
        cell, change = self.cell, self.change
        name = f"{cell['recipe']}, {cell['system_label']}, {cell['batch_size']} × {cell['concurrency']}"
        if change and change.is_worse_than(allowed):
            return f"{name}: {change}, allowed {allowed:.1%}"
        return f"{name}: {self.verdicts[1]} in B" if self.verdicts[1] and not self.verdicts[0] else ""


@dataclass(frozen=True)
class Change:
    """By what part B differs from A.

    Attributes:
        by: 0.1 if B is a tenth more.
        least: the lower end of its interval; NaN if either has fewer than two rounds.
        most: the upper end.
    """

    by: float
    least: float
    most: float

    @classmethod
    def between(cls, a: "Values", b: "Values") -> "Change":
        """Return the change of the geometric mean from ``a`` to ``b``, each the values of some rounds.

        Welch's t-test on the logarithms (B. L. Welch, Biometrika 34, 1947): their difference is a ratio.
        """
        logs = np.log(a.astype(float)), np.log(b.astype(float))
        by = float(np.expm1(logs[1].mean() - logs[0].mean()))
        if min(len(a), len(b)) < 2:
            return cls(by, np.nan, np.nan)
        interval = stats.ttest_ind(logs[1], logs[0], equal_var=False).confidence_interval(CONFIDENCE)
        return cls(by, float(np.expm1(interval.low)), float(np.expm1(interval.high)))

    @property
    def is_significant(self) -> bool:
        """Whether its interval leaves zero out."""
        return self.least > 0 or self.most < 0

    def is_worse_than(self, allowed: float) -> bool:
        """Whether all of its interval is above what is allowed."""
        return self.least > allowed

    def __str__(self) -> str:
        if np.isnan(self.least):
            return f"{INSIGNIFICANT} ({_percent(self.by)}; one round has no interval)"
        interval = f"[{_percent(self.least)}, {_percent(self.most)}]"
        return f"{_percent(self.by)} {interval}" if self.is_significant else f"{INSIGNIFICANT} {interval}"


def _percent(part: float) -> str:
    return f"{part:+.1%}".replace("-", "−")


def _mean(values: "Values") -> str:
    own = pd.Series(values, dtype=float)
    return wording.with_interval(own.mean(), overhead.half_width(own))


def _verdict(summary: pd.DataFrame, cell: object) -> str:
    """Return why a cell has no number that counts, or nothing."""
    if cell not in summary.index:
        return wording.NOT_PLANNED
    row = summary.loc[[cell]].iloc[0]
    return wording.verdict_of(row).word if row["rule"] else ""
