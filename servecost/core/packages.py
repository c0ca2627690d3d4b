"""Which packages an interpreter has, asked of the interpreter itself, and what requirements files ask for.

Owns the question, which any Python from 2018 on can answer, and the reading of requirements.
"""

from __future__ import annotations

import json
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Iterable

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
    """Return the requirements of a file that name a package; nothing without a file."""
    if not path.is_file():
        return []
    lines = (line.split(" #")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line[:1].isalpha() and "://" not in line]


def versions_of(names: Iterable[str], python: str) -> dict[str, str]:
    """Return the versions of an interpreter and of the named packages that it has, in the order of the names."""
    found = installed(python)
    return {name: found[normalized(name)] for name in [PYTHON, *names] if normalized(name) in found}
