"""Two results folders, cell by cell: how the served seconds changed, and whether that is more than chance.

Owns the comparison: what is compared, and what becomes of it. What a change allows one to say is ``change``'s.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from servecost.report import alike, choices, overhead
from servecost.report.change import SEEN, Change, Estimate, Finding, findings
from servecost.report.metrics import METRICS
from servecost.report.overhead import CONFIDENCE, KEY
from servecost.report.read import results
from servecost.report.read.tables import ROW
from servecost.report.write import wording
from servecost.report.write.numbers import with_interval
from servecost.statistics.multiple import ALPHA


@dataclass(frozen=True)
class Comparison:
    """Two results folders, compared.

    Attributes:
        table: a row of strings for each cell.
        notes: what a reader of the table has to know, a line each.
        worse: the cells that are significantly worse than allowed, or have no number any more; a line each.
        undecided: the cells of which that cannot be said either way, and how many rounds it would take; a line each.
    """

    table: pd.DataFrame
    notes: list[str]
    worse: list[str]
    undecided: list[str]

    @property
    def exit_code(self) -> int:
        """0 if no cell is worse, 1 if one is, 2 if none is and it cannot be said of all."""
        return 1 if self.worse else 2 if self.undecided else 0


class Cell(NamedTuple):
    """The name of a row: the values of KEY."""

    recipe: str
    system: str
    system_label: str
    batch_size: int
    concurrency: int
    choice: str

    def __str__(self) -> str:
        choice = f" ({self.choice})" if self.choice else ""
        return f"{self.recipe}, {self.system_label}, {self.batch_size} × {self.concurrency}{choice}"


@dataclass(frozen=True)
class Side:
    """One of the two folders.

    Attributes:
        estimates: the metric in each cell that has a number.
        rules: why a cell has no number that counts, or nothing.
        chosen: what the system chose by itself in most of a cell's rounds, in words.
    """

    estimates: dict[Cell, Estimate]
    rules: dict[Cell, str]
    chosen: dict[Cell, str]

    @classmethod
    def of(cls, found: results.Results, column: str) -> "Side":
        """Return one folder's side of the comparison."""
        pairs = overhead.pairs(found)
        rows = overhead.summary(pairs)
        chosen: Any = pairs.merge(choices.in_full(found.served), on=ROW).groupby(KEY, sort=False)["chosen"]
        valid: Any = pairs.dropna(subset=["ratio"]).groupby(KEY, sort=False)
        return cls(
            estimates={Cell(*key): estimate(own, column) for key, own in valid},
            rules={Cell(*_key(row)): wording.verdict_of(row).word if row.rule else "" for row in rows.itertuples()},
            chosen={Cell(*key): str(own.mode().iloc[0]) for key, own in chosen},
        )

    def rule(self, cell: Cell) -> str:
        """Return why a cell has no number that counts, or nothing."""
        return self.rules.get(cell, wording.NOT_PLANNED)


def estimate(rounds: pd.DataFrame, column: str) -> Estimate:
    """Return what the rounds of a cell, or the pairs of its only one, say of a column of ``overhead.pairs``."""
    if column == "ratio":
        arms = overhead.units(rounds, ["served_s", "baseline_s"])
        return Estimate.of_ratio(arms["served_s"].to_numpy(), arms["baseline_s"].to_numpy())
    return Estimate.of_mean(overhead.units(rounds, [column])[column].to_numpy())


