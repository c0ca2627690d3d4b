"""Which packages an interpreter has, asked of the interpreter itself, and what requirements files ask for.

Owns the question, which any Python from 2018 on can answer, and the reading of requirements.
"""

from __future__ import annotations

import codecs
import json
import re
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Iterable, Iterator

# A Python before 3.8 has no importlib.metadata.
_LIST_PACKAGES = """
import json, platform
try:
    from importlib.metadata import distributions
    found = {each.metadata["Name"]: each.version for each in distributions() if each.metadata["Name"]}
except ImportError:
    from pkg_resources import working_set
    found = {each.project_name: each.version for each in working_set}
print(json.dumps([platform.python_version(), found]))
"""
PYTHON = "python"
_BESIDE = {PYTHON, "pip", "wheel", "servecost"}  # what installs, and this project, which has a digest of its own
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTINUED = re.compile(r"\\\r?\n")
_COMMENT = re.compile(r"(^|\s)#.*$")
_FURTHER = re.compile(r"(?:-r|--requirement)[\s=]*(\S.*)$")
_OPTION = re.compile(r"(^|\s)--?[A-Za-z].*$")
_NAME = re.compile(r"[\w.-]+")
_NAMED_ADDRESS = re.compile(r"[\w.-]+(\[[^\]]*\])?\s*@")
_NAME_IN_ADDRESS = re.compile(r"[#&]egg=([\w.-]+)")
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tar.bz2")


def normalized(name: str) -> str:
    """Return a package's name as pip compares it (PEP 503): lower case, one dash for any run of ``-``, ``_``, ``.``."""
    return "-".join(part for part in name.lower().replace("_", "-").replace(".", "-").split("-") if part)


@lru_cache(maxsize=None)
def installed(python: str) -> dict[str, str]:
    """Return the versions of an interpreter (under ``python``) and of all its packages, by normalized name.

    Raises CalledProcessError and OSError if the interpreter cannot be run.
    """
    printed = subprocess.run(
        [python, "-c", _LIST_PACKAGES], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True
    ).stdout
    version, found = json.loads(printed)
    return {**{normalized(name): found[name] for name in found}, PYTHON: version}


def requirement_lines(path: Path) -> list[str]:
    """Return the requirements that a file names, read as pip reads it; nothing without a file.

    Comments, hashes and other options are left out, continued lines joined, further files (``-r``) followed. Of an
    address, the name that it gives to its package is known, and nothing without one.
    """
    return [line for line in _lines(path, frozenset()) if line]


def required(path: Path) -> list[str]:
    """Return the names of the packages that a requirements file names, as it writes them."""
    found = [_NAME.match(line) for line in requirement_lines(path)]
    return [match.group(0) for match in found if match]


def _lines(path: Path, above: frozenset[Path]) -> Iterator[str]:
    if not path.is_file() or path.resolve() in above:
        return
    text = _CONTINUED.sub("", _decoded(path.read_bytes()))
    for line in text.splitlines():
        bare = _COMMENT.sub("", line).strip()
        further = _FURTHER.match(bare)
        if further:
            yield from _lines(path.parent / further.group(1).strip("'\""), above | {path.resolve()})
        else:
            yield _requirement(_OPTION.sub("", bare).strip())


def _requirement(line: str) -> str:
    """Return a line as a requirement with a name; nothing for an option, a path, or an address without a name."""
    if _NAMED_ADDRESS.match(line):
        return line
    if "://" in line:
        name = _NAME_IN_ADDRESS.search(line)
        return name.group(1) if name else ""
    return line if line[:1].isalnum() and "/" not in line and not line.endswith(_ARCHIVES) else ""


def _decoded(content: bytes) -> str:
    """Return the text of a file as pip decodes it: by its byte order mark, or as UTF-8."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    return content.decode("utf-8", "replace")


def all_versions(python: str) -> dict[str, str]:
    """Return the versions of an interpreter and of all its packages, but for those that nothing runs on."""
    found = installed(python)
    return {PYTHON: found[PYTHON], **{name: found[name] for name in sorted(found) if name not in _BESIDE}}


def versions_of(names: Iterable[str], python: str) -> dict[str, str]:
    """Return the versions of an interpreter and of the named packages that it has, in the order of the names."""
    found = installed(python)
    return {name: found[normalized(name)] for name in [PYTHON, *names] if normalized(name) in found}
