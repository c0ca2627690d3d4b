"""The import rule: which part of the project may import which, found by reading every module."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from servecost.core.recipe import ROOT

PACKAGE = ROOT / "servecost"
SYSTEMS = ROOT / "systems"
OURS = {"servecost", "systems", "calibration", "tests", "baseline", "locustfiles", "docker"}
ALLOWED = {
    "core": set(),
    "direct": {"core"},
    "load": {"core"},
    "statistics": {"core"},
    "bench": {"core", "direct", "load", "statistics"},
    "report": {"core", "statistics"},
}
# What runs on a recipe's own interpreter; msgpack is needed for FILE input only.
STANDARD = {"core": {"msgpack"}, "direct": set()}
# A script has to find this project, and somebody else's files are imported from where they are.
SEARCH_PATHS = {
    *(f"{folder}/{path.name}" for folder in ("baseline", "locustfiles") for path in (ROOT / folder).glob("*.py")),
    "servecost/core/example.py",
    "servecost/direct/timing.py",
    "systems/_yardstick/server.py",
}


def imported_by(path: Path) -> Iterator[str]:
    """Yield the dotted name of each module that a module imports, wherever in it; relative ones are made absolute."""
    package = list(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            before = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*before, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def modules_of(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def parts_imported_by(path: Path) -> set[str]:
    """Return the parts of the package that a module imports."""
    return {name.split(".")[1] for name in imported_by(path) if name.startswith("servecost.")}


def test_a_relative_import_is_found_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The other tests here rely on it."""
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    path = tmp_path / "systems" / "mine" / "system.py"
    path.parent.mkdir(parents=True)
    path.write_text("import os.path, json as j\nfrom ..other.wire import W\ndef f():\n    from . import wire\n")
    assert set(imported_by(path)) == {"os.path", "json", "systems.other.wire.W", "systems.mine.wire"}


def test_every_part_has_a_rule():
    """A new part is added here, with what it may import."""
    parts = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert parts == ALLOWED.keys()


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_imports_no_more_than_it_may(part: str):
    """The bench and the report meet in files, and neither knows the other."""
    offenders = {
        str(path.relative_to(ROOT)): sorted(others)
        for path in modules_of(PACKAGE / part)
        if (others := parts_imported_by(path) - ALLOWED[part] - {part})
    }
    assert offenders == {}


def test_an_arm_knows_no_store_and_the_store_no_arm():
    """Where a run's files go is the run's own; what becomes of them, the store's."""
    bench = PACKAGE / "bench"
    assert "servecost.bench.store" not in {name for path in modules_of(bench / "arms") for name in imported_by(path)}
    assert not [name for name in imported_by(bench / "store.py") if name.startswith("servecost.bench.arms")]


def test_the_package_imports_nothing_of_what_stands_around_it():
    """A system is found by its folder, and no module of the package imports one."""
    offenders = {
        (path.name, name)
        for path in modules_of(PACKAGE)
        for name in imported_by(path)
        if name.split(".")[0] in OURS - {"servecost"}
    }
    assert offenders == set()


@pytest.mark.parametrize("part", STANDARD)
def test_what_runs_on_a_recipes_interpreter_needs_the_standard_library_only(part: str):
    """Nothing of ours is installed there."""
    offenders = {
        (path.name, name)
        for path in modules_of(PACKAGE / part)
        for name in imported_by(path)
        if name.split(".")[0] not in sys.stdlib_module_names | {"servecost"} | STANDARD[part]
    }
    assert offenders == set()


def test_the_log_of_calls_can_be_copied_beside_a_recipe():
    """It imports nothing of this project."""
    names = set(imported_by(PACKAGE / "core" / "call_log.py"))
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.mark.parametrize("path", modules_of(SYSTEMS), ids=lambda path: str(path.relative_to(SYSTEMS)))
def test_a_system_imports_the_core_and_its_own_folder(path: Path):
    """It may share another system's wire, and what is common to several; it imports nothing else of ours."""
    own = f"systems.{path.parent.name}."
    for name in imported_by(path):
        if name.split(".")[0] in OURS:
            is_shared = name.startswith("systems.") and (
                name.split(".")[2] == "wire" or name.split(".")[1] == "_common"
            )
            assert name.startswith(("servecost.core.", own)) or is_shared, name


def test_a_description_of_a_system_needs_the_standard_library_only():
    """The load and the containers import it, on whatever interpreter; ``server.py`` runs in its own environment."""
    described = [
        path for path in modules_of(SYSTEMS) if path.name in ("system.py", "wire.py") or path.parent.name == "_common"
    ]
    assert described
    offenders = {
        (str(path.relative_to(SYSTEMS)), name)
        for path in described
        for name in imported_by(path)
        if name.split(".")[0] not in sys.stdlib_module_names | OURS
    }
    assert offenders == set()


@pytest.mark.parametrize(("folder", "part"), [("baseline", "direct"), ("locustfiles", "load")])
def test_a_script_imports_its_own_arm(folder: str, part: str):
    """It is about ten lines, and the arm is in the package."""
    for path in (ROOT / folder).glob("*.py"):
        assert parts_imported_by(path) == {part}, path


def changes_search_path(path: Path) -> bool:
    """Say whether a module names ``sys.path``."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return any(
        isinstance(node, ast.Attribute) and node.attr == "path" and getattr(node.value, "id", "") == "sys"
        for node in nodes
    )


def test_modules_are_found_without_changing_the_search_path():
    """The exceptions are scripts, and the places where somebody else's files are imported."""
    folders = (PACKAGE, SYSTEMS, *(ROOT / name for name in ("baseline", "locustfiles", "docker", "analysis")))
    found = {str(path.relative_to(ROOT)) for path in modules_of(*folders) if changes_search_path(path)}
    assert found == SEARCH_PATHS
