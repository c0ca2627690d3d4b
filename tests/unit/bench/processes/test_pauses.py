"""An arm runs for a while and is stopped for a while, and both are written down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from servecost.bench.processes import pauses
from servecost.bench.processes.pauses import Pauses, Slice, Use
from servecost.core import stops
from servecost.core.stops import Stop

S = 10**9


class FakeTree:
    """Processes that use CPU time by the test's clock, which does not go on by itself.

    Attributes:
        cpu: of a core, what they use while they run.
        idle_cpu: what they use while they are stopped.
        events: what was done to any tree, in its order.
        on_resume: called before they are continued.
        look_s: how long it takes to find out whom to continue.
        settle_s: how long it takes until none runs any more.
        has_new: whether some are found then that have been started since the last stop.
    """

    def __init__(self, name: str, clock: Clock, events: list[str], cpu: float = 1.0, idle_cpu: float = 0.0) -> None:
        self.name, self.clock, self.events, self.cpu, self.idle_cpu = name, clock, events, cpu, idle_cpu
        self.on_resume: Callable[[], object] = lambda: None
        self.is_stopped, self.since_ns, self.used_s = False, clock.now_ns, 0.0
        self.look_s, self.settle_s, self.has_new = 0.0, 0.0, False

    def cpu_s(self) -> float:
        self.used_s += (self.clock.now_ns - self.since_ns) / S * (self.idle_cpu if self.is_stopped else self.cpu)
        self.since_ns = self.clock.now_ns
        return self.used_s

    def stop(self) -> None:
        self.cpu_s()
        self.is_stopped = True
        self.events.append(f"stop {self.name}")

    def settle(self) -> bool:
        self.clock.passes(self.settle_s)
        has_new, self.has_new = self.has_new, False
        return has_new

    def groups(self) -> set[int]:
        self.clock.passes(self.look_s)
        return set()

    def resume(self, groups: set[int]) -> None:
        self.on_resume()
        self.cpu_s()
        self.is_stopped = False
        self.events.append(f"continue {self.name}")


class Clock:
    """A clock that the test sets forward."""

    def __init__(self) -> None:
        self.now_ns = 100 * S

    def perf_counter_ns(self) -> int:
        return self.now_ns

    def passes(self, seconds: float) -> None:
        self.now_ns += round(seconds * S)


class Arm:
    """A server and its client."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.clock, self.events = clock, list[str]()
        self.server = FakeTree("server", clock, self.events)
        self.client = FakeTree("client", clock, self.events, cpu=0.25)
        self.stops_csv = folder / "stops.csv"
        self.pauses = Pauses(lambda: cast(Any, [self.server, self.client]), self.stops_csv)

    def runs(self, seconds: float) -> None:
        with self.pauses.running():
            self.clock.passes(seconds)


@pytest.fixture
def arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Arm:
    """Return an arm that has been stopped."""
    clock = Clock()
    monkeypatch.setattr(pauses, "time", SimpleNamespace(perf_counter_ns=clock.perf_counter_ns))
    made = Arm(tmp_path, clock)
    made.pauses.suspend()
    made.events.clear()
    return made


def test_the_server_is_stopped_first_and_continued_last(arm: Arm):
    """Its client has sent what it was about to send when the server looks at what is overdue."""
    arm.runs(1)
    assert arm.events == ["continue client", "continue server", "stop server", "stop client"]


@pytest.mark.parametrize(("has_new", "ran_s"), [(False, 1.0), (True, 1.125)])
def test_an_arm_has_run_until_its_last_process_was_told_to_stop(arm: Arm, has_new: bool, ran_s: float):
    """Not until none is found running any more, unless that finds one that nobody had known."""
    arm.server.settle_s, arm.server.has_new, arm.client.settle_s = 0.125, has_new, 0.25
    arm.runs(1)
    (own,) = arm.pauses.use.slices
    assert own.end_ns - own.begin_ns == ran_s * S
    arm.clock.passes(2)
    arm.pauses.begin()
    arm.clock.passes(3)
    assert arm.pauses.begin().rested_s == 3.0


def test_an_arm_has_not_run_before_its_first_process_is_told_to_continue(arm: Arm):
    """Whom to tell is looked up while all of them still rest."""
    arm.server.look_s = arm.client.look_s = 0.25
    arm.runs(1)
    (own,) = arm.pauses.use.slices
    assert own.end_ns - own.begin_ns == 1.0 * S


