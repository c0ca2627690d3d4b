"""Cells that were measured again, beside the page."""

from dataclasses import replace
from pathlib import Path

from servecost.report.write import again
from tests.unit.report.sample import PLAN, results, written


def test_only_cells_that_were_measured_again_are_in_the_section(tmp_path: Path):
    """Each as it was, as it is, and the change, whatever it is; another day's machine may be another."""
    page, later = results(), results(served=[(1, 8, 1, 3.0), (2, 8, 1, 6.2)])
    own = {
        name: (table := getattr(later, name))[table["concurrency"] == 1]
        for name in ("plan", "baseline", "served", "slices", "instrument")
    }
    (made_with,) = later.made_with
    machine = {**made_with.conditions["machine"], "host": "other"}
    elsewhere = replace(made_with, conditions={**made_with.conditions, "machine": machine})
    later = replace(later, **own, made_with=[elsewhere])
    text = again.section(written(page, tmp_path / "page"), written(later, tmp_path / "again"))
    rows = [line for line in text.splitlines() if line.startswith("| echo")]
    assert len(rows) == 1 < len({row[5] for row in PLAN})
    assert " 2.97 ± " in rows[0]
    assert " 3.07 ± " in rows[0]
    assert "machine.host" in text
    assert text.startswith(again.TITLE)
