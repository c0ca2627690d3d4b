"""An experiment file is checked before anything is started."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from servecost.bench import experiment
from servecost.bench.experiment import Experiment, Overrides
from servecost.core import systems, threads
from servecost.core.overhead import EXAMPLES
from servecost.core.recipe import ROOT
from tests.support import write_recipe

GOOD = """
recipes = ["echo"]
batch_sizes = [1, 8]
concurrencies = [1, 4]
examples = 100
"""
SYSTEM = systems.default()


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(text)
    return path


def shipped(name: str) -> Experiment:
    content, _ = experiment.read(ROOT / "experiments" / f"{name}.toml")
    return content


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_experiment_can_be_run(path: Path):
    """Its keys, recipes, systems and files of variables are there."""
    content, recipes = experiment.read(path)
    assert len(recipes) == len(content.recipes)


@pytest.mark.parametrize("name", ["quick", "page", "full"])
def test_the_experiments_for_the_published_table_cover_both_of_its_models(name: str):
    """Each has small and large batches, and more than one user."""
    content = shipped(name)
    assert content.recipes == ["deepsegment_en", "efficientnet_b2"]
    assert {1, 32} <= set(content.batch_sizes)
    assert {1, 8} <= set(content.concurrencies)


@pytest.mark.parametrize("name", ["page", "full"])
def test_the_published_table_has_seven_batch_sizes_and_three_concurrencies(name: str):
    """They are those of both models."""
    content = shipped(name)
    for recipe in content.recipes:
        assert content.batch_sizes_of(recipe) == [1, 8, 32, 64, 128, 256, 512]
        assert content.concurrencies_of(recipe) == [1, 8, 32]


def test_the_full_experiment_does_the_published_work():
    """It is three times 10,000 examples in each cell, in as many rounds as it takes."""
    content = shipped("full")
    for recipe in content.recipes:
        assert content.examples_of(recipe) * content.rounds >= 3 * EXAMPLES


@pytest.mark.parametrize("name", ["quick", "page", "full"])
def test_the_experiments_for_the_published_table_have_intervals(name: str):
    """A single pair has none."""
    assert shipped(name).rounds * shipped(name).pairs >= 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("batch_size = 3", f"unknown key 'batch_size'; valid keys: {', '.join(sorted(Experiment.model_fields))}$"),
        (
            "[recipe.echo]\nround = 1",
            f"unknown key 'recipe.echo.round'; valid keys: {', '.join(sorted(Overrides.model_fields))}$",
        ),
        ("precision = 0.0", r"precision = 0\.0: input should be greater than 0"),
        ("precision = 3.0", r"precision = 3\.0: input should be less than 1"),
        ("slice_s = -1.0", r"slice_s = -1\.0: input should be greater than or equal to 0"),
        ('slice_s = "1 s"', "slice_s = '1 s': input should be a valid number"),
        ('systems = ["nope"]', f"unknown system 'nope'; there are: {re.escape(', '.join(systems.available()))}$"),
        ("systems = []", r"systems = \[\]: list should have at least 1 item"),
        ("[recipe.other]\nexamples = 5", r"\[recipe.other\]: not one of this experiment's recipes: echo"),
        ("[environment]\nOMP_NUM_THREADS = 2", "environment.OMP_NUM_THREADS = 2: input should be a valid string"),
        ("rounds = ", "Invalid value"),
        ('[system.nope]\nX = "1"', rf"\[system.nope\]: not one of this experiment's systems: {SYSTEM}$"),
        (f'[system.{SYSTEM}]\nNOPE = "1"', rf"\[system.{SYSTEM}\]: unknown setting 'NOPE'; valid settings: "),
        ('systems = ["null"]\n[system.null]\nX = "1"', r"unknown setting 'X'; valid settings: none$"),
    ],
)
def test_a_wrong_key_or_value_is_one_line(tmp_path: Path, change: str, says: str):
    """The line names the file, the key, and what would be right."""
    path = written(tmp_path, GOOD + change)
    with pytest.raises(experiment.ExperimentError, match=says) as refused:
        experiment.read(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("recipes", '["nope"]', "unknown recipe 'nope'"),
        ("recipes", '["echo", "echo"]', "recipes = .'echo', 'echo'.: .*name each once"),
        ("batch_sizes", "[0]", "batch_sizes.0 = 0: input should be greater than or equal to 1"),
        ("batch_sizes", "[1, 1]", "batch_sizes = .1, 1.: .*name each once"),
        ("concurrencies", "[]", "concurrencies = ..: list should have at least 1 item"),
        ("examples", "0", "examples = 0: input should be greater than or equal to 1"),
        ("examples", '"three"', "examples = 'three': input should be a valid integer"),
    ],
)
def test_a_wrong_value_of_a_needed_key_is_one_line(tmp_path: Path, key: str, value: str, says: str):
    """Needed keys are checked as the others are."""
    lines = [f"{key} = {value}" if line.startswith(key) else line for line in GOOD.splitlines()]
    with pytest.raises(experiment.ExperimentError, match=says):
        experiment.read(written(tmp_path, "\n".join(lines)))


def test_every_problem_has_a_line(tmp_path: Path):
    """A user with two mistakes learns of both."""
    with pytest.raises(experiment.ExperimentError) as refused:
        experiment.read(written(tmp_path, GOOD + "colour = 1\nexamples_of = 0"))
    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("more", "batch_size", "rounds"),
    [
        ("rounds = 3", 8, 3),
        ("rounds = 12\nexamples_total = 1000", 8, 10),
        ("rounds = 12\nexamples_total = 1001", 8, 11),
        ("rounds = 12\nexamples_total = 100", 8, 4),  # with fewer, nobody knows their spread
        ("rounds = 2\nexamples_total = 100", 8, 2),
        ("rounds = 12\nexamples_total = 9000", 8, 12),
        ("rounds = 12\nmax_examples = 400\nexamples_total = 2000", 100, 5),
        ("rounds = 12\nexamples_total = 9000\n[recipe.echo]\nexamples_total = 1000", 8, 10),
    ],
)
def test_a_cell_has_as_many_rounds_as_its_examples_take(tmp_path: Path, more: str, batch_size: int, rounds: int):
    """At least four, and never more than there are."""
    content, _ = experiment.read(written(tmp_path, GOOD + more))
    assert content.rounds_of_cell("echo", batch_size, 4) == rounds


@pytest.mark.parametrize(("change", "slice_s"), [("", 1.0), ("slice_s = 0", 0.0), ("slice_s = 2.5", 2.5)])
def test_a_slice_is_a_second_long_unless_it_is_said_otherwise(tmp_path: Path, change: str, slice_s: float):
    """Undivided runs are slices of no length."""
    assert experiment.read(written(tmp_path, GOOD + change))[0].slice_s == slice_s


def test_a_missing_key_and_a_missing_file_are_named(tmp_path: Path):
    """Neither is a traceback."""
    with pytest.raises(experiment.ExperimentError, match="key 'examples' is missing"):
        experiment.read(written(tmp_path, GOOD.replace("examples = 100", "")))
    with pytest.raises(experiment.ExperimentError, match="there is no such file"):
        experiment.read(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_text_is_one_line(tmp_path: Path):
    """An experiment may be mistaken for another file."""
    path = tmp_path / "my.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(experiment.ExperimentError, match=r"my\.toml: "):
        experiment.read(path)


def test_recipes_of_the_same_name_are_refused(tmp_path: Path):
    """Results are kept by the names of their recipes."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_recipe(tmp_path / name / "mine")
    text = GOOD.replace('"echo"', '"one/mine", "two/mine"')
    with pytest.raises(
        experiment.ExperimentError, match=r"two are called the same \(mine, mine\); rename one's folder"
    ):
        experiment.read(written(tmp_path, text))


