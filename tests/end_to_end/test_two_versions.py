"""Two versions of a system, installed for real: how their manifests differ, and what it takes to compare the runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from servecost.bench.conditions import Subject, gather
from servecost.core import manifest, recipe

VERSIONS = "3.1.1", "3.1.0"


@pytest.fixture(scope="module")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The interpreters of two environments, each with its own version of fastDeploy."""
    found = []
    for version in VERSIONS:
        place = tmp_path_factory.mktemp("environment") / version
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        found.append(str(place / "bin" / "python"))
        install = [found[-1], "-m", "pip", "install", "--quiet", "--no-deps", f"fastdeploy=={version}"]
        subprocess.run(install, check=True, capture_output=True)
    return found


@pytest.mark.network
def test_the_version_stands_in_one_field_which_is_all_that_has_to_be_allowed(pythons: list[str], tmp_path: Path):
    """As a serving project's CI compares its base with its change: `--allow-different versions.fastdeploy`."""
    gathered = [gather(Subject(recipe.load("echo"), "fastdeploy", python, {}), 1.0) for python in pythons]
    field = "stacks.echo.fastdeploy.versions.fastdeploy"
    assert manifest.differing(gathered) == {field: list(VERSIONS)}
    with pytest.raises(manifest.Unlike, match=rf"^{field} \(3\.1\.1 / 3\.1\.0\)$"):
        manifest.check_alike(gathered)
    assert manifest.check_alike(gathered, ["versions.fastdeploy"]) == [field]
