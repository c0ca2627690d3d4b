"""The conditions of a run are gathered so that every fact that can move its number stands in one field."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from servecost.bench import conditions, environments
from servecost.bench.conditions import MEASURING, Subject, commit
from servecost.bench.experiment import SLICE_S
from servecost.core import manifest, recipe, shell, systems, threads
from servecost.core.recipe import ROOT
from servecost.core.warming import LIMIT_S
from tests.support import write_recipe
from tests.unit.bench.fakes import VERSIONS, FakeInstalled

SYSTEM = systems.default()


def relative(paths: list[Path]) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in paths}


def subject_of(folder: Path | str = "echo", python: str = "python3", **environment: str) -> Subject:
    return Subject(recipe.load(folder), SYSTEM, python, environment)


def gathered_of(subject: Subject, slice_s: float = SLICE_S) -> dict[str, Any]:
    return conditions.gather(subject, slice_s)


@pytest.fixture(autouse=True)
def _plain_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a shell that sets nothing, whatever the one of the tests has set."""
    for name in shell.recorded():
        monkeypatch.delenv(name)


def test_the_code_that_measures_is_all_that_can_move_a_number():
    """It is every module of these packages, whatever its folder, and the scripts of both arms."""
    folders = [ROOT / "servecost" / package for package in ("core", "direct", "load", "bench")]
    packaged = {path for folder in folders for path in folder.rglob("*") if path.suffix == ".py"}
    scripts = {path for folder in ("baseline", "locustfiles") for path in (ROOT / folder).glob("*.py")}
    found = conditions.measuring_files()
    assert set(found) == packaged | scripts
    assert found == sorted(found)
    assert {
        "servecost/core/inputs.py",
        "servecost/direct/timing.py",
        "servecost/load/user.py",
        "servecost/load/plugin/conductor.py",
        "servecost/load/distributed/master_end.py",
        "servecost/bench/run.py",
        "servecost/bench/arms/direct.py",
        "servecost/bench/processes/tree.py",
        "baseline/generic.py",
        "locustfiles/generic.py",
    } <= relative(found)


def test_what_is_made_of_the_numbers_afterwards_is_no_part_of_it():
    """The report and the command line may change without making runs unlike, and documentation may, too."""
    found = relative(conditions.measuring_files())
    assert not [name for name in found if name.startswith(("servecost/report/", "tests/", "analysis/"))]
    assert "servecost/cli.py" not in found
    assert {Path(name).suffix for name in found} == {".py"}
    left = {path.name for path in (ROOT / "servecost").iterdir() if path.is_dir() and path.name[0] != "_"}
    assert left - set(MEASURING) == {"report", "statistics"}


@pytest.mark.parametrize("name", systems.available())
def test_a_systems_code_is_its_folder_and_what_it_shares(name: str):
    """Folders with an underscore are shared by all; documentation and bytecode are no code."""
    found = conditions.system_files(name)
    own = {path for path in (systems.FOLDER / name).rglob("*") if path.is_file() and path.suffix not in (".md", ".pyc")}
    assert own <= set(found)
    assert systems.FOLDER / "_yardstick" / "server.py" in found
    assert not [path for path in found if path.suffix == ".md" or "__pycache__" in path.parts]
    assert found == sorted(found)


def test_a_system_that_speaks_anothers_wire_has_its_code_too():
    """A change of the wire would change what is sent."""
    for name in ("null", "delay"):
        assert "systems/fastdeploy/wire.py" in relative(conditions.system_files(name))
    assert not [path for path in relative(conditions.system_files("fastapi")) if path.startswith("systems/fastdeploy/")]


@pytest.fixture
def own_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder of a system in a folder of systems that a test may change."""
    folder = tmp_path / "systems" / "mine"
    for name in ("mine", "other", "third", "_shared"):
        (tmp_path / "systems" / name).mkdir(parents=True)
        (tmp_path / "systems" / name / "wire.py").write_text("")
    (folder / "system.py").write_text("from ..other.wire import OtherWire\n")
    monkeypatch.setattr(systems, "load", lambda name: SimpleNamespace(borrows=()))
    monkeypatch.setattr(conditions, "ROOT", tmp_path)
    monkeypatch.setattr(systems, "FOLDER", tmp_path / "systems")
    conditions.system_digest.cache_clear()
    yield folder
    conditions.system_digest.cache_clear()


@pytest.mark.parametrize(
    ("name", "is_code"),
    [
        ("mine/system.py", True),
        ("mine/requirements.txt", True),
        ("mine/more/helper.py", True),
        ("_shared/server.py", True),
        ("other/wire.py", True),
        ("mine/README.md", False),
        ("mine/__pycache__/wire.pyc", False),
        ("third/wire.py", False),
    ],
)
def test_the_digest_of_a_system_follows_its_code(own_system: Path, name: str, is_code: bool):
    """Runs that were made before such a change are not merged with later ones."""
    before = conditions.system_digest("mine")
    path = own_system.parent / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("from ..other.wire import OtherWire  # changed\n")
    conditions.system_digest.cache_clear()
    assert (conditions.system_digest("mine") != before) is is_code


def test_the_digest_of_the_code_follows_names_and_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that is renamed is other code."""
    monkeypatch.setattr(conditions, "ROOT", tmp_path)
    digests = []
    for name, content in (("a.py", "1"), ("a.py", "2"), ("b.py", "2")):
        (tmp_path / name).write_text(content)
        digests.append(conditions._digest_of([tmp_path / name]))
    assert len(set(digests)) == 3