def compare(a: Path, b: Path, metric: str, fail_over: float, allowed: Sequence[str]) -> Comparison:
    """Compare one of METRICS in two results folders.

    ``fail_over`` is the increase that is allowed, 0.05 for 5 %. Raises NoResults, and Unlike where the two were made
    under conditions that differ in more than the ``allowed`` fields; ``examples`` and ``rounds`` are among these.
    """
    both = [results.read(folder, allowed) for folder in (a, b)]
    unlike = alike.check(both, allowed)
    column, meaning = METRICS[metric]
    sides = [Side.of(found, column) for found in both]
    cells = list(dict.fromkeys(cell for side in sides for cell in side.rules))
    otherwise = {cell: choice for cell in cells if (choice := _chosen_otherwise(cell, sides))}
    changed = {cell: change for cell, change in _changes(sides).items() if cell not in otherwise}
    said = dict(zip(changed, findings(list(changed.values()), fail_over), strict=True))
    notes = [f"A: {a}; B: {b}. {meaning[0].upper()}{meaning[1:]}.", *_notes(fail_over)]
    if unlike:
        notes.append(f"Compared although these differ: {', '.join(unlike)}.")
    return Comparison(
        table=pd.DataFrame([_row(cell, sides, changed.get(cell), said.get(cell)) for cell in cells]),
        notes=notes,
        worse=[
            *(f"{cell}: {changed[cell]}, allowed {fail_over:.1%}" for cell in cells if said.get(cell) == "worse"),
            *(
                f"{cell}: {sides[1].rule(cell)} in B"
                for cell in cells
                if sides[1].rule(cell) and not sides[0].rule(cell) and cell not in otherwise
            ),
        ],
        undecided=[
            *(
                f"{cell}: {changed[cell]}; {_rounds(changed[cell], ALPHA / len(changed))}"
                for cell in cells
                if said.get(cell) == "undecided"
            ),
            *(f"{cell}: in B the system chose {choice}; fix the choice in both" for cell, choice in otherwise.items()),
        ],
    )


def _chosen_otherwise(cell: Cell, sides: Sequence[Side]) -> str:
    """Return what B's system chose at its starts, if that is known and not what A's chose, whose number counts."""
    a, b = sides
    if a.rule(cell):
        return ""
    same_cell = [other for other in b.chosen if other._replace(choice=cell.choice) == cell]
    others = list(dict.fromkeys(b.chosen[other] for other in same_cell if b.chosen[other]))
    return "" if not a.chosen.get(cell) or a.chosen[cell] in others else " and ".join(others)


def _changes(sides: Sequence[Side]) -> dict[Cell, Change]:
    """Return the change of each cell that has a number that counts in both folders, in the order of the first."""
    a, b = sides
    both = [cell for cell in a.estimates if cell in b.estimates and not (a.rule(cell) or b.rule(cell))]
    return {cell: Change.between(a.estimates[cell], b.estimates[cell]) for cell in both}


def _row(cell: Cell, sides: Sequence[Side], change: Change | None, finding: Finding | None) -> dict[str, str]:
    return {
        "Recipe": f"{cell.recipe}, {cell.choice}" if cell.choice else cell.recipe,
        "System": cell.system_label,
        "Batch Size": str(cell.batch_size),
        "Req Concurrency": str(cell.concurrency),
        **{name: side.rule(cell) or _number(side.estimates[cell]) for name, side in zip("AB", sides, strict=True)},
        "Change": str(change or wording.NOT_PLANNED),
        "Finding": finding or wording.NOT_PLANNED,
    }


def _number(found: Estimate) -> str:
    return with_interval(found.value, found.half_width)


def _notes(fail_over: float) -> Iterator[str]:
    yield (
        f"A and B: mean ± half the width of its {CONFIDENCE:.0%} interval over rounds. Change: with its "
        f"{CONFIDENCE:.0%} interval for this cell alone (Welch's t)."
    )
    yield (
        f"Finding: the chance that any cell of the table is called worse (by more than {fail_over:.1%}) and is not is "
        f"{ALPHA:.0%} at most, and likewise for better (Holm). Undecided: an increase of {SEEN:.0%} beyond what is "
        "allowed could have been missed."
    )


def _rounds(change: Change, alpha: float) -> str:
    needed = change.rounds_needed(alpha)
    if needed:
        return f"{needed} rounds of each would tell"
    return "at least 2 rounds of each are needed to tell" if np.isnan(change.error) else "too noisy to tell"


def _key(row: Any) -> Iterator[Any]:
    return (getattr(row, name) for name in KEY)
