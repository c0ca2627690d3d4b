"""What a run was made with: the machine, the versions, the settings; whatever a reader of the number has to know.

Owns the gathering. The manifest's format, and what makes two runs alike, is ``contract.manifest``'s.
"""

import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from contract import manifest
from contract.recipe import ROOT, Recipe

# What decides a number besides the recipe: change any of it and earlier runs are unlike later ones.
MEASURING = ("baseline", "contract", "locustfiles", "systems")
# Variables that change how fast a model library computes; recorded where they are set, by the shell or the experiment.
SPEED_SETTINGS = re.compile(
    r"(OMP|MKL|OPENBLAS|NUMEXPR|TF|XLA|TORCH|MALLOC|KMP|GOMP)_|LD_PRELOAD$|CUDA_VISIBLE_DEVICES$"
)


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
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count(),
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
    named = re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements.txt").read_text(), flags=re.MULTILINE)
    installed = {name: _version(name) for name in named}
    return {"python": platform.python_version(), **{name: version for name, version in installed.items() if version}}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


@cache
def instrument() -> str:
    """Return a digest of the code that measures."""
    digest = hashlib.sha256()
    for path in sorted(path for stage in MEASURING for path in (ROOT / stage).glob("*.py")):
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
