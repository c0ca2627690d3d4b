"""Serving systems are found by their folders."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from servecost.core import systems

OWN = """
from servecost.core.system import ServerProcess, System, Wire

class Mine(System):
    label = "mine"

    def wire(self, input_type):
        raise NotImplementedError

    def processes(self, served):
        return []

system = Mine()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder of systems that takes the place of the project's own."""
    systems.load(systems.available()[0])  # so that there is a package to be restored
    monkeypatch.delitem(sys.modules, "systems")
    monkeypatch.setattr(systems, "FOLDER", tmp_path)
    loaded = set(sys.modules)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("systems.") and name not in loaded]:
        del sys.modules[name]


def write_system(folder: Path, name: str, source: str) -> None:
    (folder / name).mkdir()
    (folder / name / "system.py").write_text(source)


def test_the_default_is_one_of_those_that_are_there():
    """A command without ``--system`` works."""
    assert systems.default() in systems.available()


def test_a_folder_with_a_system_is_all_it_takes(folder: Path):
    """Folders without ``system.py`` are no systems."""
    write_system(folder, "mine", OWN)
    (folder / "_shared").mkdir()
    assert systems.available() == ["mine"]
    assert (systems.load("mine").label, systems.load("mine").name) == ("mine", "mine")
    assert systems.load("mine") is systems.load("mine")


def test_an_unknown_system_is_refused_with_a_list_of_the_known_ones(folder: Path):
    """A user who mistypes a name reads the names."""
    for name in ("one", "two"):
        write_system(folder, name, OWN)
    with pytest.raises(systems.UnknownSystem, match=r"^unknown system 'three'; there are: one, two$"):
        systems.load("three")


@pytest.mark.parametrize("source", ["", "system = 'none'"])
def test_a_module_that_defines_no_system_is_named(folder: Path, source: str):
    """The author of a new system learns what is missing."""
    write_system(folder, "empty", source)
    with pytest.raises(systems.UnknownSystem, match=r"empty/system\.py defines no 'system'"):
        systems.load("empty")


def test_a_system_need_not_have_requirements(folder: Path):
    """The path is returned all the same."""
    assert systems.requirements("mine") == folder / "mine" / "requirements.txt"
