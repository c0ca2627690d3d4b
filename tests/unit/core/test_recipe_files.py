"""What is served of a recipe folder is what is copied and what the fingerprint covers."""

import os
import socket
from pathlib import Path

import pytest

from servecost.core import recipe_files
from tests.support import write_recipe

EDITORS = [".predictor.py.swp", "predictor.py~", "#predictor.py#", ".#predictor.py"]
TOOLS = [".git", ".hg", ".svn", ".idea", ".vscode", ".mypy_cache", ".ipynb_checkpoints", "__pycache__", ".venv"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a recipe with a folder of weights."""
    made = write_recipe(tmp_path / "mine")
    (made / "weights").mkdir()
    (made / "weights" / "word.txt").write_text("one")
    return made


def digest(folder: Path) -> str:
    return recipe_files.digest(folder).hexdigest()


@pytest.mark.parametrize("name", [*EDITORS, *TOOLS, "fastdeploy_dbs"])
def test_what_tools_leave_behind_is_no_part_of_a_recipe(tmp_path: Path, folder: Path, name: str):
    """As a file and as a folder, at any depth."""
    before = digest(folder)
    (folder / name).write_text("left")
    (folder / "weights" / name).mkdir()
    (folder / "weights" / name / "left.db").write_text("rows")
    assert digest(folder) == before
    recipe_files.copy(folder, tmp_path / "copy")
    names = {path.name for path in (tmp_path / "copy").rglob("*")}
    assert names == {"example.py", "predictor.py", "weights", "word.txt"}


def test_linked_weights_count_with_their_content(tmp_path: Path, folder: Path):
    """A link to a folder or to a file; the copy has what it leads to."""
    found = set()
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "big.bin").write_text(version)
        (folder / "linked").unlink(missing_ok=True)
        (folder / "linked").symlink_to(tmp_path / version)
        found.add(digest(folder))
        recipe_files.copy(folder, tmp_path / f"copy of {version}")
        copied = tmp_path / f"copy of {version}" / "linked" / "big.bin"
        assert (copied.read_text(), copied.is_symlink()) == (version, False)
    (folder / "linked").unlink()
    (folder / "linked").symlink_to(tmp_path / "v1" / "big.bin")
    assert len({*found, digest(folder)}) == 3


def test_a_link_back_to_a_folder_that_it_is_in_ends(tmp_path: Path, folder: Path):
    """Two links to one folder elsewhere do count, each."""
    before = digest(folder)
    (folder / "weights" / "up").symlink_to(folder)
    assert digest(folder) == before
    (folder / "again").symlink_to(folder / "weights")
    recipe_files.copy(folder, tmp_path / "copy")
    assert (tmp_path / "copy" / "again" / "word.txt").read_text() == "one"


def test_what_has_no_content_is_left_out(tmp_path: Path, folder: Path):
    """Links that lead nowhere, sockets, pipes: none of them can be copied, and none decides an answer."""
    before = digest(folder)
    (folder / "gone").symlink_to("/nowhere/at/all")
    os.mkfifo(folder / "control")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "s"))
        assert digest(folder) == before
        recipe_files.copy(folder, tmp_path / "copy")
    assert not {"gone", "control", "s"} & {path.name for path in (tmp_path / "copy").iterdir()}


def test_names_and_places_count_as_well_as_content(tmp_path: Path, folder: Path):
    """A file that is moved, or whose end becomes the beginning of the next, makes another recipe."""
    found = [digest(folder)]
    (folder / "weights" / "word.txt").rename(folder / "weights" / "other.txt")
    found.append(digest(folder))
    (folder / "weights" / "other.txt").rename(folder / "other.txt")
    found.append(digest(folder))
    (folder / os.fsdecode(b"gr\xf6\xdfe")).write_text("a name that is no Unicode")
    found.append(digest(folder))
    assert len(set(found)) == len(found)


def test_s10_the_copy_of_a_sealed_recipe_can_be_written_into(tmp_path: Path, folder: Path):
    """It is ours, whatever the modes of a shared model's files; a program in it stays one."""
    (folder / "predictor.py").chmod(0o444)
    (folder / "tool").touch(0o555)
    recipe_files.copy(folder, tmp_path / "copy")
    modes = [(tmp_path / "copy" / name).stat().st_mode & 0o777 for name in ("predictor.py", "tool")]
    assert modes == [0o644, 0o755]
    assert (tmp_path / "copy").stat().st_mode & 0o200


def test_each_system_names_its_own_leftovers():
    """Beside those of interpreters, version control and editors."""
    left = [path.read_text().split() for path in recipe_files.SYSTEMS.glob(f"*/{recipe_files.LEFTOVERS}")]
    assert {name for names in left for name in names} <= set(recipe_files.not_served())
