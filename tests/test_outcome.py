"""What a run came to, in one line and an exit code."""

import pytest
from _outcome import Outcome
from _section import Record

from contract.results import RunName

NAME = RunName("echo", 2, 3, 6)


def records(*failures: str) -> list[Record]:
    return [
        Record(number, 0, 2, 1_000_000 * number, 5_000_000 + 1_000_000 * number, failure)
        for number, failure in enumerate(failures)
    ]


@pytest.mark.parametrize(
    ("failures", "exit_code", "line"),
    [
        (["", "", ""], 0, "OK: {}: 0.007 s for 3 requests, every answer right"),
        (["", "HTTP 500", ""], 1, "FAILED: {}: 1 of 3 requests failed; 1 × HTTP 500"),
        (["lie", "lie", "HTTP 500"], 1, "FAILED: {}: 3 of 3 requests failed; 2 × lie; 1 × HTTP 500"),
        (["", ""], 1, "FAILED: {}: ended after 2 of 3 requests"),
        (["", "reset"], 1, "FAILED: {}: ended after 2 of 3 requests; 1 × reset"),
    ],
)
def test_the_last_line_says_what_and_how_many(failures, exit_code, line):
    """Right, wrong, broken off: the line and the exit code agree."""
    outcome = Outcome(NAME, 3, 0, records(*failures))
    assert outcome.exit_code == exit_code
    assert outcome.line() == line.format("echo batch_size=2 users=3 examples=6")


def test_only_so_many_kinds_of_failure_are_named():
    """The line stays a line."""
    outcome = Outcome(NAME, 5, 0, records("a", "a", "b", "c", "d"))
    assert outcome.line().endswith("5 of 5 requests failed; 2 × a; 1 × b; 1 × c; 1 other kinds")


@pytest.mark.parametrize(("is_host", "exit_code"), [(True, 2), (False, 1)])
def test_a_host_that_does_not_answer_is_a_wrong_option(is_host, exit_code):
    """A run that could not start says why; only a wrong address is the user's mistake."""
    outcome = Outcome(NAME, 3, None, [], "no warm-up at http://nowhere", is_host)
    assert (outcome.exit_code, outcome.line()) == (exit_code, f"FAILED: {NAME}: no warm-up at http://nowhere")


def test_the_wall_time_is_from_the_release_to_the_last_answer():
    """Whoever sent it: the last answer counts, not the answer to the last request."""
    late = Record(0, 0, 2, 10, 900, "")
    early = Record(1, 1, 2, 20, 30, "")
    assert Outcome(NAME, 2, 5, [early, late]).wall_ns == 895