def test_paths_are_relative_to_the_experiment_file(tmp_path: Path):
    """A project keeps its experiment beside its recipes."""
    write_recipe(tmp_path / "mine")
    _, (chosen,) = experiment.read(written(tmp_path, GOOD.replace('"echo"', '"./mine"')))
    assert chosen.folder == tmp_path / "mine"


@pytest.fixture
def _plain_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in threads.NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_plain_shell")
def test_every_library_gets_the_number_of_threads_in_both_arms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The file's number comes first, then the shell's, then one thread for each usable core."""
    cores = str(len(os.sched_getaffinity(0)))
    assert experiment.read(written(tmp_path, GOOD))[0].variables() == dict.fromkeys(threads.NAMES, cores)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert experiment.read(written(tmp_path, GOOD))[0].variables()["OMP_NUM_THREADS"] == "7"
    text = GOOD + 'threads = 3\n[environment]\nTF_NUM_INTEROP_THREADS = "1"\nMALLOC_ARENA_MAX = "2"\n'
    assert experiment.read(written(tmp_path, text))[0].variables() == {
        "OMP_NUM_THREADS": "3",
        "TF_NUM_INTRAOP_THREADS": "3",
        "TF_NUM_INTEROP_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }


def test_variables_may_stand_in_files_that_containers_share(tmp_path: Path):
    """A later file comes before an earlier one, and the experiment's own variables come before both."""
    (tmp_path / "one.env").write_text("# malloc\n\nA=1\nB= 1 \nC=x=y\n")
    (tmp_path / "two.env").write_text("B=2\nD=2\n")
    text = GOOD + 'environment_files = ["one.env", "two.env"]\n[environment]\nD = "3"\n'
    content, _ = experiment.read(written(tmp_path, text))
    assert content.environment == {"A": "1", "B": "2", "C": "x=y", "D": "3"}
    assert content.variables().items() >= content.environment.items()


