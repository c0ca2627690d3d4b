"""Files of ours are UTF-8, whatever the locale of who runs it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from servecost.core.recipe import ROOT

FOLDERS = "servecost", "systems", "baseline", "locustfiles", "docker", "calibration"
BYTES = {"rb", "wb", "ab", "r+b", "a+b"}


def without_encoding(source: str) -> Iterator[int]:
    """Yield the line of each call that reads or writes text in the encoding of a locale."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(each.arg == "encoding" for each in node.keywords):
            continue
        called = ast.unparse(node.func)
        modes = {each.value for each in node.args if isinstance(each, ast.Constant)}
        is_text = called.endswith((".read_text", ".write_text")) and called != "distribution.read_text"
        opens = (called == "open" or called.endswith(".open")) and called not in ("os.open", "Image.open")
        if is_text or (opens and not modes & BYTES):
            yield node.lineno


@pytest.mark.parametrize("folder", FOLDERS)
def test_s15_every_file_is_read_and_written_in_a_named_encoding(folder: str):
    """A table with a multiplication sign would otherwise be a traceback where the locale is not UTF-8."""
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted(Path(ROOT, folder).rglob("*.py"))
        for line in without_encoding(path.read_text(encoding="utf-8"))
    ]
    assert found == []
