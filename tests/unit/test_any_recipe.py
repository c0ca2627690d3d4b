"""Whatever somebody's recipe holds, it is measured rightly or refused in one line: no traceback, no other answer."""

import importlib.util
import pickle
import string
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servecost.core import answers, encodings, layout, recipe, recipe_files
from servecost.core.recipe import ROOT
from servecost.direct import timing
from servecost.report.read import pair_files, results
from servecost.report.write import wording
from systems.fastdeploy.wire import FastDeployWire
from tests.unit.report.sample import write_pair, write_plan

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
SHORT = st.integers(-(2**63), 2**64 - 1) | st.binary() | st.floats() | st.text() | st.none() | st.booleans()


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=12,
    )


JSON_INPUTS = st.lists(nested(LEAVES), min_size=1, max_size=4)
FILE_INPUTS = st.lists(nested(SHORT), min_size=1, max_size=4).map(lambda inputs: [b"file", *inputs])
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda name: name not in (".", "..") and len(name.encode()) < 200
)
FROM_A_FILE = "import pickle\nwith open('inputs.pickle', 'rb') as file:\n    example = pickle.load(file)\n"
ECHO = "def predictor(inputs, batch_size=1):\n    return list(inputs)\n"
QUICK = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def yardstick() -> ModuleType:
    """The program of the null system."""
    spec = importlib.util.spec_from_file_location("yardstick", ROOT / "systems" / "_yardstick" / "server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written(folder: Path, inputs: list[Any], predictor: str = ECHO) -> Path:
    folder.mkdir(parents=True)
    (folder / "inputs.pickle").write_bytes(pickle.dumps(inputs))
    (folder / "example.py").write_text(FROM_A_FILE)
    (folder / "predictor.py").write_text(predictor)
    return folder


def called(folder: Path) -> Callable[..., Any]:
    """Return the predictor of a recipe folder, imported anew."""
    module: dict[str, Any] = {}
    exec((folder / "predictor.py").read_text(), module)
    predictor: Callable[..., Any] = module["predictor"]
    return predictor


@QUICK
@given(inputs=JSON_INPUTS | FILE_INPUTS)
def test_any_input_is_answered_by_both_arms_alike(
    tmp_path_factory: pytest.TempPathFactory, yardstick: ModuleType, inputs: list[Any]
):
    """Called directly, its answers kept in a file, and sent over the wire to a server that answers from that file."""
    folder = written(tmp_path_factory.mktemp("any") / "mine", inputs)
    chosen = recipe.load(folder)
    chosen.check_inputs(chosen.inputs.digest)
    expected = timing.warm_up(called(folder), list(chosen.example))
    answers.write(folder / layout.EXPECTED_JSON, expected)
    kept = answers.read(folder / layout.EXPECTED_JSON)
    assert all(map(answers.same, expected, kept))

    wire, serve = FastDeployWire(chosen.input_type), yardstick.Canned(folder, FastDeployWire)
    taken = chosen.inputs.take(len(inputs) + 1, first=1)
    answered = serve(wire.path("id").encode(), [wire.body(taken).content])
    predictions = wire.predictions(200, answered, "id")
    right = [kept[chosen.inputs.place(number)] for number in range(1, len(taken) + 1)]
    assert all(map(answers.same, right, predictions))


@QUICK
@given(name=NAMES)
def test_a_folder_of_any_name_is_found_copied_and_reported(tmp_path_factory: pytest.TempPathFactory, name: str):
    """The name is that of the row, as it is; one that cannot be printed is refused."""
    place = tmp_path_factory.mktemp("any")
    folder = written(place / "given" / name, ["a"])
    if not name.isprintable():
        with pytest.raises(recipe.RecipeError, match=r"^[^\n]* cannot be printed") as refused:
            recipe.load(folder)
        assert "\n" not in str(refused.value)
        return
    chosen = recipe.load(folder)
    assert chosen.name == name
    copy = recipe.copy_to(chosen, place / "served")
    assert recipe_files.digest(copy).hexdigest() == recipe_files.digest(folder).hexdigest()
    out = place / "results"
    out.mkdir()
    (row,) = write_plan(out, [(1, name, "null", "null system", 1, 1, 1, 10, 1)]).itertuples()
    own = pair_files.pair_folder(out, row)
    write_pair(own, row, 0.5, {})
    found = results.read(out)
    assert found.served[["recipe", "rule"]].to_numpy().tolist() == [[name, ""]]
    assert len(wording.markdown(found.served[["recipe"]]).split("\n")) == 3


STATEMENTS = st.lists(
    st.sampled_from(
        [
            "import os, sys, random",
            "example = ['a']",
            "example = 'a'",
            "example = []",
            "example = None",
            "example = ('a', b'b')",
            "example = [object()]",
            "example = [{1: 2}, (3,)]",
            "example = [i for i in range(3)]",
            "settings = ['A', 'B']",
            "settings = 'A'",
            "settings = [1]",
            "os.chdir('/')",
            "sys.path.clear()",
            "sys.exit(0)",
            "raise KeyboardInterrupt",
            "raise Exception('two\\nlines')",
            "1 / 0",
            "example += [random.random()]",
            "print('noise')",
            "del example",
            "syntax error",
            "\tindent",
        ]
    ),
    max_size=6,
).map("\n".join)


@QUICK
@given(content=STATEMENTS | st.text(string.printable, max_size=40))
def test_any_example_is_read_or_refused_in_one_line(tmp_path_factory: pytest.TempPathFactory, content: str):
    """And leaves this process as it was."""
    folder = written(tmp_path_factory.mktemp("any") / "mine", ["a"])
    (folder / "example.py").write_text(content, encoding="utf-8")
    before = list(sys.path), Path.cwd(), "example" in sys.modules
    try:
        chosen = recipe.load(folder)
    except recipe.RecipeError as error:
        assert str(folder / "example.py") in str(error)
        assert "\n" not in str(error)
    except KeyboardInterrupt:  # a user's own Ctrl-C has to get through
        assert "KeyboardInterrupt" in content
    else:
        assert encodings.encode(chosen.example, chosen.input_type).content
    assert (list(sys.path), Path.cwd(), "example" in sys.modules) == before


ANSWERS = ["None", "'ab'", "{'a': 1}", "[1]", "[1, 2, 3]", "inputs", "(each for each in inputs)", "[object()] * 2"]
ANSWERS += ["[b'a', b'b']", "[float('nan')] * 2", "inputs.clear()", "[inputs, inputs]", "[[inputs]] * 2", "range(2)"]


@pytest.mark.parametrize("returned", ANSWERS)
def test_any_answer_counts_or_is_refused_in_one_line(tmp_path: Path, returned: str):
    """It is a list of as many plain values as there are inputs, or the line says what it is."""
    folder = written(tmp_path / "mine", ["a", "b"], f"def predictor(inputs, batch_size=1):\n    return {returned}\n")
    chosen = recipe.load(folder)
    try:
        given_answers = timing.warm_up(called(folder), list(chosen.example))
    except ValueError as error:
        assert "\n" not in str(error)
        assert str(error).startswith("the predictor")
    else:
        assert len(given_answers) == 2
        answers.write(tmp_path / "expected.json", given_answers)
        assert all(map(answers.same, given_answers, answers.read(tmp_path / "expected.json")))
