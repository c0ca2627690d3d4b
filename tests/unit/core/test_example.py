"""A recipe's example is read as fastDeploy reads it, and it has to be the same every time."""

import sys
from pathlib import Path

import pytest

from servecost.core import example, recipe
from tests.support import write_recipe


def read(folder: Path, content: str) -> example.Example:
    return example.read(write_recipe(folder, content))


@pytest.mark.parametrize(
    "content",
    [
        "words = open('words.txt').read().split()\nexample = [' '.join(words)]",
        "from dataclasses import dataclass\n@dataclass\nclass T:\n    t: 'str'\nexample = [T('a b').t]",
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass T:\n    t: str\n"
        "example = [T('a b').t]",
        "import sys\nassert __name__ == 'example' and 'example' in sys.modules\nexample = ('a b',)",
        "import os\nos.chdir('/')\nimport sys\nsys.path.append('/somewhere')\nexample = ['a b']",
    ],
    ids=["relative name", "dataclass", "annotations", "module", "moves away"],
)
def test_an_example_may_be_written_in_any_way_that_fastdeploy_takes(tmp_path: Path, content: str):
    """Afterwards this process is as it was."""
    folder = write_recipe(tmp_path / "mine", content)
    (folder / "words.txt").write_text("a b\n")
    before = Path.cwd(), list(sys.path), set(sys.modules)
    assert example.read(folder).inputs == ("a b",)
    assert (Path.cwd(), list(sys.path)) == before[:2]
    assert "example" not in sys.modules
    assert not (folder / "__pycache__").exists()


def test_two_recipes_share_no_module(tmp_path: Path):
    """Although their helpers have one name; a package is one, too."""
    found = []
    for name in ("first", "second"):
        folder = write_recipe(
            tmp_path / name, "from samples import texts\nfrom own.more import more\nexample = texts + more"
        )
        (folder / "samples.py").write_text(f"texts = ['of {name}']\n")
        (folder / "own").mkdir()
        (folder / "own" / "more.py").write_text(f"more = ['more of {name}']\n")
        found.append(example.read(folder).inputs)
    assert found == [("of first", "more of first"), ("of second", "more of second")]
    assert not {"samples", "own", "own.more"} & sys.modules.keys()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("import random\nexample = [random.random()]", "gives other inputs each time it is imported; fix its seed"),
        ("example = []", "'example' has to be a list with at least one input"),
        ("example = 'text'", "'example' has to be a list with at least one input"),
        ("", "'example' has to be a list with at least one input"),
        ("import nowhere", "cannot be imported: ModuleNotFoundError"),
        ("raise SystemExit('two\\nlines')", "cannot be imported: SystemExit: two lines"),
        ("example = ['a']; settings = 'MY_WEIGHTS'", "'settings' has to be a list of names"),
        ("example = ['a']; settings = None", "'settings' has to be a list of names"),
        ("example = ['a']; settings = ['A', 3]", "'settings' has to be a list of names"),
        ("example = ['a']; settings = ['']", "'settings' has to be a list of names"),
        (
            "import numpy\nexample = ['a', numpy.zeros(2)]",
            "input 1 holds a numpy.ndarray; what a client can send is JSON",
        ),
        ("import datetime\nexample = [datetime.date(2020, 1, 1)]", r"input 0 holds a datetime\.date"),
        ("example = [b'', 2**70]", "input 1 holds an integer of more than 64 bits beside bytes"),
        ("a = []; a.append(a); example = ['a', a]", "input 1 holds a value that holds itself"),
    ],
)
def test_what_cannot_be_used_is_one_line_that_names_the_file(tmp_path: Path, content: str, says: str):
    """Every name that is read from the file is checked."""
    with pytest.raises(example.BadExample, match=says) as refused:
        read(tmp_path / "mine", content)
    assert str(tmp_path / "mine" / "example.py") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_inputs_have_the_identity_of_what_is_sent(tmp_path: Path):
    """NaN is itself; bytes make it a recipe of files."""
    content = "example = [[1.0, float('nan')], 1, True]; settings = ('MINE',)"
    plain = recipe.load(write_recipe(tmp_path / "a", content))
    files = recipe.load(write_recipe(tmp_path / "b", "example = [b'a', {'x': 1}]"))
    assert (plain.input_type, files.input_type, plain.settings) == ("json", "msgpack", ("MINE",))
    assert plain.inputs.digest != files.inputs.digest


def test_a_folder_is_not_taken_for_a_package_of_this_project(tmp_path: Path):
    """Though it has the same name."""
    folder = write_recipe(tmp_path / "mine", "from calibration.samples import texts\nexample = texts")
    (folder / "calibration").mkdir()
    (folder / "calibration" / "samples.py").write_text("texts = ['own']\n")
    assert example.read(folder).inputs == ("own",)
