"""The files, targets and commands that the documents name are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from servecost.core.recipe import ROOT

DOCUMENTS = [name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md") if (ROOT / name).is_file()]
# What commands and readers make.
MADE = ("results/", "served/", "systems/flask/")
SOURCES = ("servecost", "systems", "baseline", "locustfiles", "docker", "calibration")


def text_of(document: str) -> str:
    return (ROOT / document).read_text()


def code_in(document: str) -> list[str]:
    """Return what a document sets as code: blocks first, then single words and commands."""
    text = text_of(document)
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*blocks, *(" ".join(words.split()) for words in re.findall(r"`([^`]+)`", rest))]


def targets() -> dict[str, str]:
    """Return the targets of the Makefile, each with its description, which may be empty."""
    makefile = (ROOT / "Makefile").read_text()
    return dict(re.findall(r"^([a-z0-9-]+):[^=]*?(?:##\s*(.*))?$", makefile, flags=re.MULTILINE))


def commands() -> Iterator[str]:
    """Yield the commands of ``servecost``, as its command line has them."""
    for node in ast.parse((ROOT / "servecost" / "cli.py").read_text()).body:
        for decorator in getattr(node, "decorator_list", ()):
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "main.command":
                assert isinstance(node, ast.FunctionDef)
                yield next(
                    (ast.literal_eval(each.value) for each in decorator.keywords if each.arg == "name"), node.name
                )


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_is_there(document: str):
    """They are code, experiments, pictures and links; what commands make need not be there."""
    named = [
        name
        for words in code_in(document)
        for name in re.findall(r"(?<![\w/.<-])(?:[\w.-]+/)+[\w.-]+\.(?:py|toml|md|ipynb|json|png|csv|env|yml)\b", words)
    ]
    linked = [target for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text_of(document)) if "://" not in target]
    assert len(named + linked) >= 3
    named = [name for name in named if not name.startswith(MADE) and not Path(name).stem.isupper()]  # NAME is any name
    assert [name for name in named + linked if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_target_that_a_document_names_is_in_the_makefile(document: str):
    """It is spelt as the Makefile has it."""
    named = {name for words in code_in(document) for name in re.findall(r"\bmake ([a-z][a-z0-9-]*)", words)}
    assert named <= targets().keys()


def test_make_help_leaves_no_target_out():
    """It shows those that have a description."""
    assert {"bench", "test", "check"} <= targets().keys()
    assert [name for name, description in targets().items() if not description] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_that_a_document_names_is_one_of_servecosts(document: str):
    """It is spelt as the command line has it."""
    named = {name for words in code_in(document) for name in re.findall(r"(?:^|[\s$])servecost ([a-z]+)", words)}
    assert named <= set(commands())


def test_the_readme_names_every_command():
    """A user finds each of them."""
    shown = "\n".join(code_in("README.md"))
    assert [name for name in commands() if not re.search(rf"servecost {name}\b", shown)] == []


def test_every_module_of_ours_says_what_it_owns():
    """A newcomer opens any file and knows why it is there."""
    paths = [path for folder in SOURCES for path in Path(ROOT, folder).rglob("*.py")]
    assert [str(path.relative_to(ROOT)) for path in paths if not path.read_text().startswith('"""')] == []
