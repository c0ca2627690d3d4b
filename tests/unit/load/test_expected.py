"""Where the answers to expect come from."""

import pytest

from servecost.core import answers
from servecost.core.recipe import Recipe
from servecost.load.expected import NoExpectedAnswers, find_expected_answers


def test_a_file_that_the_environment_names_is_read(tmp_path, monkeypatch):
    """The direct arm has written it."""
    answers.write(tmp_path / "expected.json", ["A"])
    monkeypatch.setenv("EXPECTED_ANSWERS", str(tmp_path / "expected.json"))
    assert find_expected_answers(Recipe("r", tmp_path, ("a",))) == ["A"]


def test_a_named_file_that_is_missing_is_an_error_in_one_line(tmp_path, monkeypatch):
    """The direct arm is not called in its place."""
    monkeypatch.setenv("EXPECTED_ANSWERS", str(tmp_path / "none.json"))
    with pytest.raises(NoExpectedAnswers, match=r"^EXPECTED_ANSWERS names .*none\.json, which does not exist$"):
        find_expected_answers(Recipe("r", tmp_path, ("a",)))
