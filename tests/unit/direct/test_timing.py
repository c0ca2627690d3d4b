"""The direct arm's clock covers one call with all inputs of a run, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from servecost.core import recipe, stops
from servecost.core.overhead import WARM_UPS
from servecost.core.stops import Stop
from servecost.core.warming import LIMIT_S, Cold
from servecost.direct import timing
from servecost.direct.timing import (
    REFERENCE_S,
    ROUNDS_LEAST,
    ROUNDS_MOST,
    Direct,
    SeparateCall,
    time_call,
    time_calls,
)
from tests.support import write_recipe


class Predictor:
    """A predictor that takes a fixed time by a fake clock, and so do all other things.

    Attributes:
        call_s: how long a call takes.
        answers: what it answers to one input after the other.
        on_call: called with each call.
    """

    def __init__(self, call_s: float = 0.5) -> None:
        self.now_ns, self.call_s = 0, call_s
        self.calls: list[tuple[list[Any], int]] = []
        self.answers = ["A", "B"]
        self.on_call: Callable[[], object] = lambda: None

    def __call__(self, inputs: list[Any], batch_size: int = 0) -> list[Any]:
        self.calls.append((inputs, batch_size))
        self.on_call()
        self.now_ns += round(self.call_s * 1e9)
        return [self.answers[place % len(self.answers)] for place in range(len(inputs))]

    def perf_counter_ns(self) -> int:
        self.now_ns += 1000  # reading a clock takes time
        return self.now_ns


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch) -> Predictor:
    """Return a predictor that takes half a second, in a process that nobody stops."""
    monkeypatch.delenv(stops.VARIABLE, raising=False)
    made = Predictor()
    monkeypatch.setattr(timing, "time", made)
    return made


def test_a_run_is_one_call_with_all_inputs(predictor: Predictor):
    """Its seconds are those of that call."""
    inputs = ["a", "b", "a"]
    assert time_call(predictor, inputs, 8, ["A", "B"]).total_s == pytest.approx(0.5, abs=1e-5)
    assert predictor.calls == [(inputs, 8)]


@pytest.mark.parametrize(
    ("stopped", "total_s"),
    [
        ([], 0.5),
        ([(0.1, 0.3)], 0.3),
        ([(0.1, 0.2), (0.3, 0.35)], 0.35),
        ([(-5.0, -1.0)], 0.5),  # before the run
        ([(-1.0, 0.2)], 0.3),  # it began before the run
    ],
)
def test_a_runs_seconds_are_less_the_stops_in_it(
    predictor: Predictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stopped: list[tuple[float, float]],
    total_s: float,
):
    """They are read when the run is over: the process was stopped while it ran."""
    predictor.now_ns = round(10e9)
    path = tmp_path / "stops.csv"
    monkeypatch.setenv(stops.VARIABLE, str(path))

    def write_stops() -> None:
        for begin_s, end_s in stopped:
            stops.append(path, Stop(round((10 + begin_s) * 1e9), round((10 + end_s) * 1e9)))

    predictor.on_call = write_stops
    span = time_call(predictor, ["a", "b"], 8, ["A", "B"])
    assert span.total_s == pytest.approx(total_s, abs=1e-5)
    assert (span.end_ns - span.begin_ns) / 1e9 == pytest.approx(0.5, abs=1e-5)


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


@pytest.mark.parametrize(
    "change", [lambda inputs: inputs.pop(), lambda inputs: inputs.append("c"), lambda inputs: inputs[0].append(1)]
)
def test_a_predictor_that_changes_its_inputs_is_refused(change: Callable[[list[Any]], None]):
    """A server goes on with the list that it has handed over; the next call would be given other inputs."""

    def predictor(inputs: list[Any], batch_size: int = 1) -> list[Any]:
        answer = [str(each) for each in inputs]
        change(inputs)
        return answer

    with pytest.raises(ValueError, match=r"^the predictor changes the inputs that it is given, or their list"):
        timing.warm_up(predictor, [[], "b"])


@pytest.fixture
def direct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Direct]:
    """Return a recipe's predictor in this process."""
    source = "import os\nhere = os.getcwd()\ndef predictor(inputs, batch_size=1): return [here] * len(inputs)\n"
    folder = write_recipe(tmp_path / "mine", predictor=source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "predictor", raising=False)
    yield Direct(folder, ["a"])
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


def test_an_untimed_answer_is_checked_like_all_others(direct: Direct):
    """A predictor that is wrong in a batch is found before anything is timed."""
    assert direct.expected == [direct.predictor(["b"])[0]]
    direct.expected = ["another"]
    with pytest.raises(ValueError, match=r"^batch size 8: answer 0 differs from the example's"):
        direct.call_s(["a"], 8)