def test_a_file_of_variables_that_is_not_there_is_named(tmp_path: Path):
    """The experiment file itself is there."""
    text = GOOD + 'environment_files = ["nowhere.env"]\n'
    with pytest.raises(experiment.ExperimentError, match=r"my\.toml: .*nowhere\.env"):
        experiment.read(written(tmp_path, text))


@pytest.mark.parametrize("line", ["MALLOC_ARENA_MAX", "=2", " =2"])
def test_a_line_that_is_no_variable_is_named(tmp_path: Path, line: str):
    """The message has the line's number and its file."""
    (tmp_path / "my.env").write_text(f"A=1\n{line}\n")
    text = GOOD + 'environment_files = ["my.env"]\n'
    with pytest.raises(experiment.ExperimentError, match=rf"line 2 of my.env: '{line}' is not NAME=VALUE"):
        experiment.read(written(tmp_path, text))


def test_s02_a_file_of_variables_is_read_as_compose_reads_it(tmp_path: Path):
    """``export``, quotes, and a comment after a blank; an end of a line is that of any system."""
    lines = ["# threads", "", "export A=1", 'B="2"', "C='$HOME'  # as it stands", "D=a#b # c", "E = 5", "F=", "G=$"]
    (tmp_path / "my.env").write_bytes(("\ufeff" + "\r\n".join(lines)).encode())
    content, _ = experiment.read(written(tmp_path, GOOD + 'environment_files = ["my.env"]\n'))
    assert content.environment == {"A": "1", "B": "2", "C": "$HOME", "D": "a#b", "E": "5", "F": "", "G": "$"}


@pytest.mark.parametrize("value", ["$HOME", '"${HOME}/x"', "a$HOME"])
def test_s02_a_value_that_a_shell_would_decide_is_refused(tmp_path: Path, value: str):
    """The message says how to write it."""
    (tmp_path / "my.env").write_text(f"A=1\n\n# b\nB={value}\n")
    with pytest.raises(experiment.ExperimentError, match=r"line 4 of my.env: .* names another variable; write the "):
        experiment.read(written(tmp_path, GOOD + 'environment_files = ["my.env"]\n'))


def test_a_system_gets_the_settings_that_differ_from_its_defaults(tmp_path: Path):
    """Another system gets none of them."""
    setting = next(iter(systems.load(SYSTEM).settings))
    content, _ = experiment.read(written(tmp_path, f'{GOOD}[system.{SYSTEM}]\n{setting} = "7"\n'))
    assert content.settings_of(SYSTEM, "echo") == {setting: "7"}
    assert content.settings_of("another", "echo") == {}


