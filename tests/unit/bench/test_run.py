"""What an experiment's course decides by itself."""

import pytest

from servecost.bench.arms.direct import grid
from servecost.bench.arms.served import first_broken
from servecost.bench.run import of_idleness
from servecost.core.verdicts import VALID, Verdict


@pytest.mark.parametrize(
    ("sizes", "timed"),
    [
        ({3}, [3]),
        ({1, 5, 64}, [1, 5, 64]),
        (set(range(3, 21)), [3, 4, 8, 16, 20]),
        (set(range(1, 257)), [1, 2, 4, 8, 16, 32, 64, 128, 256]),
    ],
)
def test_few_sizes_of_calls_are_timed_each_and_many_at_powers_of_two(sizes, timed):
    """The least and the most always, so that none has to be guessed beyond them."""
    assert grid(sizes) == timed


@pytest.mark.parametrize(("used_s", "elapsed_s", "is_idle"), [(0, 10, True), (1.0, 10, True), (1.2, 10, False)])
def test_a_server_that_works_while_the_direct_arm_is_timed_makes_that_run_invalid(used_s, elapsed_s, is_idle):
    """A tenth of a core is the limit."""
    verdict = of_idleness(used_s, elapsed_s)
    assert verdict.is_valid == is_idle
    assert is_idle or verdict.rule == "server-not-idle"


def test_a_server_that_is_gone_explains_the_failures_that_the_client_saw():
    """Whoever noticed first; and a rule may be tolerated."""
    failed, gone = Verdict("failures", "reset"), Verdict("server", "killed")
    assert first_broken(failed, gone, VALID) == gone
    assert first_broken(failed, VALID) == failed
    assert first_broken(Verdict("client-cpu", "99%"), VALID, tolerated=("client-cpu",)) == VALID
