"""Whatever is typed or written, well-formed or not: it is taken, or refused in a line; never a traceback."""

import argparse
import json
import string
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from servecost import cli
from servecost.bench import experiment
from servecost.bench.experiment import Experiment, ExperimentError
from servecost.core import systems
from servecost.direct import command
from tests.support import write_recipe

MANY = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
NAMES = st.sampled_from(list(Experiment.model_fields))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXT, inner, max_size=3),
    max_leaves=6,
)


def toml(content: dict[str, Any]) -> str:
    """Return a table in TOML; nothing of what TOML has no form for."""
    return "".join(f"{json.dumps(name)} = {_value(value)}\n" for name, value in content.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value if each is not None) + "]"
    if isinstance(value, dict):
        items = (f"{json.dumps(name)} = {_value(each)}" for name, each in value.items() if each is not None)
        return "{" + ", ".join(items) + "}"
    return json.dumps(value)


RIGHT = {"recipes": ["./mine"], "batch_sizes": [1], "concurrencies": [1], "examples": 10}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe and an experiment, which is not to be run."""
    found = tmp_path_factory.mktemp("fuzz")
    write_recipe(found / "mine")
    return found


def assert_is_read_or_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        read, recipes = experiment.read(path)
    except ExperimentError as error:
        assert str(error)
        assert all(line.startswith(str(path)) for line in str(error).splitlines())
    else:
        assert len(recipes) == len(read.recipes)


@MANY
@given(content=st.binary(max_size=60) | st.text(string.printable, max_size=60).map(str.encode))
def test_any_bytes_are_an_experiment_or_are_refused(folder: Path, content: bytes):
    """The line begins with the file."""
    assert_is_read_or_refused(folder / "any.toml", content)


@MANY
@given(content=st.dictionaries(NAMES, VALUES, max_size=4))
def test_any_values_are_an_experiment_or_are_refused(folder: Path, content: dict[str, Any]):
    """Beside right ones for the keys that an experiment has to have, or in their place."""
    assert_is_read_or_refused(folder / "any.toml", toml({**RIGHT, **content}).encode())


VERBS = st.sampled_from(["run", "report", "compare", "publish", "serve", "web", "choices", "systems"])
OPTIONS = ["--out", "--allow-different", "--fail-over", "--metric", "--free-choice", "--listen", "--folder", "--port"]
OPTIONS += ["--system", "--experiment", "--web-port", "--workers", "--baseline", "--times", "-h", "--", "-x", "--nope"]
WORDS = st.sampled_from([*OPTIONS, "nowhere", "any.toml", ".", "", "5%", "-1", "99999", "::1", "served", "*"])


@MANY
@given(verb=VERBS, words=st.lists(WORDS | TEXT, max_size=5))
def test_any_command_line_is_taken_or_refused(
    folder: Path, monkeypatch_module: pytest.MonkeyPatch, verb: str, words: list[str]
):
    """Nothing of it names a recipe or a results folder, so that nothing is started."""
    monkeypatch_module.chdir(folder)
    done = CliRunner().invoke(cli.main, [verb, *words])
    assert done.exit_code in (0, 2), (done.output, done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    asks_for_help = "-h" in words or verb == "systems"
    assert done.exit_code == 2 or asks_for_help
    assert "Traceback" not in done.output


@pytest.fixture(scope="module")
def monkeypatch_module():
    """A ``monkeypatch`` for all examples of a test."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@MANY
@given(words=st.lists(WORDS | TEXT | st.sampled_from(["--batch-size", "--examples", "--runs", "--csv"]), max_size=5))
def test_any_command_line_of_a_baseline_script_is_taken_or_refused(words: list[str]):
    """By argparse, with exit code 2 (0 for help)."""
    try:
        found = command.build_parser("echo").parse_args(words)
    except SystemExit as error:
        assert error.code in (0, 2)
    else:
        assert isinstance(found, argparse.Namespace)


@MANY
@given(name=TEXT)
def test_any_name_of_a_system_is_known_or_refused(name: str):
    """It is a folder's, and no path."""
    try:
        found = systems.load(name)
    except systems.UnknownSystem as error:
        assert "\n" not in str(error)
    else:
        assert found.name == name
