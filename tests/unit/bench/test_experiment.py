"""An experiment file is checked before anything is started, and planned without starting anything."""

import os
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from servecost.bench import experiment, plan
from servecost.core import layout, threads
from servecost.core.recipe import ROOT

GOOD = """
recipes = ["echo"]
batch_sizes = [1, 8]
concurrencies = [1, 4]
examples = 100
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.toml")), ids=lambda path: path.stem)
def test_the_shipped_experiments_are_good(path):
    """Each covers both models with what the published table needs."""
    content, recipes = experiment.read(path)
    assert [recipe.name for recipe in recipes] == ["deepsegment_en", "efficientnet_b2"]
    assert {1, 8, 64} <= set(content.batch_sizes)
    assert {1, 8} <= set(content.concurrencies)


def test_the_full_experiment_is_the_published_protocol():
    """10,000 examples, three rounds, seven batch sizes, three concurrencies."""
    content, _ = experiment.read(ROOT / "experiments" / "full.toml")
    assert content.batch_sizes == [1, 8, 32, 64, 128, 256, 512]
    assert (content.concurrencies, content.examples, content.rounds) == ([1, 8, 32], 10000, 3)


def test_the_page_is_the_full_experiment_but_for_the_number_of_images():
    """So what is published is a part of what could be."""
    page, full = (tomllib.loads((ROOT / "experiments" / f"{name}.toml").read_text()) for name in ("page", "full"))
    assert page.pop("recipe") == {"efficientnet_b2": {"examples": 1024, "examples_most": 8192}}
    assert page == full


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("batch_size = 3", "unknown key 'batch_size'; valid keys: batch_sizes, concurrencies, environment, examples"),
        (
            "[recipe.echo]\nround = 1",
            "unknown key 'recipe.echo.round'; valid keys: batch_sizes, concurrencies, examples",
        ),
        ('rounds = "three"', "rounds = 'three': input should be a valid integer"),
        ("rounds = 0", "rounds = 0: input should be greater than or equal to 1"),
        ("rounds = true", "rounds = True: input should be a valid integer"),
        ('systems = ["nope"]', "unknown system 'nope'; there are: delay, fastdeploy, null"),
        ("systems = []", r"systems = \[\]: list should have at least 1 item"),
        ("[recipe.other]\nexamples = 5", r"\[recipe.other\]: not one of this experiment's recipes: echo"),
        ("[environment]\nOMP_NUM_THREADS = 2", "environment.OMP_NUM_THREADS = 2: input should be a valid string"),
        ("rounds = ", "Invalid value"),
    ],
)
def test_a_wrong_key_or_value_is_one_line(tmp_path, change, says):
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
    ],
)
def test_a_wrong_value_of_a_needed_key_is_one_line(tmp_path, key, value, says):
    """As for the others."""
    lines = [f"{key} = {value}" if line.startswith(key) else line for line in GOOD.splitlines()]
    with pytest.raises(experiment.ExperimentError, match=says):
        experiment.read(written(tmp_path, "\n".join(lines)))


def test_every_problem_has_a_line(tmp_path):
    """Somebody with two mistakes learns of both."""
    with pytest.raises(experiment.ExperimentError) as refused:
        experiment.read(written(tmp_path, GOOD + "colour = 1\nrounds = 0"))
    assert len(str(refused.value).splitlines()) == 2


def test_a_missing_key_and_a_missing_file_are_named(tmp_path):
    """Neither is a traceback."""
    with pytest.raises(experiment.ExperimentError, match="key 'examples' is missing"):
        experiment.read(written(tmp_path, GOOD.replace("examples = 100", "")))
    with pytest.raises(experiment.ExperimentError, match="there is no such file"):
        experiment.read(tmp_path / "nowhere.toml")


def test_a_recipe_may_differ_from_the_others(tmp_path):
    """What its table leaves out is as for all."""
    text = GOOD.replace('["echo"]', '["echo", "deepsegment_en"]') + "[recipe.echo]\nexamples = 7\nbatch_sizes = [2]"
    content, recipes = experiment.read(written(tmp_path, text))
    planned = plan.parts(content, recipes, tmp_path / "out")
    assert [(part.recipe.name, part.examples, {run.batch_size for run in part.runs}) for part in planned] == [
        ("echo", 7, {2}),
        ("deepsegment_en", 100, {1, 8}),
    ]


def test_a_cell_with_fewer_requests_than_users_may_have_more_examples(tmp_path):
    """As many as it takes for a request per user, if that is no more than allowed; the baseline's stay as they are."""
    text = GOOD.replace("[1, 8]", "[1, 50, 100]") + "examples_most = 200\n"
    content, recipes = experiment.read(written(tmp_path, text))
    planned = plan.parts(content, recipes, tmp_path)
    examples = {(run.batch_size, run.concurrency): run.examples for run in planned[0].served}
    assert examples == {(1, 1): 100, (1, 4): 100, (50, 1): 100, (50, 4): 200, (100, 1): 100, (100, 4): 100}
    plan.write(planned, tmp_path)
    assert set(pd.read_csv(tmp_path / layout.PLAN_CSV)["baseline_examples"]) == {100}


