"""Which files of a recipe folder are served, in one walk: what is copied is what the fingerprint covers.

Owns that walk. Links are followed, to files and to folders: weights that lie elsewhere count with their content.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = ROOT / "systems"
# Names that may lie in a recipe folder and decide no answer: environments and caches of interpreters and tools, version
# control, what editors keep. Systems add what they leave behind, each in a file of its folder.
_NOT_SERVED = (
    *("__pycache__", "*.pyc", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints"),
    *(".git", ".gitignore", ".gitattributes", ".hg", ".svn", ".DS_Store"),
    *(".idea", ".vscode", "*~", "#*#", ".#*", ".*.sw?"),
)
LEFTOVERS = "leftovers.txt"
_PIECE = 1 << 20


@lru_cache(maxsize=None)
def not_served() -> tuple[str, ...]:
    """Return the patterns of names of files and folders that are no part of what is served."""
    left = [
        name for path in sorted(SYSTEMS.glob("*/" + LEFTOVERS)) for name in path.read_text(encoding="utf-8").split()
    ]
    return (*_NOT_SERVED, *left)


def is_served(name: str) -> bool:
    """Return whether a file or folder of this name is part of what is served."""
    return not any(fnmatch(name, pattern) for pattern in not_served())


def walk(folder: Path) -> Iterator[Path]:
    """Yield the folders and files that are served, relative to ``folder``, each folder before what is in it.

    In a fixed order. Left out are links that lead nowhere, or back to a folder that they are in; sockets, pipes and
    devices; and what is not readable as a folder.
    """
    yield from _walk(folder, Path(), (os.path.realpath(str(folder)),))


def _walk(folder: Path, below: Path, above: tuple[str, ...]) -> Iterator[Path]:
    for name in sorted(filter(is_served, os.listdir(str(folder / below)))):
        path = folder / below / name
        if path.is_file():
            yield below / name
        elif path.is_dir():
            real = os.path.realpath(str(path))
            if real not in above:
                yield below / name
                yield from _walk(folder, below / name, (*above, real))


def served_files(folder: Path) -> Iterator[Path]:
    """Yield the paths of the files of a recipe folder that are served, in a fixed order."""
    return (folder / path for path in walk(folder) if (folder / path).is_file())


def copy(folder: Path, target: Path) -> None:
    """Copy what is served of a recipe folder to ``target``, which is made, and can be written into.

    Links become what they lead to.
    """
    target.mkdir(parents=True)
    for path in walk(folder):
        if (folder / path).is_dir():
            (target / path).mkdir()
        else:
            shutil.copy2(str(folder / path), str(target / path))
            os.chmod(str(target / path), os.stat(str(folder / path)).st_mode | stat.S_IWUSR)


def digest(folder: Path) -> hashlib._Hash:
    """Return a digest of the names and the content of all files of a recipe folder that are served."""
    found = hashlib.sha256()
    for path in served_files(folder):
        found.update(str(path.relative_to(folder)).encode("utf-8", "surrogateescape") + b"\0")
        found.update(str(path.stat().st_size).encode() + b"\0")
        with path.open("rb") as file:
            for piece in iter(lambda: file.read(_PIECE), b""):
                found.update(piece)
    return found
