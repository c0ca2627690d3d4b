"""Gathers the conditions of a run: everything that has to be the same for two runs to be merged or compared.

Owns which facts these are, each in one field. The manifest's format is ``servecost.core.manifest``'s.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from servecost.bench.environments import Environments, required_names
from servecost.core import manifest, packages, shell, systems, threads
from servecost.core.recipe import ROOT, Recipe
from servecost.core.warming import LIMIT_S

# The packages whose code can move a number; what the report does with the numbers is not among them.
MEASURING = ("core", "direct", "load", "bench")
DOCUMENTATION = (".md",)
_SIBLING = re.compile(r"^from \.\.(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Subject:
    """A recipe under a system, on one interpreter, with the variables that are set for both arms.

    Attributes:
        recipe: what is called and served.
        system: the system's name.
        python: the interpreter that runs both arms.
        environment: the variables that the experiment sets.
    """

    recipe: Recipe
    system: str
    python: str
    environment: Mapping[str, str]
    warm_s: int = LIMIT_S


def write(folder: Path, subject: Subject, slice_s: float, names: Iterable[str] = (), **run: Any) -> None:
    """Write the manifest of a pair into its folder; ``run`` holds the fields that only this pair has."""
    content = {
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "host": host(),
        "conditions": gather(subject, slice_s),
        **run,
    }
    manifest.write(folder, content, names)


def gather(subject: Subject, slice_s: float) -> dict[str, Any]:
    """Return the conditions of now: a tree of fields, in which every fact stands once."""
    of_machine = _of_machine(subject.environment, subject.system)
    return {**_of_recipe(subject), "stacks": _stacks(subject), **of_machine, **_method(slice_s, subject.warm_s)}


def gather_before(
    recipe: Recipe, system: str, environment: Mapping[str, str], slice_s: float, warm_s: int
) -> dict[str, Any]:
    """Return the conditions as far as they are known before anything is built: without an interpreter, no versions."""
    python = Environments().find(recipe, systems.load(system))
    if python is not None:
        return gather(Subject(recipe, system, python, environment, warm_s), slice_s)
    subject = Subject(recipe, system, sys.executable, environment)
    return {**_of_recipe(subject), **_of_machine(environment, system), **_method(slice_s, warm_s)}


def _method(slice_s: float, warm_s: int) -> dict[str, Any]:
    return {"slice_s": slice_s, "warm_s": warm_s}


def _of_recipe(subject: Subject) -> dict[str, Any]:
    recipe, variables = subject.recipe, {**os.environ, **subject.environment}
    settings = {name: variables[name] for name in recipe.settings if name in variables}
    return {"recipes": {recipe.name: {"fingerprint": recipe.fingerprint(), "settings": settings}}}


def _stacks(subject: Subject) -> dict[str, Any]:
    system = systems.load(subject.system)
    if not system.calls_predictor:
        return {}
    stack = {
        "required": required_names(subject.recipe, system, subject.python),
        "versions": packages.all_versions(subject.python),
    }
    return {subject.recipe.name: {system.name: stack}}


def _of_machine(environment: Mapping[str, str], system: str) -> dict[str, Any]:
    return {
        "environment": dict(environment),
        "shell": {name: value for name, value in shell.recorded().items() if name not in environment},
        "machine": machine(),
        "load": {"versions": packages.all_versions(sys.executable)},
        "code": {"servecost": code_digest(), "systems": {system: system_digest(system)}},
    }


@cache
def host() -> str:
    """Return what tells this machine, between two of its boots, from others: its name, and how its boot's id begins."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return "/".join([platform.node(), *([boot.read_text(encoding="ascii")[:8]] if boot.is_file() else [])])


@cache
def machine() -> dict[str, Any]:
    """Return the machine's name, processor, cores (all, this process's, its quota of their time), memory and system."""
    return {
        "host": platform.node(),
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "usable_cores": threads.usable_cores(),
        "cpu_quota": threads.cpu_quota() or "none",
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    try:
        match = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        match = None
    return match[1] if match else platform.processor() or platform.machine()


def measuring_files() -> list[Path]:
    """Return the files of this project whose content can move a number, systems left out."""
    folders = [ROOT / "servecost" / package for package in MEASURING]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    return sorted([*files, *(ROOT / "baseline").glob("*.py"), *(ROOT / "locustfiles").glob("*.py")])


@cache
def code_digest() -> str:
    """Return a digest of the code that measures."""
    return _digest_of(measuring_files())


@cache
def system_digest(name: str) -> str:
    """Return a digest of a system's folder, and of the folders that it shares with other systems."""
    return _digest_of(system_files(name))


def system_files(name: str) -> list[Path]:
    """Return the files of a system whose content can move a number: of its folder and of those that it imports from."""
    own = systems.folder_of(name)
    imported = {other for path in own.glob("*.py") for other in _SIBLING.findall(path.read_text(encoding="utf-8"))}
    imported.update(systems.folder_of(other).name for other in systems.load(name).borrows)
    folders = [own, *systems.FOLDER.glob("_*"), *(systems.FOLDER / other for other in imported)]
    files = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    return sorted(path for path in files if not _is_left_out(path))


def _is_left_out(path: Path) -> bool:
    return path.suffix in DOCUMENTATION or "__pycache__" in path.parts


def _digest_of(files: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in files:
        found.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


@cache
def commit() -> str | None:
    """Return the commit that this code is at, with ``+changes`` if it was changed since; None outside of git.

    A repository that this code only lies in is somebody else's.
    """

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    top, _, head = (git("rev-parse", "--show-toplevel", "HEAD") or "").partition("\n")
    if not head or Path(top).resolve() != ROOT.resolve():
        return None
    return f"{head}+changes" if git("status", "--porcelain", "--untracked-files=no") else head
