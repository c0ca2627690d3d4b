"""What the README says is so: its files are there, its commands work."""

import re
import subprocess
from pathlib import Path

import pytest

from servecost.core.recipe import ROOT

README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs" / "benchmarks.md").read_text()
MADE = ("results/", "served/")  # by commands that it names


def test_every_file_it_names_is_there():
    """Code, experiments, pictures, links."""
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|toml|md|ipynb|json|png))`", README)
    named += re.findall(r"(?<![/\w])docker/[a-z]+", README)
    linked = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if not target.startswith("http")]
    assert len(named) >= 3
    missing = [name for name in named + linked if not (ROOT / name).exists() and not name.startswith(MADE)]
    assert missing == []


def targets(text: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):.*##", text, flags=re.MULTILINE))


def test_every_target_it_names_is_in_the_makefile_and_in_its_help():
    """And the other way round: help leaves none out."""
    makefile = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"`?make ([a-z0-9-]+)", README)) <= targets(makefile)
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"make ([a-z0-9-]+)", shown)) == targets(makefile)


@pytest.mark.parametrize("command", sorted(set(re.findall(r"servecost ([a-z]+)", README))))
def test_every_command_it_names_is_one_of_the_benchs(command: str):
    """Spelt as the command line has it."""
    assert f"\ndef {command}(" in (ROOT / "servecost" / "cli.py").read_text()


def test_every_module_of_ours_says_what_it_owns():
    """A newcomer opens any file and knows why it is there."""
    folders = ("servecost", "systems", "baseline", "locustfiles", "docker", "calibration")
    paths = [path for folder in folders for path in Path(ROOT, folder).rglob("*.py")]
    assert [path for path in paths if not path.read_text().startswith('"""')] == []


def test_stages_do_not_import_each_other():
    """Core imports nothing of ours, and every other part no more than it needs."""
    allowed = {
        "core": set(),
        "direct": {"core"},
        "load": {"core"},
        "bench": {"core", "direct", "load"},
        "report": {"core"},
    }
    for part, others in allowed.items():
        for path in Path(ROOT, "servecost", part).rglob("*.py"):
            imported = set(re.findall(r"^\s*(?:from|import) servecost\.(\w+)", path.read_text(), flags=re.MULTILINE))
            assert imported - others - {part} == set(), path
