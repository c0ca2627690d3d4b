"""The shipped recipes: each importable alone, with the answers that it promises."""

import ast
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from servecost.core import answers, recipe
from servecost.core.recipe import ROOT
from servecost.core.recipe_files import served_files
from tests.support import SEGMENTS, called

pytestmark = [pytest.mark.xdist_group("recipes"), pytest.mark.long]

RECIPES = ROOT / "recipes"
SAYS = """
def says(function, *given):
    try:
        function(*given)
    except ValueError as error:
        return str(error)
"""
# What also runs on a recipe's own interpreter.
OLD_SYNTAX = [
    *(path for name in recipe.available() for path in served_files(RECIPES / name) if path.suffix == ".py"),
    *(
        path
        for folder in ("servecost/core", "servecost/direct", "baseline", "systems", "docker")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "_yardstick" not in path.parts
    ),
]


@pytest.mark.parametrize("path", OLD_SYNTAX, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_recipes_interpreter_runs_keeps_to_the_syntax_of_python_3_7(path: Path):
    """The models of the published page need an interpreter of their day."""
    ast.parse(path.read_text(), feature_version=(3, 7))


@pytest.mark.parametrize("name", recipe.available())
def test_a_recipe_has_fastdeploys_format(name: str):
    """Three files; their requirements are exact, here or in the versions that are common to all."""
    files = {path.name for path in (RECIPES / name).iterdir()}
    assert {"predictor.py", "example.py", "requirements.txt"} <= files
    requirements = [line for line in (RECIPES / name / "requirements.txt").read_text().splitlines() if line[:1] != "#"]
    common = (ROOT / "constraints.txt").read_text()
    assert all("==" in line or f"\n{line}==" in common for line in requirements)


@pytest.mark.parametrize("name", ["deepsegment_en", "efficientnet_b2"])
def test_a_recipes_versions_are_those_of_the_common_environment(name: str):
    """What is measured here is what the recipe says it needs."""
    common = set((ROOT / "requirements.txt").read_text().splitlines())
    lines = (RECIPES / name / "requirements.txt").read_text().splitlines()
    required = [Requirement(line) for line in lines if line[:1] != "#"]
    here = {f"{each.name}{each.specifier}" for each in required if each.marker is None or each.marker.evaluate()}
    assert here
    assert {each for each in here if "==" in each} <= common


def test_echo_returns_its_inputs():
    """The floor."""
    assert called(RECIPES / "echo", "print(json.dumps(predictor(['a', ['b']], batch_size=2)))") == ["a", ["b"]]


@pytest.fixture(scope="module")
def deepsegment() -> dict[str, Any]:
    """What deepsegment_en does in one process: its answers, the tracings before and after, what feeds it."""
    code = f"""{SAYS}
from predictor import load_model, model
from tf_keras.src.engine.data_adapter import TensorLikeDataAdapter
tuned, get_dataset = [], TensorLikeDataAdapter.get_dataset
def note_dataset(self):
    tuned.append(get_dataset(self).options().autotune.enabled)
    return get_dataset(self)
TensorLikeDataAdapter.get_dataset = note_dataset
function = type(model).seqtag_model.predict_function
tracings = [function.experimental_get_tracing_count()]
several = example * 3 + ["how are you"]
answers = [predictor(example), predictor(several, batch_size=3), predictor(example * 70, batch_size=64)]
for count, batch_size in ((1, 1), (7, 8), (64, 64), (100, 32), (13, 256)):
    predictor([" ".join(example[0].split()[: 3 + count % 30])] * count, batch_size=batch_size)
tracings.append(function.experimental_get_tracing_count())
print(json.dumps(dict(answers=answers, tracings=tracings, tuned=tuned, unknown=says(load_model, "nope"))))
"""
    return dict(called(RECIPES / "deepsegment_en", code))


def test_deepsegment_segments_the_pages_example_as_the_page_says(deepsegment: dict[str, Any]):
    """Exactly, alone and in any batch; and a text that is none of its business changes nothing."""
    alone, several, many = deepsegment["answers"]
    assert alone == [SEGMENTS]
    assert several == [SEGMENTS] * 3 + [["how are you"]]
    assert many == [SEGMENTS] * 70


def test_deepsegment_has_met_the_shapes_of_serving_when_it_is_imported(deepsegment: dict[str, Any]):
    """No call of a number, length or batch size that is new makes TensorFlow trace again, which takes seconds."""
    before, after = deepsegment["tracings"]
    assert after == before


def test_deepsegment_does_not_sleep_at_the_end_of_a_call(deepsegment: dict[str, Any]):
    """A thread that tunes a pipeline is joined there, and often has not heard that it is to end."""
    assert set(deepsegment["tuned"]) == {False}


def test_an_unknown_choice_of_weights_or_execution_is_told(deepsegment: dict[str, Any], efficientnet: dict[str, Any]):
    """And what the choices are."""
    assert deepsegment["unknown"] == "DEEPSEGMENT_WEIGHTS='nope' is unknown; choose 'shipped' or 'official'"
    weights, execution = efficientnet["unknown"]
    assert weights.startswith("EFFICIENTNET_B2_WEIGHTS='nope' is not a file; give a file, 'official', or nothing")
    assert execution.endswith("'nope' is unknown; choose one of plain, channels_last, traced, bfloat16")


@pytest.fixture(scope="module")
def efficientnet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What efficientnet_b2 answers in one process, with its random weights, which it saves to a file."""
    path = tmp_path_factory.mktemp("weights") / "mine.pth"
    code = f"""{SAYS}
import io, torch
from PIL import Image
import predictor as recipe
from predictor import executed, load_model, model
turned, file = Image.open(io.BytesIO(example[0])).rotate(180).convert("L"), io.BytesIO()
turned.save(file, "PNG")
torch.save(model.state_dict(), {str(path)!r})
answers = {{
    "unknown": [says(load_model, "nope"), says(executed, model, "nope")],
    "alone": predictor(example),
    "three": predictor(example * 3, batch_size=2),
    "mixed": predictor([b"not an image", example[0], example[0][:2000], example[0], b""], batch_size=2),
    "none": predictor([]),
    "bad": predictor([b""]),
    "two": predictor([example[0], file.getvalue()], batch_size=2),
}}
recipe.call, recipe.memory_format = executed(model, "channels_last")
answers["channels_last"] = predictor(example * 3, batch_size=2)
print(json.dumps(answers))
"""
    return {**called(RECIPES / "efficientnet_b2", code), "weights": str(path)}


def test_efficientnet_says_which_weights_it_answers_with_and_keeps_a_bad_image_to_itself(efficientnet: dict[str, Any]):
    """Its slot says so; the neighbours' answers are what they are without it."""
    (alone,), mixed = efficientnet["alone"], efficientnet["mixed"]
    assert alone["weights"] == "random (seed 0)"
    assert len(alone["top"]) == 5
    ids, probabilities = zip(*alone["top"], strict=True)
    assert all(0 <= number < 1000 for number in ids)
    assert list(probabilities) == sorted(probabilities, reverse=True)
    assert answers.same(alone, mixed[1])
    assert answers.same(alone, mixed[3])
    for place in (0, 2, 4):
        assert mixed[place].keys() == {"weights", "error"}
        assert "not a readable image" in mixed[place]["error"]
    assert efficientnet["none"] == []
    assert "error" in efficientnet["bad"][0]


def test_efficientnets_random_weights_answer_by_the_image(efficientnet: dict[str, Any]):
    """Otherwise a mixed-up answer could not be told from a right one."""
    one, other = efficientnet["two"]
    assert not answers.same(one, other)


def test_efficientnets_answers_are_those_of_the_library_as_it_is(efficientnet: dict[str, Any]):
    """Whatever of float32 executes it, as answers are compared in a run; with weights of a local file, they say so."""
    assert answers.same(efficientnet["three"], efficientnet["channels_last"])
    code = "print(json.dumps(predictor(example)))"
    choices = {"EFFICIENTNET_B2_WEIGHTS": efficientnet["weights"], "EFFICIENTNET_B2_EXECUTION": "plain"}
    (own,) = called(RECIPES / "efficientnet_b2", code, **choices)
    assert own["weights"] == "mine.pth"
    assert answers.same(efficientnet["alone"][0]["top"], own["top"])


def test_the_photograph_is_a_photograph_whose_licence_is_stated():
    """It may be redistributed, and the recipe says why."""
    (photograph,) = recipe.load("efficientnet_b2").example
    assert photograph.startswith(b"\xff\xd8")
    assert "rocket.jpg" in (RECIPES / "efficientnet_b2" / "README.md").read_text()
    assert "public domain" in (RECIPES / "efficientnet_b2" / "README.md").read_text()


def test_the_model_card_says_what_the_checkpoint_is():
    """Corpus, licence, held-out F1 and limits."""
    card = (RECIPES / "deepsegment_en" / "MODEL_CARD.md").read_text()
    for word in ("chitchat-dataset", "MIT", "F1", "Limits", "train.py"):
        assert word in card