def test_a_recipe_has_settings_of_its_own(tmp_path: Path):
    """They come before those for all; each is checked as those are, and an error names where it stands."""
    setting = sorted(systems.load(SYSTEM).settings)[0]
    text = f'{GOOD}[system.{SYSTEM}]\n{setting} = "7"\n'
    content, _ = experiment.read(written(tmp_path, f'{text}[recipe.echo.system.{SYSTEM}]\n{setting} = "8"'))
    assert content.settings_of(SYSTEM, "echo") == {setting: "8"}
    assert content.settings_of(SYSTEM, "another") == {setting: "7"}
    with pytest.raises(experiment.ExperimentError, match=rf"\[recipe.echo.system.{SYSTEM}\]: unknown setting 'NOPE'"):
        experiment.read(written(tmp_path, f'{text}[recipe.echo.system.{SYSTEM}]\nNOPE = "8"'))


def test_without_a_system_the_default_is_served(tmp_path: Path):
    """It is the one that the published table is about."""
    assert experiment.read(written(tmp_path, GOOD))[0].systems == [SYSTEM]


@pytest.mark.parametrize(
    ("changes", "least_s", "most_s"),
    [
        ({}, 480, 600),
        ({"batch_sizes": [1, 512], "concurrencies": [32]}, 512 * 32 * 0.4, 512 * 32),
        ({"request_timeout_s": 7}, 7, 7),
    ],
)
def test_the_time_out_grows_with_the_largest_cell(changes: dict[str, Any], least_s: float, most_s: float):
    """The last of all requests in flight waits for all the others, and for the arm's stops."""
    cells = {"recipes": ["echo"], "batch_sizes": [1, 8], "concurrencies": [1, 4], "examples": 100}
    assert least_s <= Experiment(**{**cells, **changes}).timeout_s_of("echo") <= most_s


def test_what_is_recorded_is_the_whole_experiment(tmp_path: Path):
    """Defaults are recorded, too, so that a later default changes no old experiment."""
    recorded = experiment.read(written(tmp_path, GOOD))[0].model_dump()
    assert recorded["seed"] == 1
    assert recorded.keys() == Experiment.model_fields.keys()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("WORKERS", r"\[environment\] WORKERS: the system fastdeploy sets that itself; write it under \[system.fastd"),
        ("OPTIMAL_BATCH_SIZE", r"write it under \[system.fastdeploy\]"),
        ("HOST", r"\[environment\] HOST: the system fastdeploy sets that itself; leave it out"),
    ],
)
def test_a_variable_that_a_system_sets_itself_is_refused(tmp_path: Path, name: str, says: str):
    """Its value would be recorded, and another one would hold."""
    text = f'{GOOD}systems = ["fastdeploy"]\n[environment]\n{name} = "1"\n'
    with pytest.raises(experiment.ExperimentError, match=says):
        experiment.read(written(tmp_path, text))


def test_a_byte_order_mark_is_skipped_and_another_encoding_named(tmp_path: Path):
    """Some editors write one or the other."""
    path = tmp_path / "my.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert experiment.read(path)[0].examples == 100
    path.write_bytes(GOOD.encode("utf-16"))
    with pytest.raises(experiment.ExperimentError, match=r"my\.toml: it is not UTF-8"):
        experiment.read(path)


@pytest.mark.parametrize("content", [GOOD.replace("100", "7"), GOOD + "[recipe.echo]\nbatch_sizes = [8, 101]"])
def test_s03_a_batch_size_above_the_examples_is_refused(tmp_path: Path, content: str):
    """No request would have it; a limit that lets the cell have more examples will do."""
    with pytest.raises(experiment.ExperimentError, match=r"batch_sizes: echo has .*, or set max_examples"):
        experiment.read(written(tmp_path, content))
    experiment.read(written(tmp_path, "max_examples = 101" + content))
