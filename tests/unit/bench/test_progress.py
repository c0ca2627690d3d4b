"""How much is left, and until when."""

import io

import pytest
from rich.console import Console

from servecost.bench.progress import FIRST_GUESS_S_PER_EXAMPLE, Display, Estimate, Step, duration


def steps() -> list[Step]:
    return [Step("one", "slow", 100), Step("two", "slow", 50), Step("three", "quick", 100)]


def test_before_anything_is_measured_there_is_a_guess():
    """All the way, there is an estimate."""
    assert Estimate(steps()).seconds_left() == pytest.approx(250 * FIRST_GUESS_S_PER_EXAMPLE)


def test_runs_are_expected_to_take_as_long_as_those_of_their_kind():
    """Where there were none of a kind yet, the guess holds."""
    estimate = Estimate(steps())
    estimate.finish(steps()[0], 10.0)
    guess = 100 * FIRST_GUESS_S_PER_EXAMPLE
    assert estimate.seconds_left() == pytest.approx(5 + guess)
    assert estimate.seconds_left(current_s=3) == pytest.approx(2 + guess)
    assert estimate.seconds_left(current_s=60) == pytest.approx(guess)
    estimate.finish(steps()[2], 1.0)
    assert estimate.seconds_left() == pytest.approx(5)


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (89, "89 s"), (600, "10 min"), (7200, "2.0 h")])
def test_durations_are_said_as_people_say_them(seconds, said):
    """With no more digits than anybody wants."""
    assert duration(seconds) == said


@pytest.mark.parametrize("is_terminal", [True, False])
def test_every_step_is_shown_with_its_result_and_the_time_left(is_terminal):
    """A bar in a terminal; plain lines, without control sequences, anywhere else."""
    output = io.StringIO()
    with Display(steps(), Console(file=output, force_terminal=is_terminal, width=200)) as display:
        for step in steps():
            display.begin(step.label)
            display.tick()
            display.finish(step, "0.5 s")
    text = output.getvalue()
    assert "[1/3] one: 0.5 s; about" in text
    assert "[3/3] three: 0.5 s; about 0 s left" in text
    assert ("\x1b" in text) is is_terminal
