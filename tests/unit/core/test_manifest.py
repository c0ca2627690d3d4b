"""What makes runs alike, and whether their files are as they were written."""

from pathlib import Path

import pytest

from servecost.bench import conditions as gathered
from servecost.core import manifest, recipe
from servecost.core.layout import MANIFEST_JSON

ONE = {"machine": {"host": "a", "cores": 2}, "recipes": {"echo": {"fingerprint": "1"}}}


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (ONE, {}),
        ({"machine": {"host": "b", "cores": 2}}, {"machine.host": ["a", "b"]}),
        ({"recipes": {"other": {"fingerprint": "2"}}}, {}),  # another recipe has its own
        ({"recipes": {"echo": {"fingerprint": "2"}}}, {"recipes.echo.fingerprint": ["1", "2"]}),
    ],
)
def test_what_differs_is_named_with_its_values(other, differs):
    """By dotted names; what only one has is no difference."""
    assert manifest.differing([ONE, other]) == differs


def test_unlike_runs_are_refused_unless_the_field_is_allowed():
    """By its name or its group's; another field is no licence."""
    two = {"machine": {"host": "b", "cores": 4}}
    with pytest.raises(manifest.Unlike, match=r"machine.host \(a / b\); machine.cores \(2 / 4\)"):
        manifest.check_alike([ONE, two])
    with pytest.raises(manifest.Unlike, match=r"^machine.cores \(2 / 4\)$"):
        manifest.check_alike([ONE, two], ["machine.host", "mach"])
    assert manifest.check_alike([ONE, two], ["machine"]) == ["machine.host", "machine.cores"]


def test_a_file_that_was_cut_short_is_found(tmp_path: Path):
    """By its digest; a file that a compact copy has left behind is no damage, unless it is needed."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x,y\n1,2\n")
    manifest.write(tmp_path, {"conditions": ONE}, ["a.csv", "b.csv", "never.csv"])
    assert manifest.checked(tmp_path, ["a.csv"])["conditions"] == ONE
    (tmp_path / "b.csv").unlink()
    manifest.checked(tmp_path, ["a.csv"])
    with pytest.raises(manifest.Damaged, match=r"b\.csv is missing"):
        manifest.checked(tmp_path, ["b.csv"])
    (tmp_path / "a.csv").write_text("x,y\n1,")
    with pytest.raises(manifest.Damaged, match=r"a\.csv has been changed or cut short"):
        manifest.checked(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema_version": 1}'])
def test_a_manifest_that_cannot_be_read_is_damage(tmp_path: Path, content: str):
    """Cut short, or of an earlier version."""
    (tmp_path / MANIFEST_JSON).write_text(content)
    with pytest.raises(manifest.Damaged, match=MANIFEST_JSON):
        manifest.read(tmp_path)


def test_the_conditions_of_a_run_name_all_that_can_move_its_number(monkeypatch: pytest.MonkeyPatch):
    """The machine, the threads and malloc settings, the versions, the recipe, and the code that measures."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    found = gathered.conditions(recipe.load("echo"), {"MALLOC_TOP_PAD_": "5"})
    assert found["settings"] == {**found["settings"], "OMP_NUM_THREADS": "2", "MALLOC_TOP_PAD_": "5"}
    assert {"host", "processor", "cores", "usable_cores", "memory_gib", "system"} <= found["machine"].keys()
    assert {"python", "fastdeploy", "locust", "torch", "efficientnet-pytorch"} <= found["versions"].keys()
    assert found["recipes"]["echo"]["stack"].keys() == {"python", "fastdeploy"}
    assert found["recipes"]["echo"]["fingerprint"]
    assert found["instrument"]
