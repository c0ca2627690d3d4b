"""Which untimed requests precede a run, and what is remembered of them."""

import pytest

from servecost.core.warming import Cold
from servecost.load.warm_up import WarmUp, Work

ONE = Work("http://host", "lists", 8, 1)


class Server:
    """A server that takes so long for a request, and more for the first."""

    def __init__(self, steady_s: float, first_s: float | None = None) -> None:
        self._steady_s, self._first_s = steady_s, first_s
        self.waves: list[int] = []

    def send(self, users: int) -> float:
        self.waves.append(users)
        is_first = len(self.waves) == 1 and self._first_s is not None
        return self._first_s if is_first and self._first_s is not None else self._steady_s * users


def warm(server: Server, users: int = 1, known: dict[Work, float] | None = None) -> Cold:
    return WarmUp(ONE._replace(users=users), {} if known is None else known).run(server.send)


def test_one_user_warms_alone():
    """Until its requests are steady; what the first cost more is found."""
    server = Server(0.5, first_s=3)
    assert warm(server) == Cold(3, 0.5, 3)
    assert server.waves == [1, 1, 1]


def test_all_users_warm_together_after_one_alone():
    """Until their waves are steady."""
    server = Server(0.5)
    assert warm(server, users=4).steady_s == 0.5
    assert server.waves == [1, 1, 1, 4, 4, 4]


@pytest.mark.parametrize(
    ("steady_s", "users", "expected"),
    [
        (1, 5, [1, 1, 1, 5, 5]),
        (1, 6, [1, 1, 1, 5]),
        (2, 32, [1, 1, 1, 2]),
        (30, 32, [1, 1, 2]),
        (30, 2, [1, 1, 2]),
    ],
)
def test_a_wave_that_would_take_too_long_has_fewer_users(steady_s, users, expected):
    """At least two, and it is sent once."""
    server = Server(steady_s)
    warm(server, users)
    assert server.waves == expected


@pytest.mark.parametrize(
    ("limit_s", "expected"), [(20, [1, 1, 1, 4, 4, 4]), (2, [1, 1, 1, 2]), (1, [1, 1, 2]), (0, [1, 1, 2])]
)
def test_nothing_is_repeated_after_so_many_seconds(limit_s, expected):
    """At least two requests are sent, and one wave of several users."""
    server = Server(0.5)
    WarmUp(ONE._replace(users=4), {}, limit_s).run(server.send)
    assert server.waves == expected


def test_a_size_that_has_been_steady_before_costs_few_requests():
    """By what is known of the same host, system, batch size and number of users."""
    known: dict[Work, float] = {}
    first, second = Server(0.01), Server(0.01)
    warm(first, 4, known)
    warm(second, 4, known)
    assert known == {ONE: 0.01, ONE._replace(users=4): 0.04}
    assert second.waves == [1, 1, 4, 4]
    assert first.waves.count(1) > 20
    other = Server(0.01)
    WarmUp(ONE._replace(batch_size=16), known).run(other.send)
    assert len(other.waves) > 20
