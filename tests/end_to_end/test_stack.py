"""A recipe's own environment: deepsegment_en on the stack of fastDeploy's page, beside the common one."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from servecost.bench import conditions
from servecost.bench.environments import Environments
from servecost.core import recipe, systems
from servecost.core.recipe import ROOT, Recipe
from servecost.core.recipe_files import not_served
from servecost.direct.command import is_foreign
from tests.support import SEGMENTS, Command, called

pytestmark = pytest.mark.xdist_group("stack")

VERSIONS = {"deepsegment": "2.3.1", "tensorflow": "1.14.0", "keras": "2.2.4", "fastdeploy": "3.1.1"}


def copy_tree(root: Path) -> Path:
    """Copy what `make tf1-stack` needs of this project; the recipe has no environment there yet."""
    name = "recipes/deepsegment_en"
    shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns(*not_served()))
    for path in ("recipes/make-stack", "systems/fastdeploy/requirements.txt", "Makefile"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, root / path)
    return root


@pytest.fixture(scope="module")
def on_its_own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    """The recipe, with the environment that `make tf1-stack` makes."""
    tree = copy_tree(tmp_path_factory.mktemp("tree"))
    made = subprocess.run(["make", "tf1-stack"], cwd=tree, capture_output=True, text=True, check=False)
    if "there is no Python 3.7 here" in made.stderr:
        pytest.skip("no Python 3.7 on this machine")
    assert made.returncode == 0, made.stderr
    assert "deepsegment_en is called and served by Python 3.7." in made.stdout
    yield recipe.load(tree / "recipes" / "deepsegment_en")
    shutil.rmtree(tree / "recipes" / "deepsegment_en" / ".venv")


def test_without_an_environment_of_its_own_a_recipe_has_the_common_one():
    """Whatever its requirements."""
    assert not is_foreign(recipe.load("echo"))
    assert recipe.load("echo").python == sys.executable


def test_a_missing_python_is_told_and_nothing_is_left(tmp_path: Path):
    """What is wanted, where it was looked for, and how to get it."""
    tree = copy_tree(tmp_path / "tree")
    done = subprocess.run(
        ["recipes/make-stack", "deepsegment_en", "3.99"], cwd=tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: there is no Python 3.99 here, neither as python3.99 nor under pyenv; ")
    assert not (tree / "recipes" / "deepsegment_en" / ".venv").exists()


@pytest.mark.network
def test_the_pages_stack_gives_the_pages_answer(on_its_own_stack: Recipe):
    """The same code, checkpoint and example as on the common one (test_recipes.py)."""
    code = "print(json.dumps([predictor(example), predictor(example * 70, batch_size=64)]))"
    alone, many = called(on_its_own_stack.folder, code, python=on_its_own_stack.python)
    assert alone == [SEGMENTS]
    assert many == [SEGMENTS] * 70


@pytest.mark.network
def test_its_versions_are_those_of_the_page(on_its_own_stack: Recipe):
    """And are what a manifest calls its stack."""
    fastdeploy = systems.load("fastdeploy")
    assert Environments().python_for(on_its_own_stack, fastdeploy) == on_its_own_stack.python
    subject = conditions.Subject(on_its_own_stack, "fastdeploy", on_its_own_stack.python, {})
    versions = conditions.gather(subject, 1.0)["stacks"]["deepsegment_en"]["fastdeploy"]["versions"]
    assert versions["python"].startswith("3.7.")
    assert versions.items() >= VERSIONS.items()


@pytest.mark.network
def test_baseline_and_server_run_on_it_and_the_table_says_so(
    command: Command, on_its_own_stack: Recipe, tmp_path: Path
):
    """By the same commands as ever; every served answer is the direct arm's."""
    (tmp_path / "my.toml").write_text(
        f'recipes = ["{on_its_own_stack.folder}"]\nbatch_sizes = [8]\nconcurrencies = [1, 4]\n'
        "examples = 64\nrounds = 1\n"
    )
    done = command("-m", "servecost", "run", tmp_path / "my.toml", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "**VALID**: all 2 rows" in done.stdout
    assert "fastdeploy 3.1.1, tensorflow 1.14.0, keras 2.2.4, deepsegment 2.3.1" in done.stdout
    part = tmp_path / "out" / "round-1" / "deepsegment_en" / "fastdeploy"
    held = json.loads((part / "b8-c4" / "manifest.json").read_text())["conditions"]["stacks"]["deepsegment_en"]
    assert held["fastdeploy"]["versions"].items() >= VERSIONS.items()
    for log in ("baseline.log", "loop.log"):
        assert "python3.7" in (part / log).read_text(errors="replace")