@pytest.mark.usefixtures("installed")
def test_the_conditions_of_a_run_name_all_that_can_move_its_number(monkeypatch: pytest.MonkeyPatch):
    """They are the machine, variables, versions, the recipe, the system and the code that measures."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    monkeypatch.setenv("UVICORN_WORKERS", "4")
    found = gathered_of(subject_of(MALLOC_TOP_PAD_="5", OMP_NUM_THREADS="2"))
    assert found["environment"] == {"MALLOC_TOP_PAD_": "5", "OMP_NUM_THREADS": "2"}
    assert found["shell"] == {"MALLOC_ARENA_MAX": "1"}
    of_machine = {"host", "processor", "cores", "usable_cores", "cpu_quota", "memory_gib", "system"}
    assert found["machine"].keys() == of_machine
    assert {"python", "locust"} <= found["load"]["versions"].keys()
    assert found["stacks"]["echo"][SYSTEM] == {"required": ["fastdeploy"], "versions": VERSIONS}
    assert found["load"]["versions"] == VERSIONS
    assert found["recipes"]["echo"]["fingerprint"] == recipe.load("echo").fingerprint()
    assert found["code"] == {
        "servecost": conditions.code_digest(),
        "systems": {SYSTEM: conditions.system_digest(SYSTEM)},
    }


@pytest.mark.usefixtures("installed")
def test_a_recipes_settings_stand_with_their_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An experiment's variable comes before the shell's; one that is not set is not there, which is no empty one."""
    folder = write_recipe(tmp_path / "mine", "example = ['a']; settings = ['WEIGHTS', 'MODE', 'DEPTH']")
    monkeypatch.setenv("WEIGHTS", "of the shell")
    monkeypatch.setenv("MODE", "of the shell")
    found = gathered_of(subject_of(folder, MODE="of the experiment"))
    assert found["recipes"]["mine"]["settings"] == {"WEIGHTS": "of the shell", "MODE": "of the experiment"}
    monkeypatch.setenv("DEPTH", "")
    fields = {"recipes.mine.settings.DEPTH", "recipes.mine.fingerprint", "shell.DEPTH"}
    assert manifest.differing([found, gathered_of(subject_of(folder, MODE="of the experiment"))]).keys() == fields


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", [name for name in systems.available() if not systems.load(name).calls_predictor])
def test_a_system_that_does_not_call_the_predictor_has_no_stack(name: str):
    """It runs on the interpreter of the load, whose versions are there."""
    found = gathered_of(Subject(recipe.load("echo"), name, "python3", {}))
    assert found["stacks"] == {}
    assert found["code"]["systems"].keys() == {name}


def before(name: str = SYSTEM, slice_s: float = SLICE_S, warm_s: int = LIMIT_S) -> dict[str, Any]:
    """Return the conditions as far as they are known before an experiment makes anything."""
    return conditions.gather_before(recipe.load("echo"), name, {"OMP_NUM_THREADS": "2"}, slice_s, warm_s)


@pytest.mark.usefixtures("installed")
def test_conditions_are_known_before_anything_is_made():
    """A results folder of other versions is refused at once."""
    python = recipe.load("echo").python
    assert before() == gathered_of(subject_of("echo", python, OMP_NUM_THREADS="2"))


def test_without_an_interpreter_only_its_versions_are_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: FakeInstalled
):
    """The environment is built when the runs are made."""
    with_stack = before()
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "fits", lambda *_: False)
    assert before() == {field: value for field, value in with_stack.items() if field != "stacks"}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("one_s", [SLICE_S, 0.0])
def test_the_length_of_slices_is_a_condition(one_s: float):
    """Pairs whose arms took turns of another length, or none, are not compared with these."""
    other_s = one_s + 1
    with pytest.raises(manifest.Unlike, match=rf"^slice_s \({one_s} / {other_s}\)$"):
        manifest.check_alike([before(slice_s=one_s), gathered_of(subject_of(), other_s)], ["environment", "stacks"])


@pytest.mark.usefixtures("installed")
def test_how_long_arms_are_warmed_is_a_condition():
    """A pair whose arms were not steady yet is not compared with one whose arms were."""
    with pytest.raises(manifest.Unlike, match=rf"^warm_s \({LIMIT_S} / {LIMIT_S + 1}\)$"):
        manifest.check_alike([before(), before(warm_s=LIMIT_S + 1)])


