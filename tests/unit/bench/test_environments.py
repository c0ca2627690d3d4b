"""Both arms run on one interpreter that has what the recipe and the system require."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from servecost.bench import environments
from servecost.bench.environments import EnvironmentRefused, Environments, Incompatible, digest, fits, required_names
from servecost.core import recipe, systems
from servecost.core.recipe import Recipe
from servecost.core.system import System
from tests.support import write_recipe
from tests.unit.bench.fakes import FakeInstalled
from tests.unit.core.fakes import FakeTime

PYTHON = "python3"


@dataclass
class Pair:
    """A recipe and a system whose requirements a test writes, and the interpreter's packages."""

    recipe: Recipe
    system: System
    system_file: Path
    installed: FakeInstalled

    def require(self, of_recipe: str = "", of_system: str = "") -> None:
        self.recipe.requirements.write_text(of_recipe)
        self.system_file.write_text(of_system)

    def fits(self) -> bool:
        return fits(PYTHON, self.recipe, self.system)

    def digest(self) -> str:
        return digest(self.recipe, self.system)


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: FakeInstalled) -> Pair:
    """Return a pair that requires nothing; environments are built below the test's folder."""
    requirements = tmp_path / "system-requirements.txt"
    monkeypatch.setattr(systems, "requirements", lambda name: requirements)
    monkeypatch.setattr(environments, "FOLDER", tmp_path / "environments")
    installed.versions = {"python": "3.11.7", "torch": "2.1.0", "efficientnet-pytorch": "0.7.1", "pillow": "13.0.0"}
    made = Pair(recipe.load(write_recipe(tmp_path / "mine")), systems.load(systems.default()), requirements, installed)
    made.require()
    return made


@pytest.mark.parametrize(
    ("of_recipe", "is_fit"),
    [
        ("", True),
        ("# needs nothing but Python\n", True),
        ("torch==2.1.0\n", True),
        ("torch\npillow>=12,<14\n", True),
        ("torch==2.2.0\n", False),
        ("keras\n", False),
        ("Efficientnet_PyTorch==0.7.1\n", True),
        ('keras==2.2.4; python_version < "3.8"\n', True),
        ('keras==2.2.4; python_version >= "3.8"\n', False),
        ('torch==1.0; python_version < "3.10"\ntorch==2.1.0; python_version >= "3.10"\n', True),
        ("torch = 2.2.0\n", True),
        ("https://somewhere/keras.whl\n--no-binary :all:\n", True),
    ],
)
def test_an_interpreter_fits_a_recipe_by_its_pins(pair: Pair, of_recipe: str, is_fit: bool):
    """Markers are evaluated for that interpreter, and a line that cannot be read is left to pip."""
    pair.require(of_recipe)
    assert pair.fits() is is_fit


@pytest.mark.parametrize(
    ("of_system", "is_fit"),
    [
        ("torch==1.0\n", True),
        ("keras==2.2.4\n", False),
        ('keras==2.2.4; python_version < "3.8"\n', True),
    ],
)
def test_a_system_fits_in_any_version(pair: Pair, of_system: str, is_fit: bool):
    """A project that develops a serving system measures its own version."""
    pair.require(of_system=of_system)
    assert pair.fits() is is_fit


@pytest.mark.parametrize(("version", "is_fit"), [("3.7.16", True), ("3.10.1", False)])
def test_markers_are_those_of_the_recipes_interpreter(pair: Pair, version: str, is_fit: bool):
    """The bench's own may be another; 3.10 is later than 3.9."""
    pair.installed.by_python[PYTHON] = {"python": version, "torch": "1.0"}
    pair.require('torch==1.0; python_version < "3.10"\ntorch==2.1.0; python_version >= "3.10"\n')
    assert pair.fits() is is_fit


def test_a_release_candidate_fits_a_range(pair: Pair):
    """A user who has installed it wanted it."""
    pair.installed.versions["torch"] = "2.1.0rc1"
    pair.require("torch>=2.0\n")
    assert pair.fits()


def test_names_are_those_of_both_each_once(pair: Pair):
    """Those that do not apply to the interpreter are left out; the system's come first."""
    pair.require('torch==2.1.0\nkeras; python_version < "3.8"\nmsgpack\n', "fastapi==0.1\ntorch\n")
    assert required_names(pair.recipe, pair.system, PYTHON) == ["fastapi", "torch", "msgpack"]