class Calls(Direct):
    """A predictor whose calls take given times by a fake clock, without a recipe.

    Attributes:
        call_s_of: what a call takes, by the number of inputs and the batch size.
        made: the calls, by the same.
    """

    def __init__(self, call_s_of: Callable[[int, int], float]) -> None:
        self.call_s_of, self.now_s = call_s_of, 100.0
        self.made: list[tuple[int, int]] = []
        self._limit_s = LIMIT_S
        self._steady: dict[tuple[int, int], float] = {}
        self._further: dict[int, float] = {}

    def call_s(self, inputs: list[Any], batch_size: int) -> float:
        seconds = self.call_s_of(len(inputs), batch_size)
        self.made.append((len(inputs), batch_size))
        self.now_s += seconds
        return seconds

    def perf_counter(self) -> float:
        return self.now_s


def per_input(seconds: float) -> Callable[[int, int], float]:
    return lambda inputs, batch_size: inputs * seconds


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int, int], float]], Calls]:
    """Return a maker of predictors whose clock is the module's."""

    def make(call_s_of: Callable[[int, int], float]) -> Calls:
        made = Calls(call_s_of)
        monkeypatch.setattr(timing, "time", made)
        return made

    return make


MakeCalls = Callable[[Callable[[int, int], float]], Calls]
ECHO = recipe.load("echo")


def timed(
    made: Calls, sizes: Sequence[tuple[int, int]], batch_size: int, limit_s: float, examples: int = 1000
) -> list[SeparateCall]:
    return list(time_calls(made, ECHO, sizes, (batch_size, examples), limit_s))


def test_work_of_a_size_is_repeated_until_it_is_steady(calls: MakeCalls):
    """What the first call cost is found; later on, it is known what a steady one takes."""
    seconds = iter([5.0, 1.0, 1.0, 1.0])
    made = calls(lambda inputs, batch_size: next(seconds))
    assert made.warm(ECHO, 8, 8) == Cold(5.0, 1.0, 3)
    assert made.warm(ECHO, 8, 8) == Cold(1.0, 1.0, 1)
    assert made.made == [(8, 8)] * 4


def test_each_size_is_warmed_on_its_own(calls: MakeCalls):
    """Memory that one size has touched is not that of another; nor is what it takes."""
    made = calls(lambda inputs, batch_size: 1.0)
    for size, batch_size in ((8, 8), (3, 8), (8, 16)):
        assert made.warm(ECHO, size, batch_size).calls == 3
        assert made.warm(ECHO, size, batch_size).calls == 1


@pytest.mark.parametrize(
    ("per_call_s", "per_input_s", "largest"),
    [(0.0, 5.0, 1), (0.1, 0.5, 2), (0.04, 0.003, 256), (0.0, 0.01, 64), (0.0, 1e-9, 256)],
)
def test_a_further_example_is_told_from_what_a_call_costs_by_itself(
    calls: MakeCalls, per_call_s: float, per_input_s: float, largest: int
):
    """By a call of several batches, where one is quick; of so many that they take long enough, once for a size."""
    made = calls(lambda inputs, batch_size: per_call_s + inputs * per_input_s)
    assert made.further_s(ECHO, 1) == pytest.approx(per_input_s)
    assert max(inputs for inputs, _ in made.made) == largest
    before = len(made.made)
    assert made.further_s(ECHO, 1) == pytest.approx(per_input_s)
    assert len(made.made) == before


def test_a_further_example_is_known_where_several_batches_are_quicker_than_one(calls: MakeCalls):
    """It is a share of what they take."""
    made = calls(lambda inputs, batch_size: 0.1 if inputs == 8 else 0.05)
    assert made.further_s(ECHO, 8) == pytest.approx(0.05 / timing.SEVERAL_MOST / 8)