def gathered(installed: FakeInstalled, **versions: str) -> dict[str, Any]:
    """Return the conditions in an environment that has other versions than usual."""
    usual = installed.versions
    installed.versions = {**usual, **versions}
    try:
        return gathered_of(subject_of())
    finally:
        installed.versions = usual


def test_a_version_is_one_fact_in_one_field(installed: FakeInstalled):
    """Runs under two versions of a package are merged once that one field is allowed to differ, and not before."""
    python = "its/python"
    installed.by_python[python] = {"python": "3.7.16", "fastdeploy": "3.1.1"}
    one = gathered_of(subject_of("echo", python))
    installed.by_python[python] = {"python": "3.7.16", "fastdeploy": "9.9"}
    other = gathered_of(subject_of("echo", python))
    field = f"stacks.echo.{SYSTEM}.versions.fastdeploy"
    with pytest.raises(manifest.Unlike, match=rf"^{field} \(3\.1\.1 / 9\.9\)$"):
        manifest.check_alike([one, other])
    assert manifest.check_alike([one, other], ["versions.fastdeploy"]) == [field]


def test_what_nobody_has_named_is_a_version_too(installed: FakeInstalled):
    """A server's own requirements decide how fast it is, and are pinned nowhere; what only installs does not."""
    field = f"stacks.echo.{SYSTEM}.versions.starlette"
    found = manifest.differing([gathered(installed, starlette="1.0"), gathered(installed, starlette="1.1")])
    assert found == {field: ["1.0", "1.1"], "load.versions.starlette": ["1.0", "1.1"]}
    assert manifest.differing([gathered(installed, pip="1"), gathered(installed, pip="2", wheel="1")]) == {}


@pytest.mark.usefixtures("installed")
def test_s13_a_quota_is_a_condition(monkeypatch: pytest.MonkeyPatch):
    """A machine whose cores may be used for a part of the time is another one."""
    before_s = gathered_of(subject_of())
    monkeypatch.setattr(threads, "cpu_quota", lambda: 0.6)
    conditions.machine.cache_clear()
    found = manifest.differing([before_s, gathered_of(subject_of())])
    conditions.machine.cache_clear()
    assert found["machine.cpu_quota"][1] == "0.6"


def test_a_package_of_both_arms_and_the_load_stands_once_for_each(installed: FakeInstalled):
    """The load and the predictor may run on different interpreters."""
    one, other = gathered(installed), gathered(installed, python="3.12.1")
    fields = {"load.versions.python", f"stacks.echo.{SYSTEM}.versions.python"}
    assert manifest.differing([one, other]).keys() == fields
    assert set(manifest.check_alike([one, other], ["versions.python"])) == fields


def test_two_recipes_and_two_systems_are_alike(tmp_path: Path, installed: FakeInstalled):
    """Each has fields of its own, so that their runs may be merged."""
    other = gathered_of(subject_of(write_recipe(tmp_path / "mine", "example = ['b']")))
    name = next(each for each in systems.available() if each != SYSTEM)
    third = gathered_of(Subject(recipe.load("echo"), name, "other/python", {}))
    assert manifest.check_alike([gathered(installed), other, third]) == []


@pytest.mark.usefixtures("installed")
def test_a_manifest_has_the_conditions_and_the_digests_of_the_runs_files(tmp_path: Path):
    """Fields of the run itself stand beside the conditions, so that they make no runs unlike."""
    (tmp_path / "out.csv").write_text("x\n")
    conditions.write(tmp_path, subject_of(), SLICE_S, ["out.csv"], batch_size=8, round=3)
    content = manifest.checked(tmp_path, ["out.csv"])
    assert content["conditions"] == gathered_of(subject_of())
    assert (content["batch_size"], content["round"], content["files"].keys()) == (8, 3, {"out.csv"})
    assert content["written_at"].endswith("+00:00")


@pytest.fixture
def git(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str | None]]:
    """Return what git prints, by its command; None for a command that fails."""
    printed: dict[str, str | None] = {"rev-parse": f"{ROOT}\nabc", "status": ""}

    class Done:
        def __init__(self, text: str | None) -> None:
            self.returncode, self.stdout = (1, "") if text is None else (0, text + "\n")

    monkeypatch.setattr(subprocess, "run", lambda command, **_: Done(printed[command[3]]))
    commit.cache_clear()
    yield printed
    commit.cache_clear()


@pytest.mark.parametrize(
    ("head", "status", "said"),
    [
        (f"{ROOT}\nabc", "", "abc"),
        (f"{ROOT}\nabc", " M file", "abc+changes"),
        (None, None, None),
        (f"{ROOT.parent}\nabc", "", None),  # S23: a repository that this project only lies in
    ],
)
def test_the_commit_says_whether_the_code_was_changed_since(
    git: dict[str, str | None], head: str | None, status: str | None, said: str | None
):
    """Outside of git there is none."""
    git.update({"rev-parse": head, "status": status})
    assert commit() == said


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch):
    """A manifest is written all the same."""

    def fail(*_: object, **__: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", fail)
    commit.cache_clear()
    assert commit() is None
    commit.cache_clear()