@pytest.mark.parametrize(
    ("of_recipe", "of_system"),
    [
        ("torch==2.2.0\n", "fastapi\n"),
        ("torch==2.1.0\n", "fastapi==0.1\n"),
        ("torch==2.1.0\nkeras\n", "fastapi\n"),
    ],
)
def test_another_requirement_gives_another_digest(pair: Pair, of_recipe: str, of_system: str):
    """An environment is built anew then."""
    pair.require("torch==2.1.0\n", "fastapi\n")
    before = pair.digest()
    pair.require(of_recipe, of_system)
    assert pair.digest() != before


def test_a_comment_gives_the_same_digest(pair: Pair):
    """Nobody waits for an installation because of a word."""
    pair.require("torch==2.1.0\n", "fastapi\n")
    before = pair.digest()
    pair.require("# a stack of today\n\ntorch==2.1.0\n", "\nfastapi\n# the newest\n")
    assert pair.digest() == before


@pytest.mark.parametrize("change", ["version", "path", "constraints"])
def test_another_interpreter_gives_another_digest(pair: Pair, change: str):
    """The environment is made from it; constraints are those of the recipe's own stack, if it has one."""
    before = pair.digest()
    if change == "version":
        pair.installed.versions["python"] = "3.12.1"
    else:
        own = pair.recipe.folder / ".venv" / "bin" / "python"
        own.parent.mkdir(parents=True)
        own.touch()
    if change == "constraints":
        without = pair.digest()
        (pair.recipe.folder / environments.CONSTRAINTS).write_text("torch==2.1.0\n")
        before = without
    assert pair.digest() != before


def test_constraints_of_a_recipe_without_an_environment_do_not_count(pair: Pair):
    """They are of another stack than the one that the recipe runs on."""
    before = pair.digest()
    (pair.recipe.folder / environments.CONSTRAINTS).write_text("torch==2.1.0\n")
    assert pair.digest() == before