def test_the_number_of_threads_is_said_to_every_library_in_both_arms(tmp_path, monkeypatch):
    """What the file says, else what the shell says, else one for each core; a variable of its own comes first."""
    for name in threads.NAMES:
        monkeypatch.delenv(name, raising=False)
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


ORDERED = """
recipes = ["echo", "deepsegment_en"]
batch_sizes = [1, 8, 32, 64]
concurrencies = [1, 4, 8]
examples = 100
rounds = 4
"""


def order_of(tmp_path, text: str) -> list[list[tuple]]:
    """Return each part's runs as (batch size, concurrency or nothing for the baseline)."""
    content, recipes = experiment.read(written(tmp_path, text))
    return [
        [(run.batch_size, getattr(run, "concurrency", None)) for run in part.runs]
        for part in plan.parts(content, recipes, tmp_path)
    ]


def test_arms_alternate_and_their_order_is_reversed_every_other_round(tmp_path):
    """Each batch size's baseline is right before its served runs, or right after them; recipes change places, too."""
    content, recipes = experiment.read(written(tmp_path, ORDERED))
    parts = plan.parts(content, recipes, tmp_path)
    assert [(part.round, part.recipe.name) for part in parts[:4]] == [
        (1, "echo"),
        (1, "deepsegment_en"),
        (2, "deepsegment_en"),
        (2, "echo"),
    ]
    for part in parts:
        for first in range(0, len(part.runs), 4):
            group = part.runs[first : first + 4]
            assert len({run.batch_size for run in group}) == 1
            place = 0 if part.round % 2 else 3
            assert [isinstance(run, plan.BaselineRun) for run in group] == [at == place for at in range(4)]
            assert {run.concurrency for run in group if isinstance(run, plan.ServedRun)} == {1, 4, 8}


def test_cells_are_shuffled_anew_in_every_round_by_a_recorded_seed(tmp_path):
    """The same seed gives the same order again, and another seed another."""
    orders = order_of(tmp_path, ORDERED)
    assert orders == order_of(tmp_path, ORDERED + "seed = 1")
    assert orders != order_of(tmp_path, ORDERED + "seed = 2")
    assert len({str(order) for order in orders}) > 4
    assert experiment.read(written(tmp_path, ORDERED))[0].model_dump()["seed"] == 1


def test_the_order_is_in_the_plan(tmp_path):
    """A run's place among all runs of both arms, and that of its baseline."""
    content, recipes = experiment.read(written(tmp_path, ORDERED))
    plan.write(plan.parts(content, recipes, tmp_path), tmp_path)
    table = pd.read_csv(tmp_path / layout.PLAN_CSV)
    places = {*table["order"], *table["baseline_order"]}
    assert places == set(range(1, 4 * 2 * 4 * 4 + 1))
    assert ((table["baseline_order"] < table["order"]) == (table["round"] % 2 == 1)).all()


def test_the_plan_names_every_cell_of_every_round(tmp_path):
    """A report finds in the plan's file what there should be."""
    content, recipes = experiment.read(written(tmp_path, GOOD + "rounds = 2"))
    plan.write(plan.parts(content, recipes, tmp_path), tmp_path)
    table = pd.read_csv(tmp_path / layout.PLAN_CSV)
    assert tuple(table.columns) == layout.PLAN_COLUMNS
    assert len(table) == 2 * 2 * 2
    assert set(table["system_label"]) == {"fastDeploy"}


def test_the_time_out_grows_with_the_largest_cell(tmp_path):
    """The last of all requests in flight waits for all the others."""
    small, _ = experiment.read(written(tmp_path, GOOD))
    large, _ = experiment.read(written(tmp_path, GOOD.replace("[1, 8]", "[1, 512]").replace("[1, 4]", "[32]")))
    assert small.timeout_s_of("echo") < 600
    assert large.timeout_s_of("echo") > 512 * 32 * 0.1
