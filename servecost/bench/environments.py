"""The environment of a recipe under a system: one interpreter that has the requirements of both.

Owns the choice of the interpreter, and the virtual environments that are built where none at hand will do. They are
kept in ``.cache/environments``, each under a digest of what it was built from. Both arms of a comparison run on the
same one.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from servecost.core import packages, systems
from servecost.core.recipe import ROOT, Recipe
from servecost.core.system import System

FOLDER = ROOT / ".cache" / "environments"
CONSTRAINTS = "constraints.txt"
BUILT = "built"  # the file that says that an environment is whole
REFUSED_SUFFIX = ".refused"  # of the file that says why it cannot be had
MOST_CAUSES = 4  # lines of pip's that are shown
# How pip says that its index was reached, and has no versions that go together.
_CAUSES = re.compile(r"^The conflict is caused by:\s*\n((?:[ \t]+\S.*\n)+)", re.MULTILINE)
_OTHER_PYTHON = re.compile(
    r"^ERROR: Ignored the following versions that require a different python version: (.+)$", re.M
)
_NO_VERSION = re.compile(r"No matching distribution found for (\S+)")
POLL_S = 0.5
LIMIT_S = 3600


class EnvironmentRefused(Exception):
    """The environment of a recipe under a system could not be made; the message is one line that says why."""


class Incompatible(EnvironmentRefused):
    """A recipe and a system cannot be had together on this machine, however often it is tried."""


@dataclass(frozen=True)
class Environments:
    """Finds or builds the interpreter of each recipe under each system.

    Attributes:
        tick: called often while an environment is built.
        say: shows a line to the user.
    """

    tick: Callable[[], None] = lambda: None
    say: Callable[[str], None] = lambda line: None

    def python_for(self, recipe: Recipe, system: System) -> str:
        """Return the path of an interpreter that has what the recipe and the system require.

        The recipe's own interpreter is taken if it fits, else an environment is built from it. Raises
        EnvironmentRefused if that fails, and Incompatible if it will always fail; that is remembered.
        """
        for program, what in system.programs.items():
            if shutil.which(program) is None:
                raise Incompatible(f"there is no program '{program}' on this machine; install {what}")
        if (known := self.find(recipe, system)) is not None:
            return known
        place = _place(recipe, system)
        refused = place.with_name(place.name + REFUSED_SUFFIX)
        with _locked(place, self.tick):
            if refused.exists():
                raise Incompatible(refused.read_text(encoding="utf-8").strip())
            if not (place / BUILT).exists():
                self.say(f"Building an environment for {recipe.name} under {system.folder.name}, once: {place} …")
                began_s = time.monotonic()
                try:
                    self._build(place, recipe, system)
                except Incompatible as error:
                    refused.write_text(f"{error}\n", encoding="utf-8")
                    shutil.rmtree(place, ignore_errors=True)
                    raise
                self.say(f"… built in {time.monotonic() - began_s:.0f} s")
        packages.installed.cache_clear()
        return str(place / "bin" / "python")

    def find(self, recipe: Recipe, system: System) -> str | None:
        """Return the interpreter of a recipe under a system, or None if its environment has not been built yet."""
        if not system.calls_predictor or fits(recipe.python, recipe, system):
            return recipe.python
        place = _place(recipe, system)
        return str(place / "bin" / "python") if (place / BUILT).exists() else None

    def _build(self, place: Path, recipe: Recipe, system: System) -> None:
        shutil.rmtree(place, ignore_errors=True)
        self._run([recipe.python, "-m", "venv", str(place)], recipe, system)
        requirements = [path for path in (recipe.requirements, systems.requirements(system.name)) if path.is_file()]
        files = [word for path in requirements for word in ("-r", str(path))]
        options = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
        install = [str(place / "bin" / "python"), "-m", "pip", "install", *options]
        constraints = _constraints(recipe)
        try:  # the versions that this project pins, where they can be had together with the system
            self._run([*install, *files, "-c", str(constraints)], recipe, system)
        except Incompatible:
            self._run([*install, *files], recipe, system)
        (place / BUILT).touch()

    def _run(self, command: list[str], recipe: Recipe, system: System) -> None:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                output = self._await_output(process)
            except BaseException:  # interrupted: pip is not to go on by itself
                process.kill()
                raise
        if process.returncode:
            if (conflict := conflict_in(output)) is not None:
                raise Incompatible(f"{recipe.name} and {system.folder.name} cannot be had together: {conflict}")
            errors = [line for line in output.splitlines() if "ERROR" in line or "error:" in line] or ["no message"]
            reason = errors[-1].removeprefix("ERROR: ").strip()
            raise EnvironmentRefused(f"{recipe.name} and {system.folder.name} cannot be installed together: {reason}")

    def _await_output(self, process: subprocess.Popen[str]) -> str:
        """Return what a process prints until it ends; it is killed after the limit."""
        for _ in range(round(LIMIT_S / POLL_S)):
            try:
                return process.communicate(timeout=POLL_S)[0]
            except subprocess.TimeoutExpired:
                self.tick()
        process.kill()
        with suppress(subprocess.TimeoutExpired):  # what it has started may keep the pipe open
            return process.communicate(timeout=POLL_S)[0]
        return ""


def conflict_in(output: str) -> str | None:
    """Return in one line which requirements cannot be had together, by what pip printed; None if it failed otherwise.

    A package of which pip found no version at all may be missing because no index was reached.
    """
    if found := _CAUSES.search(output):
        causes = dict.fromkeys(line.strip() for line in found[1].splitlines())
        return "; ".join(list(causes)[:MOST_CAUSES])
    missing = _NO_VERSION.search(output)
    if missing and (other := _OTHER_PYTHON.search(output)):
        versions = other[1].split("; ")
        needed = next(
            (each.partition("Requires-Python ")[2] for each in versions if missing[1].endswith(each.split()[0])), ""
        )
        return f"{missing[1]} needs another Python" + (f": {needed}" if needed else "")
    if missing and "(from versions: none)" not in output:
        return f"no version that runs here matches {missing[1]}"
    return None


def _place(recipe: Recipe, system: System) -> Path:
    return FOLDER / f"{system.folder.name}-{digest(recipe, system)}"


def fits(python: str, recipe: Recipe, system: System) -> bool:
    """Say whether an interpreter has what a recipe requires, in these versions, and what a system requires, in any.

    A project that develops a serving system installs its own version, which no pin of ours is to undo. A requirement of
    the recipe that cannot be read is left to pip.
    """
    return all(_has(python, line, is_pinned=True) for line in packages.requirement_lines(recipe.requirements)) and all(
        _has(python, line, is_pinned=False) for line in packages.requirement_lines(systems.requirements(system.name))
    )


def required_names(recipe: Recipe, system: System, python: str) -> list[str]:
    """Return the names of the packages that a recipe and a system require of an interpreter, each once."""
    lines = packages.requirement_lines(systems.requirements(system.name))
    lines += packages.requirement_lines(recipe.requirements)
    read = [_read(line) for line in lines]
    return list(dict.fromkeys(each.name for each in read if each and _applies(each, python)))


def digest(recipe: Recipe, system: System) -> str:
    """Return a digest of what an environment is built from."""
    found = hashlib.sha256(recipe.python.encode() + packages.installed(recipe.python)[packages.PYTHON].encode())
    for path in (recipe.requirements, systems.requirements(system.name), _constraints(recipe)):
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        found.update(b"\0" + "\n".join(line for line in lines if line.strip() and line[0] != "#").encode())
    return found.hexdigest()[:12]


def _constraints(recipe: Recipe) -> Path:
    """Return the constraints of the recipe's own stack, where it has an environment of its own, else this project's."""
    own = recipe.folder / CONSTRAINTS
    return own if recipe.has_environment and own.is_file() else ROOT / CONSTRAINTS


def _has(python: str, line: str, is_pinned: bool) -> bool:
    requirement = _read(line)
    if requirement is None or not _applies(requirement, python):
        return True
    version = packages.installed(python).get(packages.normalized(requirement.name))
    if version is None:
        return False
    return not is_pinned or requirement.specifier.contains(version, prereleases=True)


def _read(line: str) -> Requirement | None:
    try:
        return Requirement(line)
    except InvalidRequirement:
        return None


def _applies(requirement: Requirement, python: str) -> bool:
    version = ".".join(packages.installed(python)[packages.PYTHON].split(".")[:2])
    return requirement.marker is None or requirement.marker.evaluate({"python_version": version})


@contextmanager
def _locked(place: Path, tick: Callable[[], None]) -> Iterator[None]:
    """Let one bench at a time build an environment; another waits for it, as long as building may take."""
    place.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LIMIT_S
    with place.with_name(place.name + ".lock").open("w", encoding="utf-8") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EnvironmentRefused(f"another bench has been building {place} for {LIMIT_S} s") from None
                tick()
                time.sleep(POLL_S)
        yield