@dataclass
class Commands:
    """Notes the commands that build environments, in place of running them.

    Attributes:
        refused: commands that contain one of these words fail.
        as_what: how they fail.
    """

    made: list[list[str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    as_what: type[EnvironmentRefused] = EnvironmentRefused

    def run(self, command: list[str], chosen: Recipe, system: System) -> None:
        self.made.append(command)
        if any(word in command for word in self.refused):
            raise self.as_what(f"{chosen.name} and {system.name} cannot be installed together: no such version")
        if "venv" in command:
            Path(command[-1]).mkdir(parents=True)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Return the commands; all of them succeed."""
    noted = Commands()
    monkeypatch.setattr(Environments, "_run", lambda self, *more: noted.run(*more))
    return noted


def test_the_recipes_own_interpreter_is_taken_if_it_fits(pair: Pair, commands: Commands):
    """Nothing is built, and nothing is said."""
    pair.require("torch==2.1.0\n", "torch\n")
    said: list[str] = []
    assert Environments(say=said.append).python_for(pair.recipe, pair.system) == pair.recipe.python
    assert (commands.made, said) == ([], [])


@pytest.mark.parametrize("name", [name for name in systems.available() if not systems.load(name).calls_predictor])
def test_a_system_that_does_not_call_the_predictor_needs_nothing_of_an_environment(
    pair: Pair, commands: Commands, name: str
):
    """It runs on an interpreter of its own."""
    pair.require("keras\n", "uvloop\n")
    assert Environments().python_for(pair.recipe, systems.load(name)) == pair.recipe.python
    assert commands.made == []


def test_an_environment_is_built_once_from_both_files(pair: Pair, commands: Commands):
    """It has this project's versions where they can be had together; the user is told where it is."""
    pair.require("torch==2.2.0\n", "fastapi\n")
    said: list[str] = []
    for _ in range(2):
        python = Path(Environments(say=said.append).python_for(pair.recipe, pair.system))
    place = python.parents[1]
    assert place == environments.FOLDER / f"{pair.system.name}-{pair.digest()}"
    venv, install = commands.made
    assert venv == [pair.recipe.python, "-m", "venv", str(place)]
    assert install[:3] == [str(python), "-m", "pip"]
    constraints = str(recipe.ROOT / environments.CONSTRAINTS)
    assert install[-6:] == ["-r", str(pair.recipe.requirements), "-r", str(pair.system_file), "-c", constraints]
    assert said == [f"Building an environment for mine under {pair.system.name}, once: {place} …", "… built in 0 s"]
    assert pair.installed.times_cleared > 0  # a new environment has other packages than were last asked for


def test_an_environment_is_found_once_it_is_whole(pair: Pair, commands: Commands):
    """Nothing is built for the question."""
    pair.require("torch==2.2.0\n")
    assert Environments().find(pair.recipe, pair.system) is None
    assert commands.made == []
    python = Environments().python_for(pair.recipe, pair.system)
    assert Environments().find(pair.recipe, pair.system) == python
    (Path(python).parents[1] / environments.BUILT).unlink()
    assert Environments().find(pair.recipe, pair.system) is None
    pair.require("torch==2.1.0\n")
    assert Environments().find(pair.recipe, pair.system) == pair.recipe.python


def test_this_projects_versions_are_given_up_where_they_cannot_be_had(pair: Pair, commands: Commands):
    """The recipe's own pins hold all the same."""
    pair.require("torch==2.2.0\n", "fastapi\n")
    commands.refused, commands.as_what = ["-c"], Incompatible
    Environments().python_for(pair.recipe, pair.system)
    assert "-c" in commands.made[-2]
    assert "-c" not in commands.made[-1]


def test_an_environment_that_was_not_finished_is_built_anew(pair: Pair, commands: Commands):
    """An interrupted installation leaves a folder that cannot be told from a whole one."""
    pair.require("torch==2.2.0\n")
    commands.refused = ["install"]
    with pytest.raises(EnvironmentRefused):
        Environments().python_for(pair.recipe, pair.system)
    commands.refused, commands.made = [], []
    (environments.FOLDER / f"{pair.system.name}-{pair.digest()}" / "left").touch()
    python = Path(Environments().python_for(pair.recipe, pair.system))
    assert len(commands.made) == 2
    assert not (python.parents[1] / "left").exists()


class FakePopen:
    """A command whose output comes after some polls, and during whose polls a signal may arrive."""

    output, exit_code, polls = "", 1, 2
    is_interrupted = False
    started: list[FakePopen]

    def __init__(self, command: list[str], **_: object) -> None:
        self.returncode: int | None = None
        self.was_killed = False
        self.started.append(self)

    def __enter__(self) -> FakePopen:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def communicate(self, timeout: float) -> tuple[str, None]:
        if self.is_interrupted:
            raise KeyboardInterrupt
        self.polls -= 1
        if self.polls >= 0 and not self.was_killed:
            raise subprocess.TimeoutExpired("pip", timeout)
        self.returncode = -9 if self.was_killed else self.exit_code
        return self.output, None

    def kill(self) -> None:
        self.was_killed = True


@pytest.fixture
def popen(monkeypatch: pytest.MonkeyPatch) -> type[FakePopen]:
    """Return a class of commands, in place of the real one; its attributes may be changed."""
    own = type("OwnPopen", (FakePopen,), {"started": []})
    monkeypatch.setattr(subprocess, "Popen", own)
    return own


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "ERROR: Could not find it (from versions: none)\nERROR: No matching distribution found for torch==9\n",
            "No matching .* torch==9",
        ),
        ("error: subprocess-exited-with-error\n  hint\n", "error: subprocess-exited-with-error"),
        ("", "no message"),
    ],
)
def test_a_refused_installation_is_one_line(pair: Pair, popen: type[FakePopen], output: str, reason: str):
    """The line has pip's last error; the display moves on meanwhile."""
    pair.require("torch==9\n")
    popen.output, ticks = output, []
    refused_by = Environments(tick=lambda: ticks.append(1))
    says = f"^mine and {pair.system.name} cannot be installed together: {reason}$"
    with pytest.raises(EnvironmentRefused, match=says) as refused:
        refused_by.python_for(pair.recipe, pair.system)
    assert "\n" not in str(refused.value)
    assert len(ticks) == 2


