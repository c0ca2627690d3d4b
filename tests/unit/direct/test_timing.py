"""The direct arm's clock covers one call with all inputs of a run, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from servecost.core import recipe
from servecost.core.overhead import WARM_UPS
from servecost.direct import timing
from servecost.direct.timing import CALLS_LEAST, CALLS_LIMIT_S, CALLS_MOST, CALLS_S, Direct, time_call, time_calls
from tests.support import write_recipe


class Predictor:
    """A predictor that takes a fixed time by a fake clock, and so do all other things.

    Attributes:
        call_s: how long a call takes.
        answer: what it answers to each input.
    """

    def __init__(self, call_s: float = 0.5) -> None:
        self.now_ns, self.call_s = 0, call_s
        self.calls: list[tuple[list[Any], int]] = []
        self.answers = ["A", "B"]

    def __call__(self, inputs: list[Any], batch_size: int = 0) -> list[Any]:
        self.calls.append((inputs, batch_size))
        self.now_ns += round(self.call_s * 1e9)
        return [self.answers[place % len(self.answers)] for place in range(len(inputs))]

    def perf_counter_ns(self) -> int:
        self.now_ns += 1000  # reading a clock takes time
        return self.now_ns


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch) -> Predictor:
    """Return a predictor that takes half a second."""
    made = Predictor()
    monkeypatch.setattr(timing, "time", made)
    return made


def test_a_run_is_one_call_with_all_inputs(predictor: Predictor):
    """Its seconds are those of that call."""
    inputs = ["a", "b", "a"]
    assert time_call(predictor, inputs, 8, ["A", "B"]) == pytest.approx(0.5, abs=1e-5)
    assert predictor.calls == [(inputs, 8)]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (["A", "C"], "batch size 8: answer 1 differs from the example's: 'C'"),
        (["B"], "batch size 8: answer 0 differs from the example's: 'B'"),
    ],
)
def test_a_wrong_answer_is_no_number(predictor: Predictor, answers: list[str], says: str):
    """A wrong answer may be faster; the message has the first one."""
    predictor.answers = answers
    with pytest.raises(ValueError, match=says):
        time_call(predictor, ["a", "b", "a"], 8, ["A", "B"])


@pytest.mark.parametrize("given", [[], ["A"], ["A", "B", "A", "B"]])
def test_an_answer_for_each_input_is_needed(given: list[str]):
    """Neither fewer nor more will do."""
    with pytest.raises(ValueError, match=f"the predictor gave {len(given)} answers to 3 inputs"):
        time_call(lambda inputs, batch_size: given, ["a", "b", "a"], 8, ["A", "B"])


def test_the_predictor_is_warmed_up_with_the_example_and_its_answer_is_shown(
    predictor: Predictor, capsys: pytest.CaptureFixture[str]
):
    """The reader checks what every served answer will be compared with."""
    assert timing.warm_up(predictor, ["a", "b"]) == ["A", "B"]
    assert predictor.calls == [(["a", "b"], 0)] * WARM_UPS
    assert capsys.readouterr().out == f"Warmed up with {WARM_UPS} calls. The example's answer:\n['A', 'B']\n"


@pytest.fixture
def direct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Direct]:
    """Return a recipe's predictor in this process."""
    source = "import os\nhere = os.getcwd()\ndef predictor(inputs, batch_size=1): return [here] * len(inputs)\n"
    folder = write_recipe(tmp_path / "mine", predictor=source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "predictor", raising=False)
    yield Direct(folder)
    sys.modules.pop("predictor", None)


def test_a_predictor_is_imported_from_within_its_folder(direct: Direct, tmp_path: Path):
    """It may open its files by their names, as it may when it is served."""
    assert direct.predictor(["a"]) == [str(tmp_path / "mine")]


def test_each_call_is_in_the_log_until_its_seconds_are_taken(direct: Direct):
    """The log is the one that a served predictor has."""
    direct.predictor(["a", "b"], batch_size=2)
    assert [call[2:] for call in direct.log] == [(2, 2)]
    seconds = direct.call_s(["a"], 8)
    assert 0 <= seconds < 1
    assert [call[2:] for call in direct.log] == [(2, 2)]


class Calls:
    """A predictor whose calls take given times."""

    def __init__(self, call_s: float) -> None:
        self._call_s = call_s
        self.sizes: set[int] = set()
        self.batch_sizes: set[int] = set()

    def call_s(self, inputs: list[Any], batch_size: int) -> float:
        self.sizes.add(len(inputs))
        self.batch_sizes.add(batch_size)
        return self._call_s


@pytest.mark.parametrize(
    ("call_s", "count"),
    [
        (0.0001, CALLS_MOST),
        (0.01, round(CALLS_S / 0.01)),
        (0.4, CALLS_LEAST),
        (1.2, CALLS_LEAST),
        (2.0, 2),
        (CALLS_LIMIT_S, 1),
        (60.0, 1),
    ],
)
def test_calls_are_repeated_until_their_mean_is_known(call_s: float, count: int):
    """Quick ones many times, slow ones no more often than the time allows."""
    calls, chosen = Calls(call_s), recipe.load("echo")
    assert list(time_calls(cast(Direct, calls), chosen, 3, 8)) == pytest.approx([call_s] * count)
    assert (calls.sizes, calls.batch_sizes) == ({3}, {8})
