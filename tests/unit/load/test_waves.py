"""The untimed requests of one process's users: who sends them, and when a wave is over."""

import gevent

from servecost.load.waves import Wave, Waves


class Crowd:
    """Some users that take part in whatever they are asked to; an entry of ``sent`` is a user's number."""

    def __init__(self, users: int) -> None:
        self.over: list[Wave] = []
        self.sent: list[int] = []
        self.waves = Waves(self.over.append)
        self.users = [gevent.spawn(self._take, number) for number in range(users)]
        gevent.sleep(0)

    def _take(self, number: int) -> None:
        for _ in self.waves.take(number):
            self.sent.append(number)

    def begin(self, users: int) -> list[int]:
        """Begin a wave; return who has sent a request."""
        self.sent.clear()
        self.waves.begin(users, begun_ns=100)
        gevent.sleep(0)
        return self.sent


def test_a_wave_is_sent_by_as_many_users_as_it_asks_for():
    """Those with the lowest numbers, once each; then the next wave."""
    crowd = Crowd(3)
    assert [sorted(crowd.begin(users)) for users in (1, 3, 2)] == [[0], [0, 1, 2], [0, 1]]


def test_a_wave_is_over_with_its_last_answer():
    """With its latest time and its first failure."""
    crowd = Crowd(3)
    crowd.begin(3)
    crowd.waves.note(300, "")
    crowd.waves.note(500, "HTTP 500")
    assert crowd.over == []
    crowd.waves.note(400, "reset")
    assert crowd.over == [Wave(3, 100, 500, "HTTP 500")]


def test_users_go_on_after_the_last_wave():
    """Those that took no part, too."""
    crowd = Crowd(2)
    crowd.begin(1)
    crowd.waves.end()
    gevent.joinall(crowd.users, timeout=1)
    assert all(user.ready() for user in crowd.users)


def test_a_user_that_comes_to_wait_late_takes_part():
    """Its own answer may be reported, and the next wave begun, before it waits again."""
    waves = Waves(lambda wave: None)
    turns = waves.take(0)
    for number in range(3):
        waves.begin(1, number)
        next(turns)
    waves.end()
    assert list(turns) == []
