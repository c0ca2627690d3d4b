"""What a run was made with: the machine, the versions, the settings; whatever a reader of the number has to know.

Owns the gathering. The manifest's format, and what makes two runs alike, is ``servecost.core.manifest``'s.
"""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from packaging.requirements import Requirement

from servecost.core import manifest, threads
from servecost.core.recipe import ROOT, Recipe

# What decides a number besides the recipe: change any of it and earlier runs are unlike later ones.
MEASURING = ("servecost/core", "servecost/direct", "servecost/load", "servecost/bench", "systems")
# Variables that change how fast a model library computes; recorded where they are set, by the shell or the experiment.
SPEED_SETTINGS = re.compile(
    r"(OMP|MKL|OPENBLAS|NUMEXPR|TF(?!_CLI)|XLA|TORCH|MALLOC|KMP|GOMP)_|LD_PRELOAD$|CUDA_VISIBLE_DEVICES$"
)
# Run by an interpreter that may be a Python of 2018, which knows no importlib.metadata.
_TELL = """
import json, platform
try:
    from importlib.metadata import distributions
    found = {each.metadata["Name"]: each.version for each in distributions()}
except ImportError:
    from pkg_resources import working_set
    found = {each.project_name: each.version for each in working_set}
found = {name.lower().replace("_", "-"): version for name, version in found.items()}
print(json.dumps(dict(found, python=platform.python_version())))
"""


def write(folder: Path, recipe: Recipe, environment: Mapping[str, str], names: Iterable[str] = (), **run: Any) -> None:
    """Write the manifest of a run to its folder; ``run`` is what is particular to it."""
    content = {
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "conditions": conditions(recipe, environment),
        **run,
    }
    manifest.write(folder, content, names)


def conditions(recipe: Recipe, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what has to be the same for two runs to be alike: the recipe, its settings, the machine, the versions."""
    variables = {**os.environ, **environment}
    return {
        "recipes": {
            recipe.name: {
                "fingerprint": recipe.fingerprint(),
                "settings": {name: variables.get(name, "") for name in recipe.settings},
                "stack": stack(recipe),
            }
        },
        "settings": {name: value for name, value in sorted(variables.items()) if SPEED_SETTINGS.match(name)},
        "environment": dict(environment),
        "machine": machine(),
        "versions": versions(),
        "instrument": instrument(),
    }


@cache
def machine() -> dict[str, Any]:
    """Return the machine's name, processor, number of cores (all, and this process's), memory and system."""
    return {
        "host": platform.node(),
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "usable_cores": threads.usable_cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    try:
        match = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        match = None
    return match[1] if match else platform.processor() or platform.machine()


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that requirements.txt pins."""
    return _of(sys.executable, ROOT / "requirements.txt")


def stack(recipe: Recipe) -> dict[str, str]:
    """Return the versions of what calls and serves a recipe: Python, fastDeploy, and what the recipe requires."""
    return _of(recipe.python, recipe.folder / "requirements.txt", "fastdeploy")


def _of(python: str, requirements: Path, *more: str) -> dict[str, str]:
    """Return the versions that an interpreter has of what a file requires of it."""
    found = installed(python)
    where = {"python_version": ".".join(found["python"].split(".")[:2])}
    lines = requirements.read_text().splitlines() if requirements.exists() else []
    required = [Requirement(line) for line in lines if line[:1].isalpha()]
    named = [each.name for each in required if each.marker is None or each.marker.evaluate(where)]
    return {name: found[name.lower()] for name in ["python", *more, *named] if name.lower() in found}


@cache
def installed(python: str) -> dict[str, str]:
    """Return the versions of an interpreter (as ``python``) and of all packages that it has."""
    told = subprocess.run([python, "-c", _TELL], capture_output=True, text=True, check=True)
    return dict(json.loads(told.stdout))


@cache
def instrument() -> str:
    """Return a digest of the code that measures."""
    digest = hashlib.sha256()
    for path in sorted(path for stage in MEASURING for path in (ROOT / stage).rglob("*.py")):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def commit() -> str | None:
    """Return the commit that this code is at, with ``+changes`` if it was changed since; None outside of git."""

    def git(*arguments: str) -> str | None:
        try:
            told = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return None
        return told.stdout.strip() if told.returncode == 0 else None

    head = git("rev-parse", "HEAD")
    return f"{head}+changes" if head and git("status", "--porcelain", "--untracked-files=no") else head
