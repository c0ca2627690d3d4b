"""Two results folders, cell by cell, from published tables that are written here."""

from dataclasses import replace
from pathlib import Path

import pytest

from servecost.core.manifest import Unlike
from servecost.report.compare import compare
from servecost.report.read import published
from servecost.report.read.tables import Results
from tests.unit.report.sample import SYSTEM, made_with, results


def written(found: Results, folder: Path) -> Path:
    experiment = folder.with_suffix(".json")
    experiment.write_text("{}")
    published.write(found, experiment, folder)
    return folder


def slower(times: float) -> Results:
    """Return results whose second cell takes so many times as long."""
    return results(served=[(1, 8, 1, 3.0), (1, 8, 4, 2.4 * times), (2, 8, 1, 5.0), (2, 8, 4, 2.5 * times)])


@pytest.mark.parametrize(("times", "worse"), [(1.0, 0), (4.0, 1)])
def test_a_cell_that_got_slower_is_named(tmp_path: Path, times: float, worse: int):
    """If all of the interval is above what is allowed."""
    a, b = written(slower(1), tmp_path / "a"), written(slower(times), tmp_path / "b")
    found = compare(a, b, "served", 0.05, [])
    assert len(found.worse) == worse
    assert all(line.startswith("echo, fastDeploy, 8 × 4: +300.0% [") for line in found.worse)
    assert list(found.table["Change"].str[0]) == ["~", "+" if worse else "~"]
    assert "served seconds per 10,000 examples" in found.notes[0].lower()


def test_a_cell_without_a_number_any_more_is_worse(tmp_path: Path):
    """And the other way round it is not."""
    a, b = written(results(), tmp_path / "a"), written(results(served=[(1, 8, 1, 3.0), (2, 8, 1, 5.0)]), tmp_path / "b")
    assert compare(a, b, "served", 3, []).worse == ["echo, fastDeploy, 8 × 4: INVALID(missing) in B"]
    assert compare(b, a, "served", 3, []).worse == []


def test_other_versions_are_refused_unless_that_is_allowed(tmp_path: Path):
    """By the end of the field's name, whatever the recipe and the system."""
    newer = made_with({("echo", SYSTEM): {"python": "3.7.16", "fastdeploy": "9.9"}})
    older = made_with({("echo", SYSTEM): {"python": "3.7.16", "fastdeploy": "3.1.1"}})
    a = written(replace(results(), made_with=[older]), tmp_path / "a")
    b = written(replace(results(), made_with=[newer]), tmp_path / "b")
    with pytest.raises(Unlike, match=r"stacks\.echo\.fastdeploy\.versions\.fastdeploy \(3\.1\.1 / 9\.9\)"):
        compare(a, b, "served", 0, [])
    found = compare(a, b, "served", 0, ["versions.fastdeploy"])
    assert "Compared although these differ: stacks.echo.fastdeploy.versions.fastdeploy." in found.notes
