"""What the stages agree on."""

import json
import math
import sys

import msgpack
import pytest

from servecost.core import answers, recipe
from servecost.core.layout import RunName
from systems.fastdeploy import wire
from tests.support import write_recipe


@pytest.mark.parametrize("name", recipe.available())
def test_every_shipped_recipe_loads_without_its_predictor(name):
    """Whoever only sends the example imports no model library."""
    heavy = {"torch", "tensorflow"} & sys.modules.keys()
    assert recipe.load(name).name == name
    assert {"torch", "tensorflow"} & sys.modules.keys() == heavy


def test_a_recipe_of_somebody_elses_needs_two_files_and_no_more(tmp_path):
    """The folder gives the name; nothing else is asked of it."""
    folder = write_recipe(tmp_path / "mine")
    chosen = recipe.load("mine", tmp_path)
    assert (chosen.name, chosen.folder, chosen.example, chosen.settings) == ("mine", folder, ("a",), ())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"example": None}, "has no example.py"),
        ({"predictor": None}, "has no predictor.py"),
        ({"example": "example = []"}, "'example' has to be a list with at least one input"),
        ({"example": "example = 'text'"}, "'example' has to be a list with at least one input"),
        ({"example": "import nowhere"}, "ModuleNotFoundError"),
    ],
)
def test_an_incomplete_recipe_is_refused_in_one_line(tmp_path, content, says):
    """The line names the file and what is wrong with it."""
    folder = write_recipe(tmp_path / "mine", **content)
    with pytest.raises(recipe.RecipeError, match=says) as refused:
        recipe.load(folder)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "nope"])
def test_an_unknown_recipe_is_refused_with_a_list_of_the_known_ones(name):
    """Somebody who mistypes a name sees the names."""
    with pytest.raises(recipe.RecipeError, match="deepsegment_en, echo, efficientnet_b2"):
        recipe.load(name)


def test_inputs_repeat_the_example_from_any_place(tmp_path):
    """Input i of a run is input i modulo the example's length."""
    chosen = recipe.Recipe("r", tmp_path, ("a", "b", "c"))
    assert chosen.inputs(5) == ["a", "b", "c", "a", "b"]
    assert chosen.inputs(3, first=7) == ["b", "c", "a"]


def test_the_fingerprint_follows_content_and_settings_and_nothing_else(tmp_path, monkeypatch):
    """What a server leaves behind changes no answer; a file or a setting of the recipe may."""
    folder = write_recipe(tmp_path / "mine", example="example = ['a']; settings = ['MY_WEIGHTS']")
    before = recipe.load(folder).fingerprint()
    (folder / "fastdeploy_dbs").mkdir()
    (folder / "fastdeploy_dbs" / "main_index.db").write_text("rows")
    assert recipe.load(folder).fingerprint() == before
    monkeypatch.setenv("MY_WEIGHTS", "other")
    with_setting = recipe.load(folder).fingerprint()
    (folder / "predictor.py").write_text("def predictor(inputs, batch_size=1): return []")
    assert len({before, with_setting, recipe.load(folder).fingerprint()}) == 3


@pytest.mark.parametrize(("example", "input_type"), [(["text", {"a": [1.5, None]}], "json"), ([b"file"], "msgpack")])
def test_bytes_make_a_recipe_one_of_files(tmp_path, example, input_type):
    """JSON unless the example holds what JSON cannot."""
    assert recipe.Recipe("r", tmp_path, tuple(example)).input_type == input_type


@pytest.mark.parametrize(
    ("expected", "answer", "is_same"),
    [
        ("a", "a", True),
        ("a", "b", False),
        (1, 1, True),
        (1, 2, False),
        (1, True, False),
        (True, True, True),
        (0.5, 0.50001, True),
        (0.5, 0.51, False),
        (0.0, 1e-9, True),
        (1.0, 1, True),
        (1.0, "1.0", False),
        (math.nan, math.nan, True),
        (math.nan, 0.0, False),
        ((1, 2), [1, 2], True),
        ([1, 2], [1, 2, 3], False),
        ([[1, 0.25]], [[1, 0.250001]], True),
        ({"a": [0.5]}, {"a": [0.5000001]}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"1": "x"}, {1: "x"}, True),
        (None, None, True),
        (None, 0, False),
        (b"x", b"x", True),
    ],
)
def test_answers_are_the_same_when_only_rounding_differs(expected, answer, is_same):
    """Floats within tolerance; everything else exactly."""
    assert answers.same(expected, answer) is is_same


def test_expected_answers_survive_their_file(tmp_path):
    """Bytes included, which JSON has no word for."""
    given = [{"top": [[1, 0.5]], "raw": b"\x00\xff"}, None, "text"]
    answers.write(tmp_path / "new" / "expected.json", given)
    assert answers.read(tmp_path / "new" / "expected.json") == given


@pytest.mark.parametrize(("inputs", "input_type"), [(["a", {"b": 1}], "json"), ([b"\x00\xff", b""], "msgpack")])
def test_a_body_holds_the_inputs(inputs, input_type):
    """JSON wraps them in an object, msgpack sends the list."""
    body = wire.encode(inputs, input_type)
    assert (json.loads(body)["data"] if input_type == "json" else msgpack.unpackb(body)) == inputs


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<html>", "answer is not json"),
        (b"[1]", "answer is no object"),
        (b'{"success": false, "reason": "timeout", "prediction": null}', "server says: timeout"),
        (b'{"success": true, "unique_id": "id-7", "prediction": null}', "no list 'prediction'"),
        (
            b'{"success": true, "unique_id": "id-8", "prediction": ["A"]}',
            "answer to another request: 'id-8', not 'id-7'",
        ),
        (b'{"success": true, "prediction": ["A"]}', "answer to another request: None"),
    ],
)
def test_what_is_no_answer_is_said_in_one_line(body, says):
    """Whatever a server sends instead of predictions."""
    with pytest.raises(wire.BadAnswer, match=says):
        wire.decode(body, "json", "id-7")


def test_an_answer_holds_the_predictions_of_the_request_that_it_names():
    """The server knows a request by the id that the client has given it."""
    assert wire.path("msgpack", "id-7") == "/infer?input_type=msgpack&unique_id=id-7"
    assert wire.decode(b'{"success": true, "unique_id": "id-7", "prediction": ["A"]}', "json", "id-7") == ["A"]


def test_the_name_of_a_run_tells_its_parts():
    """The analysis finds in Locust's CSV what the load wrote there."""
    assert str(RunName("my-recipe_2", 8, 32, 10000)) == "my-recipe_2 batch_size=8 users=32 examples=10000"