def test_separate_calls_are_made_in_turn_with_a_reference(calls: MakeCalls):
    """That is the run's own work in small, in whole batches of its size."""
    made = calls(per_input(0.02))
    found = timed(made, [(3, 8), (5, 4)], 8, 2.0)
    reference = 8  # a batch takes longer than a reference has to
    assert REFERENCE_S < 8 * 0.02
    assert {call[:2] for call in found} == {(3, 8), (5, 4)}
    assert [call.inputs for call in found] == [3, 5] * (len(found) // 2)
    for call in found:
        assert call.call_s == pytest.approx(call.inputs * 0.02)
        assert call.reference_inputs == pytest.approx(reference)
        assert call.reference_s == pytest.approx(reference * 0.02)
    turns = len(found) // 2
    assert turns > 3
    assert made.made[-3 * turns :] == [(reference, 8), (3, 8), (5, 4)] * turns


@pytest.mark.parametrize(
    ("own_s", "batch_s", "inputs"),
    [
        (0.0, 0.001, 8 * 100),
        (0.0, 0.03, 8 * 4),
        (0.0, 0.11, 8),
        (0.0, 1.0, 8),
        (0.0, 10.0, 8),
        (0.085, 0.024, 8 * 15),  # of which what the call costs by itself is a fifth
        (0.085, 0.0001, 1000),  # and no more than the run
        (0.0, 1e-6, 1000),
    ],
)
def test_a_reference_is_long_enough_to_be_the_run_in_small(calls: MakeCalls, own_s: float, batch_s: float, inputs: int):
    """It has as many batches as that takes."""
    made = calls(lambda inputs, batch_size: own_s + batch_s * inputs / 8)
    timed(made, [(3, 8)], 8, 0.0)
    assert made.made[-2] == (inputs, 8)


@pytest.mark.parametrize("own_s", [0.0, 0.0001, 0.02, 0.085, 3.0])
@pytest.mark.parametrize(("batch_size", "examples"), [(1, 96), (8, 768), (8, 60), (8, 3), (64, 64)])
def test_what_a_call_costs_by_itself_is_in_each_call_and_once_in_the_run(
    calls: MakeCalls, own_s: float, batch_size: int, examples: int
):
    """So the seconds of a separate call come out, in seconds of the run's own."""
    made = calls(lambda inputs, batch_size: own_s + 0.003 * inputs)
    example_s = made.call_s_of(examples, batch_size) / examples
    for call in timed(made, [(1, 8), (8, 8)], batch_size, 5.0, examples):
        found_s = call.call_s / call.reference_s * call.reference_inputs * example_s
        assert found_s == pytest.approx(own_s + 0.003 * call.inputs)


def test_everything_is_warm_before_separate_calls_are_timed(calls: MakeCalls):
    """A size whose first call is slow is not timed slow; the reference is work of the run that has just been made."""
    met: set[tuple[int, int]] = set()

    def slow_at_first(inputs: int, batch_size: int) -> float:
        is_new = batch_size != 8 and (inputs, batch_size) not in met
        met.add((inputs, batch_size))
        return inputs * 0.1 + 5.0 * is_new

    for call in timed(calls(slow_at_first), [(3, 4), (5, 16)], 8, 2.0):
        assert call.call_s == pytest.approx(call.inputs * 0.1)
        assert call.reference_s == pytest.approx(call.reference_inputs * 0.1)


def test_a_machine_that_becomes_slower_does_not_move_their_quotient(calls: MakeCalls):
    """Both are made within a moment."""
    made = calls(per_input(0.001))
    made.call_s_of = lambda inputs, batch_size: inputs * 0.001 * (1 + (made.now_s - 100) / 5)
    found = timed(made, [(4, 8)], 8, 5.0)
    assert found[-1].call_s > 1.5 * found[0].call_s
    quotient = sum(call.call_s for call in found) / sum(call.reference_s for call in found)
    assert quotient == pytest.approx(4 / found[0].reference_inputs, rel=0.02)


@pytest.mark.parametrize(
    ("call_s", "limit_s", "rounds"),
    [
        (1e-7, 1000.0, ROUNDS_MOST),
        (0.05, 1.05, 10),  # with its reference, 0.1 s a round
        (0.5, 5.5, 5),
        (0.05, 0.0, ROUNDS_LEAST),
        (0.5, 0.0, 1),  # long enough
        (60.0, 1.0, 1),
    ],
)
def test_they_are_repeated_as_long_as_they_may(calls: MakeCalls, call_s: float, limit_s: float, rounds: int):
    """Each is made at least once, quick ones at least twice, and none too often."""
    made = calls(lambda inputs, batch_size: call_s if inputs == 3 else max(call_s, 0.05))
    assert len(timed(made, [(3, 8)], 8, limit_s, examples=8)) == rounds


def test_all_sizes_share_the_time(calls: MakeCalls):
    """Each is made as often as the others."""
    made = calls(lambda inputs, batch_size: 0.05)
    found = timed(made, [(1, 8), (2, 8), (3, 8), (4, 8)], 8, 2.0, examples=8)
    assert [call.inputs for call in found] == [1, 2, 3, 4] * (len(found) // 4)
    assert sum(call.call_s + call.reference_s / 4 for call in found) == pytest.approx(2.0, rel=0.25)


def test_without_sizes_there_is_no_call(calls: MakeCalls):
    """And no end of waiting for one."""
    assert timed(calls(per_input(0.01)), [], 8, 0.0) == []
