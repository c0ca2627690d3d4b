"""What a run was made with: the machine, the versions, the settings; whatever a reader of the number has to know.

Owns the manifest file beside each run. Knows nothing of results.
"""

import importlib.metadata
import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from contract import results
from contract.recipe import ROOT, Recipe


def write(folder: Path, recipe: Recipe, environment: dict[str, str], **run: Any) -> None:
    """Write the manifest of a run to its folder; ``run`` is what is particular to it."""
    content = {
        "schema_version": results.SCHEMA_VERSION,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **conditions(recipe, environment),
        **run,
        "commit": commit(),
    }
    (folder / results.MANIFEST_JSON).write_text(json.dumps(content, indent=1) + "\n")


def conditions(recipe: Recipe, environment: dict[str, str]) -> dict[str, Any]:
    """Return what has to be the same for two runs to be alike: the recipe, its settings, the machine, the versions."""
    return {
        "recipe": recipe.name,
        "recipe_fingerprint": recipe.fingerprint(),
        "recipe_settings": {name: {**os.environ, **environment}.get(name, "") for name in recipe.settings},
        "environment": environment,
        "machine": machine(),
        "versions": versions(),
    }


@cache
def machine() -> dict[str, Any]:
    """Return the machine's processor, its number of cores, its memory and its operating system."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
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