CONFLICT = """
Collecting numpy==2.4.6
ERROR: Cannot install numpy==2.4.6 and nvidia-pytriton==0.7.0 because these versions have conflicting dependencies.

The conflict is caused by:
    The user requested numpy==2.4.6
    nvidia-pytriton 0.7.0 depends on numpy<2.0

To fix this you could try to:
ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/
"""
OTHER_PYTHON = """
ERROR: Ignored the following versions that require a different python version: 0.2.19 Requires-Python >=3.10
ERROR: Could not find a version that satisfies the requirement litserve==0.2.19 (from versions: 0.1.0)
ERROR: No matching distribution found for litserve==0.2.19
"""
NO_SUCH = """
ERROR: Could not find a version that satisfies the requirement mosec==9 (from versions: 0.1.0, 0.9.8)
ERROR: No matching distribution found for mosec==9
"""
UNREACHED = """
WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'
ERROR: Could not find a version that satisfies the requirement mosec==9 (from versions: none)
ERROR: No matching distribution found for mosec==9
"""


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (CONFLICT, "The user requested numpy==2.4.6; nvidia-pytriton 0.7.0 depends on numpy<2.0"),
        (OTHER_PYTHON, "litserve==0.2.19 needs another Python: >=3.10"),
        (NO_SUCH, "no version that runs here matches mosec==9"),
        (UNREACHED, None),
        ("error: subprocess-exited-with-error\n", None),
        ("", None),
    ],
)
def test_what_cannot_be_had_together_is_told_from_an_index_that_is_not_reached(output: str, reason: str | None):
    """The first costs its rows; the second is tried again."""
    assert environments.conflict_in(output) == reason


def test_what_cannot_be_had_together_is_remembered(pair: Pair, popen: type[FakePopen]):
    """It is tried again once one of the two requires something else."""
    pair.require("numpy==2.4.6\n", "nvidia-pytriton==0.7.0\n")
    popen.output, says = CONFLICT, f"^mine and {pair.system.name} cannot be had together: The user requested numpy"
    for _ in range(2):
        with pytest.raises(Incompatible, match=says) as refused:
            Environments().python_for(pair.recipe, pair.system)
        assert "\n" not in str(refused.value)
    tried = len(popen.started)
    assert tried == 1  # the environment could not even be made: every command prints the same here
    pair.require("numpy\n", "nvidia-pytriton==0.7.0\n")
    with pytest.raises(Incompatible):
        Environments().python_for(pair.recipe, pair.system)
    assert len(popen.started) > tried


def test_a_program_that_is_missing_is_named_with_its_remedy(pair: Pair, monkeypatch: pytest.MonkeyPatch):
    """TorchServe's front end is written in Java."""
    monkeypatch.setattr(type(pair.system), "programs", {"no-such-program": "the package of that name"})
    says = "^there is no program 'no-such-program' on this machine; install the package of that name$"
    with pytest.raises(Incompatible, match=says):
        Environments().python_for(pair.recipe, pair.system)


def test_an_installation_that_hangs_is_ended(pair: Pair, popen: type[FakePopen]):
    """The limit is an hour."""
    pair.require("torch==9\n")
    popen.polls = 10**9
    with pytest.raises(EnvironmentRefused, match="cannot be installed together: no message"):
        Environments().python_for(pair.recipe, pair.system)


def interrupt() -> None:
    """Raise what a signal makes the bench raise."""
    raise KeyboardInterrupt


@pytest.mark.parametrize(("is_interrupted", "tick"), [(True, lambda: None), (False, interrupt)], ids=["wait", "tick"])
def test_an_installation_ends_when_the_bench_is_interrupted(
    pair: Pair, popen: type[FakePopen], is_interrupted: bool, tick: Callable[[], None]
):
    """It does not go on by itself, whether the signal arrives in a wait or while the display moves on."""
    pair.require("torch==9\n")
    popen.is_interrupted = is_interrupted
    with pytest.raises(KeyboardInterrupt):
        Environments(tick=tick).python_for(pair.recipe, pair.system)
    assert [each.was_killed for each in popen.started] == [True]


def test_another_bench_that_builds_the_same_environment_is_waited_for(
    pair: Pair, commands: Commands, monkeypatch: pytest.MonkeyPatch
):
    """One that never ends is given up with a line."""
    pair.require("torch==2.2.0\n")
    monkeypatch.setattr(environments, "time", clock := FakeTime())
    place = environments.FOLDER / f"{pair.system.name}-{pair.digest()}"
    place.parent.mkdir()
    with place.with_name(place.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        says = f"^another bench has been building {place} for {environments.LIMIT_S} s$"
        with pytest.raises(EnvironmentRefused, match=says):
            Environments().python_for(pair.recipe, pair.system)
        assert clock.now_s > environments.LIMIT_S
        ticks: list[int] = []

        def tick() -> None:
            ticks.append(1)
            if len(ticks) == 3:
                fcntl.flock(lock, fcntl.LOCK_UN)

        Environments(tick).python_for(pair.recipe, pair.system)
    assert len(commands.made) == 2
