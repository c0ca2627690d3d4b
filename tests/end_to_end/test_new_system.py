"""A system that somebody adds: the folder that docs/systems.md shows, in a copy of this project, and nothing else."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

GUIDE = (ROOT / "docs" / "systems.md").read_text()
COPIED = "servecost", "systems", "recipes/echo", "baseline", "locustfiles", "analysis", "constraints.txt"


def block_after(words: str) -> str:
    """Return the first block of code in the guide after these words."""
    found = re.search(r"```\w*\n(.*?)```", GUIDE[GUIDE.index(words) :], re.DOTALL)
    assert found, words
    return found[1]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of this project with the guide's system in a folder of its own."""
    root = tmp_path / "tree"
    ignored = shutil.ignore_patterns("__pycache__", ".venv")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, root / name)
    folder = root / "systems" / "flask"
    folder.mkdir()
    for name in ("system.py", "server.py", "requirements.txt"):
        (folder / name).write_text(block_after(f"`systems/flask/{name}`"))
    return root


@pytest.mark.network
@pytest.mark.usefixtures("no_orphans")
def test_the_guides_system_becomes_a_row_beside_the_others(tree: Path):
    """In an environment that is built for it; every answer is checked, every call is logged."""
    code = [line for line in (tree / "systems" / "flask" / "system.py").read_text().splitlines() if line.strip()]
    assert len(code) <= 52
    (experiment,) = re.findall(r"<<'END'\n(.*?)END\n", GUIDE, re.DOTALL)
    (tree / "my.toml").write_text(experiment)
    done = subprocess.run(
        [sys.executable, "-m", "servecost", "run", "my.toml"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "Building an environment for echo under flask, once" in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("| echo ")]
    assert len(rows) == 2 * 4, done.stdout
    assert "| Flask on waitress |" in " ".join(done.stdout.split())
    assert not any("missing" in row or "failures" in row or "answers" in row for row in rows), done.stdout
    for cell in ("b1-c1", "b8-c4"):
        assert (tree / "results" / "my" / "round-1" / "echo" / "flask" / cell / "calls.csv").is_file()