def test_a_stop_is_written_down_before_any_process_is_continued(arm: Arm):
    """A process that reads the file as soon as it runs finds it there."""
    found: list[int] = []
    arm.server.on_resume = lambda: found.append(len(stops.read(arm.stops_csv)))
    for _ in range(3):
        arm.clock.passes(2)
        arm.runs(1)
    assert found == [1, 2, 3]


def test_the_arms_own_clock_runs_only_while_it_does(arm: Arm):
    """By the file, an arm that ran for three slices has seen three seconds pass, whatever the pauses."""
    begin_ns = arm.clock.now_ns
    for pause_s in (2, 0.5, 7):
        arm.clock.passes(pause_s)
        arm.runs(1)
    clock = stops.read(arm.stops_csv)
    assert clock.active_ns(arm.clock.now_ns) - clock.active_ns(begin_ns) == 3 * S


def test_an_arm_that_was_not_stopped_has_no_stop(tmp_path: Path, arm: Arm):
    """It runs from its start on, until it is stopped for the first time."""
    fresh = Pauses(lambda: [], tmp_path / "of-another.csv")
    fresh.resume()
    assert not (tmp_path / "of-another.csv").exists()
    fresh.suspend()
    fresh.resume()
    fresh.resume()
    assert len(stops.read(tmp_path / "of-another.csv")) == 1


def test_each_stretch_in_which_it_ran_is_a_slice(arm: Arm):
    """They begin and end by the clock that all processes share."""
    arm.clock.passes(1)
    arm.runs(2)
    arm.clock.passes(3)
    arm.runs(0.5)
    slices = arm.pauses.use.slices
    assert slices == [Slice(101 * S, 103 * S), Slice(106 * S, 106 * S + S // 2)]
    assert [stops.read(arm.stops_csv).active_ns(each.end_ns) for each in slices] == [102 * S, 102 * S + S // 2]


def test_cpu_time_counts_while_the_first_tree_runs(arm: Arm):
    """It is the server's; its client's is another matter."""
    arm.runs(2)
    arm.clock.passes(3)
    arm.runs(1)
    assert arm.pauses.use.cpu_s == pytest.approx(3.0)


def test_all_rest_since_the_count_began_is_noted_with_the_cpu_time_in_it(arm: Arm):
    """The other arm is timed in it, also before the first slice and after the last."""
    arm.server.idle_cpu, arm.client.idle_cpu = 0.125, 0.25
    arm.clock.passes(50)
    arm.pauses.begin()
    for _ in range(3):
        arm.clock.passes(4)
        arm.runs(1)
    arm.clock.passes(2)
    use = arm.pauses.begin()
    assert use.rested_s == pytest.approx(3 * 4 + 2)
    assert use.idle_cpu_s == pytest.approx((3 * 4 + 2) * 0.375)


def test_a_new_count_begins_with_a_run(arm: Arm):
    """The one so far is kept as it is; what an arm did while it was warmed is not counted."""
    arm.runs(5)
    before = arm.pauses.begin()
    assert arm.pauses.use == Use()
    arm.clock.passes(1)
    arm.runs(1)
    assert (len(before.slices), len(arm.pauses.use.slices)) == (1, 1)
    assert (before.rested_s, arm.pauses.use.rested_s) == (0.0, 1.0)


def test_it_is_stopped_again_whatever_happens_while_it_runs(arm: Arm):
    """An arm that has failed takes nothing from the other either."""
    with pytest.raises(KeyboardInterrupt), arm.pauses.running():
        arm.clock.passes(1)
        raise KeyboardInterrupt
    assert (arm.server.is_stopped, arm.client.is_stopped) == (True, True)
    assert arm.pauses.use.slices == [Slice(100 * S, 101 * S)]


@pytest.mark.parametrize(
    ("until_s", "ran_s"), [(99, 0), (100, 0), (101.5, 1.5), (102, 2), (104, 2), (105, 2), (105.5, 2.5), (200, 3)]
)
def test_for_how_long_an_arm_had_run_at_a_moment(until_s: float, ran_s: float):
    """A moment within a pause counts as its beginning."""
    use = Use([Slice(100 * S, 102 * S), Slice(105 * S, 106 * S)])
    assert use.ran_s(round(until_s * S)) == ran_s


def test_a_stop_has_the_moments_between_which_nothing_ran(arm: Arm):
    """From the last process stopped to the first continued."""
    arm.clock.passes(2)
    arm.runs(1)
    (line,) = arm.stops_csv.read_text().splitlines()
    assert Stop(*map(int, line.split(","))) == Stop(100 * S, 102 * S)
