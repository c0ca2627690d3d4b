"""A manifest says which runs are alike, and whether a run's files are as they were written."""

from pathlib import Path
from typing import Any

import pytest

from servecost.core import manifest
from servecost.core.layout import MANIFEST_JSON

ONE = {"machine": {"host": "a", "cores": 2}, "recipes": {"echo": {"fingerprint": "1"}}}
STACKS = [{"stacks": {"echo": {"served": {"versions": {"torch": version}}}}} for version in ("1", "2")]


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (ONE, {}),
        ({"machine": {"host": "b", "cores": 2}}, {"machine.host": ["a", "b"]}),
        ({"recipes": {"other": {"fingerprint": "2"}}}, {}),  # another recipe has its own
        ({"recipes": {"echo": {"fingerprint": "2"}}}, {"recipes.echo.fingerprint": ["1", "2"]}),
    ],
)
def test_fields_that_differ_are_named_with_their_values(other: dict[str, Any], differs: dict[str, list[str]]):
    """The names are dotted; a field that only one has is no difference."""
    assert manifest.differing([ONE, other]) == differs


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        ({"shell": {"MALLOC_ARENA_MAX": "1"}}, {"shell": {}}, {"shell.MALLOC_ARENA_MAX": ["1", "not set"]}),
        ({"environment": {}}, {"environment": {"A": ""}}, {"environment.A": ["not set", ""]}),
        ({"machine": {"host": "a"}}, {"machine": {"host": "a", "cores": 2}}, {"machine.cores": ["not set", "2"]}),
        (
            {"recipes": {"v1.0": {"fingerprint": "1", "settings": {}}}},
            {"recipes": {"v1.0": {"fingerprint": "1", "settings": {"W": "a"}}}},
            {"recipes.v1.0.settings.W": ["not set", "a"]},
        ),
        (
            {"stacks": {"echo": {"a": {"versions": {"x": "1"}}}}},
            {"stacks": {"echo": {"a": {"versions": {}}, "b": {"versions": {"x": "2"}}}, "other": {}}},
            {"stacks.echo.a.versions.x": ["1", "not set"]},
        ),
        ({"code": {"servecost": "1", "systems": {"a": "1"}}}, {"code": {"servecost": "1", "systems": {"b": "2"}}}, {}),
        ({"slice_s": 1.0}, {"slice_s": 0.0}, {"slice_s": ["1.0", "0.0"]}),
        ({"machine": {"host": "a"}, "shell": {}}, {"machine": {"host": "a"}}, {}),
    ],
)
def test_what_is_not_there_has_a_value_too(one: dict[str, Any], other: dict[str, Any], differs: dict[str, list[str]]):
    """Unless nothing of its kind is known: another recipe's, another system's, an environment that is not built yet."""
    assert manifest.differing([one, other]) == differs
    assert manifest.differing([other, one]) == {field: values[::-1] for field, values in differs.items()}


def test_unlike_runs_are_refused_unless_the_field_is_allowed():
    """A field is allowed by its name or its group's, and no other name is enough."""
    two = {"machine": {"host": "b", "cores": 4}}
    with pytest.raises(manifest.Unlike, match=r"machine.host \(a / b\); machine.cores \(2 / 4\)"):
        manifest.check_alike([ONE, two])
    with pytest.raises(manifest.Unlike, match=r"^machine.cores \(2 / 4\)$"):
        manifest.check_alike([ONE, two], ["machine.host", "mach"])
    assert manifest.check_alike([ONE, two], ["machine"]) == ["machine.host", "machine.cores"]


@pytest.mark.parametrize("allowed", ["versions.torch", "torch", "versions", "stacks.echo", "served.versions.torch"])
def test_a_field_is_allowed_by_any_part_of_its_dotted_name(allowed: str):
    """A user need not know where in the tree a fact stands."""
    assert manifest.check_alike(STACKS, [allowed]) == ["stacks.echo.served.versions.torch"]


@pytest.mark.parametrize("allowed", ["versions.tor", "ersions.torch", "stacks.torch", ""])
def test_half_a_name_allows_nothing(allowed: str):
    """A mistyped option is no licence."""
    with pytest.raises(manifest.Unlike):
        manifest.check_alike(STACKS, [allowed])


def test_a_file_that_was_cut_short_is_found(tmp_path: Path):
    """A file that a compact copy has left behind is no damage, unless it is needed."""
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


def test_s29_the_ends_of_lines_are_no_damage(tmp_path: Path):
    """Git may change them when results are committed and checked out."""
    (tmp_path / "a.csv").write_bytes(b"x,y\r\n1,2\r\n")
    manifest.write(tmp_path, {}, ["a.csv"])
    (tmp_path / "a.csv").write_bytes(b"x,y\n1,2\n")
    manifest.checked(tmp_path, ["a.csv"])


def test_s29_a_copy_of_other_results_is_none_of_a_folders_runs(tmp_path: Path):
    """Nor is anything else that lies in it."""
    for name in ("round-1", "round-12", "instrument", "old/round-1", "round-1 (copy)", "round-x"):
        (tmp_path / name / "b1-c1").mkdir(parents=True)
        manifest.write(tmp_path / name / "b1-c1", {"in": name})
    assert [content["in"] for content in manifest.complete(tmp_path)] == ["instrument", "round-1", "round-12"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema_version": 1}'])
def test_a_manifest_that_cannot_be_read_is_damage(tmp_path: Path, content: str):
    """It was cut short, or is of an earlier version."""
    (tmp_path / MANIFEST_JSON).write_text(content)
    with pytest.raises(manifest.Damaged, match=MANIFEST_JSON):
        manifest.read(tmp_path)


def test_only_complete_runs_count(tmp_path: Path):
    """Failed and unfinished runs stand beside them, and a manifest that cannot be read spoils no other."""
    for name in ("b1-c1", "b1-c4", "b8-c1.failed", "b8-c4.unfinished"):
        (tmp_path / "round-1" / name).mkdir(parents=True)
        manifest.write(tmp_path / "round-1" / name, {"cell": name})
    (tmp_path / "round-2" / "damaged").mkdir(parents=True)
    (tmp_path / "round-2" / "damaged" / MANIFEST_JSON).write_text("{")
    assert [content["cell"] for content in manifest.complete(tmp_path)] == ["b1-c1", "b1-c4"]
