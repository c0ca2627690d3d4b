"""Where the answers to expect come from."""

from pathlib import Path

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


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('["A"', r"holds no answers \(Expecting"),
        ("", r"holds no answers \(Expecting"),
        ('{"a": 1}', r"holds no answers \(.* holds no list of answers\)"),
        ('[{"base64": "n"}, 1]', r"holds no answers \("),
        ('[{"items of a dict": 7}, 1]', r"holds no answers \("),
        ('["A"]', "has 1 answers, the example 2 inputs"),
        ('["A", "B", "C"]', "has 3 answers, the example 2 inputs"),
        (None, r"holds no answers \(.*directory"),
    ],
)
def test_s07_a_file_of_answers_is_checked_where_it_is_read(
    content: str | None, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A user has named it; the line names it, too."""
    path = tmp_path / "right.json"
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    monkeypatch.setenv("EXPECTED_ANSWERS", str(path))
    with pytest.raises(NoExpectedAnswers, match=rf"^{path} {says}") as refused:
        find_expected_answers(Recipe("r", tmp_path, ("a", "b")))
    assert "\n" not in str(refused.value)
