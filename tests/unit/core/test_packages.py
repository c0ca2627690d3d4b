"""Packages are asked of an interpreter, and requirements are read from files."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from servecost.core import packages


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Answer for every interpreter in its place; return those that were asked."""
    interpreters: list[str] = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        interpreters.append(command[0])
        return SimpleNamespace(stdout=json.dumps(["3.7.16", {"Efficientnet_PyTorch": "0.7.1", "torch": "2.0"}]))

    packages.installed.cache_clear()
    monkeypatch.setattr(subprocess, "run", run)
    yield interpreters
    packages.installed.cache_clear()


@pytest.mark.parametrize(
    ("name", "compared"),
    [
        ("torch", "torch"),
        ("Efficientnet_PyTorch", "efficientnet-pytorch"),
        ("zope.interface", "zope-interface"),
        ("a-_.b", "a-b"),
    ],
)
def test_names_are_compared_as_pip_compares_them(name: str, compared: str):
    """The rule is PEP 503's."""
    assert packages.normalized(name) == compared


def test_an_interpreter_is_asked_once(asked: list[str]):
    """It answers with its own version and those of all its packages, by normalized name."""
    found = {"python": "3.7.16", "efficientnet-pytorch": "0.7.1", "torch": "2.0"}
    assert packages.installed("old/python") == found
    assert packages.installed("old/python") == found
    assert asked == ["old/python"]


@pytest.mark.usefixtures("asked")
def test_versions_stand_under_the_names_that_were_asked_for():
    """The interpreter comes first; a package that it has not got is left out."""
    found = packages.versions_of(["efficientnet_pytorch", "keras", "Torch"], "old/python")
    assert list(found.items()) == [("python", "3.7.16"), ("efficientnet_pytorch", "0.7.1"), ("Torch", "2.0")]


def test_the_question_is_one_that_this_interpreter_can_answer(capsys: pytest.CaptureFixture[str]):
    """The program that is sent prints a version and a table of packages."""
    exec(compile(packages._LIST_PACKAGES, "question", "exec"), {})
    version, found = json.loads(capsys.readouterr().out)
    assert version.count(".") == 2
    assert {"pytest", "packaging"} <= {packages.normalized(name) for name in found}


@pytest.mark.usefixtures("asked")
def test_an_interpreter_that_cannot_be_run_is_an_error(monkeypatch: pytest.MonkeyPatch):
    """It is not taken for one without packages."""

    def fail(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(1, "python")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(subprocess.CalledProcessError):
        packages.installed("broken/python")


def test_only_lines_that_name_a_package_are_requirements(tmp_path: Path):
    """Comments, options and addresses without a name are none."""
    path = tmp_path / "requirements.txt"
    path.write_text(
        "# a stack\n\n--no-binary torch\n-r other.txt\nhttps://somewhere/torch.whl\ntorch @ https://somewhere/torch.whl\n"
        'keras==2.2.4; python_version < "3.8"  # the last\n  pillow\n'
    )
    named = ["torch @ https://somewhere/torch.whl", 'keras==2.2.4; python_version < "3.8"', "pillow"]
    assert packages.requirement_lines(path) == named


def test_without_a_file_nothing_is_required(tmp_path: Path):
    """A recipe or a system need not have one."""
    assert packages.requirement_lines(tmp_path / "requirements.txt") == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"torch==2.0  # the newest\n# a comment\n\n", ["torch==2.0"]),
        (b"\xef\xbb\xbftorch\n", ["torch"]),
        ("torch\nnumpy\n".encode("utf-16"), ["torch", "numpy"]),
        (b"torch==2.0 \\\n  --hash=sha256:00 \\\n  --hash=sha256:11\nnumpy\n", ["torch==2.0", "numpy"]),
        (b"torch>=1, \\\r\n  <3\r\n", ["torch>=1,   <3"]),
        (b"--extra-index-url https://somewhere/simple\n-e .\n./own.whl\nown-1.0-py3-none-any.whl\n", []),
        (b"git+https://host/repo.git@main#egg=some_package\nhttps://host/x.zip\n", ["some_package"]),
        (b"own @ https://host/own.zip\nother[a,b] @ file:///x.whl\n", None),
        (b"-r more.txt\n--requirement=more.txt\n-r gone.txt\n-r requirements.txt\n", ["keras<3", "keras<3"]),
        (b"torch; python_version < '3.8'\n", ["torch; python_version < '3.8'"]),
        (b"caf\xe9\n\xff\n", None),
    ],
)
def test_a_requirements_file_is_read_as_pip_reads_it(tmp_path: Path, content: bytes, found: "list[str] | None"):
    """Whatever it holds, it stops no measurement."""
    (tmp_path / "requirements.txt").write_bytes(content)
    (tmp_path / "more.txt").write_text("keras<3\n")
    lines = packages.requirement_lines(tmp_path / "requirements.txt")
    if found is not None:
        assert lines == found
    elif b"own" in content:
        assert [line.split()[0] for line in lines] == ["own", "other[a,b]"]
