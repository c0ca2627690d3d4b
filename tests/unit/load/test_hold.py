"""The time between a run's warm-up and its release."""

import json

import pytest

from servecost.core.layout import HOLD_UNTIL
from servecost.core.warming import Cold
from servecost.load.hold import Hold, NobodyHolds


def test_a_run_is_held_until_a_file_is_there(tmp_path):
    """The bench makes it."""
    until = tmp_path / "release"
    hold = Hold(None, until)
    assert not hold.is_over()
    until.touch()
    assert hold.is_over()


def test_a_run_is_not_held_for_nobody(tmp_path):
    """The folder goes with the bench."""
    with pytest.raises(NobodyHolds, match=r"^it was held, and the folder of \S+, which would release it, is gone$"):
        Hold(None, tmp_path / "gone" / "release").is_over()


@pytest.mark.parametrize("named", [True, False])
def test_the_environment_says_which_file(tmp_path, monkeypatch, named):
    """None means that nothing holds a run."""
    monkeypatch.delenv(HOLD_UNTIL, raising=False)
    if named:
        monkeypatch.setenv(HOLD_UNTIL, str(tmp_path / "release"))
    assert Hold.of_environment(None).is_over() is not named


@pytest.mark.parametrize(
    ("cold", "requests", "content"),
    [
        (Cold(0.5, 0.1, 3), 12, {"first_s": 0.5, "steady_s": 0.1, "calls": 3, "is_steady": True, "requests": 12}),
        (None, 0, {"first_s": None, "steady_s": None, "calls": None, "is_steady": None, "requests": 0}),
    ],
)
def test_a_warm_run_says_what_the_warm_up_has_shown(tmp_path, cold, requests, content):
    """Or that there was none."""
    hold = Hold(str(tmp_path / "out"), None)
    hold.announce("run-7", cold, requests)
    assert json.loads((tmp_path / "out_warm.json").read_text()) == {"run": "run-7", **content}


def test_what_the_last_run_said_is_forgotten(tmp_path):
    """The rest of its files stays."""
    for name in ("out_warm.json", "out_run.json", "out_requests.csv"):
        (tmp_path / name).touch()
    hold = Hold(str(tmp_path / "out"), None)
    hold.forget()
    hold.forget()
    assert [path.name for path in tmp_path.iterdir()] == ["out_requests.csv"]


def test_without_files_nothing_is_said(tmp_path, monkeypatch):
    """A run by hand has no prefix."""
    monkeypatch.chdir(tmp_path)
    Hold(None, None).announce("run-7", None, 0)
    Hold(None, None).forget()
    assert list(tmp_path.iterdir()) == []
