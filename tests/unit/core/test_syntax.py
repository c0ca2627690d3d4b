"""Code that also runs on a recipe's own interpreter keeps to the syntax of Python 3.7."""

import ast
from pathlib import Path

import pytest

from servecost.core.recipe import ROOT

OLD = [
    *sorted((ROOT / "servecost" / "core").rglob("*.py")),
    *sorted((ROOT / "servecost" / "direct").rglob("*.py")),
    *(path for name in ("system", "wire") for path in sorted((ROOT / "systems").glob(f"*/{name}.py"))),
]


@pytest.mark.parametrize("path", OLD, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_compiles_as_python_3_7(path: Path):
    """The models of the published page need an interpreter of their day."""
    ast.parse(path.read_text(), feature_version=(3, 7))


@pytest.mark.parametrize("path", OLD, ids=lambda path: str(path.relative_to(ROOT)))
def test_its_annotations_are_not_evaluated(path: Path):
    """Python 3.7 could not evaluate ``list[int]`` or ``int | None``."""
    tree = ast.parse(path.read_text())
    is_annotated = any(getattr(node, "returns", None) or isinstance(node, ast.AnnAssign) for node in ast.walk(tree))
    assert "from __future__ import annotations" in path.read_text() or not is_annotated
