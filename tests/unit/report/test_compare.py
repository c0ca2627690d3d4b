"""Two results folders, cell by cell, from published tables that are written here."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from servecost.core.manifest import Unlike
from servecost.report import alike
from servecost.report.compare import compare
from servecost.report.read.tables import Asked, Results, Setting
from servecost.report.write.wording import NOT_PLANNED
from tests.unit.report.sample import MADE_WITH, SYSTEM, made_with, results, written


def slower(times: float) -> Results:
    """Return results whose second cell takes so many times as long."""
    return results(served=[(1, 8, 1, 3.0), (1, 8, 4, 2.4 * times), (2, 8, 1, 5.0), (2, 8, 4, 2.5 * times)])


def steady(times: float = 1) -> Results:
    """Return results whose rounds differ by 1 %, and whose second cell takes so many times as long."""
    served = [(1, 8, 1, 3.0), (1, 8, 4, 2.4 * times), (2, 8, 1, 3.03), (2, 8, 4, 2.376 * times)]
    return results(served=served, baseline=[(1, 8, 1.0), (2, 8, 1.0)])


@pytest.mark.parametrize("metric", ["served", "ratio"])
def test_a_cell_that_got_slower_is_named(tmp_path: Path, metric: str):
    """If it is surely more than what is allowed; the others are no worse."""
    a, b = written(steady(), tmp_path / "a"), written(steady(2), tmp_path / "b")
    found = compare(a, b, metric, 0.1, [])
    (line,) = found.worse
    assert line.startswith("echo, fastDeploy, 8 × 4: +100.0% [")
    assert line.endswith("allowed 10.0%")
    assert found.exit_code == 1
    assert list(found.table["Finding"]) == ["no worse", "worse"]
    assert list(compare(b, a, metric, 0.1, []).table["Finding"]) == ["no worse", "better"]


def test_a_table_without_a_worse_cell_passes(tmp_path: Path):
    """Where a change that is asked about could have been seen."""
    a = written(steady(), tmp_path / "a")
    found = compare(a, a, "served", 0.1, [])
    assert (found.worse, found.undecided, found.exit_code) == ([], [], 0)
    assert "served seconds per 10,000 examples" in found.notes[0].lower()


def test_what_the_rounds_cannot_show_is_undecided(tmp_path: Path):
    """With the number of rounds that it would take; a pass would say more than is known."""
    a = written(slower(1), tmp_path / "a")
    found = compare(a, a, "served", 0.05, [])
    assert list(found.table["Finding"]) == ["undecided", "no worse"]
    assert found.exit_code == 2
    assert re.match(
        r"echo, fastDeploy, 8 × 1: \+0\.0% \[−\d+\.\d%, \+\d+\.\d%\]; \d+ rounds of each would tell", found.undecided[0]
    )


def test_a_worse_cell_counts_more_than_an_undecided_one(tmp_path: Path):
    """Exit code 1; both are named."""
    found = compare(written(slower(1), tmp_path / "a"), written(slower(40), tmp_path / "b"), "served", 0.05, [])
    assert (len(found.worse), len(found.undecided), found.exit_code) == (1, 1, 1)


@pytest.mark.parametrize(
    ("other", "field"),
    [
        (replace(steady(), plan=steady().plan.assign(examples=2000)), r"examples\.echo \(1000 / 2000\)"),
        (
            replace(steady(), made_with=[replace(MADE_WITH, conditions={**MADE_WITH.conditions, "slice_s": 0.5})]),
            r"slice_s \(1 / 0\.5\)",
        ),
        (
            replace(steady(), asked=Asked(settings=(Setting(SYSTEM, "echo", "SIZE", "8"),))),
            rf"settings \(defaults / {SYSTEM} echo SIZE=8\)",
        ),
    ],
)
def test_how_much_was_measured_is_a_condition(other: Results, field: str):
    """Examples, slices and settings; each is compared all the same where that is allowed."""
    own = replace(steady(), made_with=[replace(MADE_WITH, conditions={**MADE_WITH.conditions, "slice_s": 1})])
    with pytest.raises(Unlike, match=field):
        alike.check([own, other], [])
    name = field.split(" ", maxsplit=1)[0].split("\\", maxsplit=1)[0]
    assert [each.partition(".")[0] for each in alike.check([own, other], [name])] == [name]


def test_rounds_are_no_condition():
    """They are a sample: more of them make the interval narrower."""
    assert alike.check([steady(), replace(steady(), plan=steady().plan.query("round == 1"))], []) == []


def test_a_cell_without_a_number_any_more_is_worse(tmp_path: Path):
    """And the other way round it is not."""
    a, b = written(results(), tmp_path / "a"), written(results(served=[(1, 8, 1, 3.0), (2, 8, 1, 5.0)]), tmp_path / "b")
    assert compare(a, b, "served", 3, []).worse == ["echo, fastDeploy, 8 × 4: INVALID(missing) in B"]
    assert compare(b, a, "served", 3, []).worse == []


def test_a_system_that_chose_otherwise_is_another_one(tmp_path: Path):
    """It is neither worse nor better: whether one is, cannot be said."""
    two, four = (
        replace(steady(times), served=steady(times).served.assign(optimal_batch_size=size))
        for times, size in ((1, 2), (2, 4))
    )
    both = results(choices=(2, 8))
    a, b, c = (written(each, tmp_path / name) for name, each in (("a", two), ("b", four), ("c", both)))
    found = compare(a, b, "served", 0.05, [])
    line = "echo, fastDeploy, 8 × 1: in B the system chose optimal_batch_size 4; fix the choice in both"
    assert (found.worse, found.undecided[0], found.exit_code) == ([], line, 2)
    assert list(found.table["Finding"]) == [NOT_PLANNED] * 2
    assert [line.partition(": ")[2] for line in compare(c, a, "served", 0.05, []).undecided] == [
        "in B the system chose optimal_batch_size 2; fix the choice in both"
    ] * 2


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
