"""The clock that stands still while its process is stopped."""

import os
from pathlib import Path
from typing import Any

import pytest

from servecost.core import stops
from servecost.core.stops import Stop
from servecost.load.active_clock import ActiveClock


def test_a_time_is_less_the_stops_that_are_known_by_then(tmp_path):
    """The file grows while the process is stopped."""
    path = tmp_path / "stops.csv"
    clock = ActiveClock(path)
    assert (clock.active_ns(500), clock.between_ns(100, 500)) == (500, 400)
    stops.append(path, Stop(200, 300))
    assert (clock.active_ns(500), clock.between_ns(100, 500)) == (400, 300)
    stops.append(path, Stop(600, 1600))
    assert clock.between_ns(100, 2000) == 800
    assert len(clock.stops) == 2


def test_the_file_is_read_again_only_when_it_has_grown(tmp_path, monkeypatch):
    """A request is timed between two readings of the clock."""
    path = tmp_path / "stops.csv"
    stops.append(path, Stop(200, 300))
    clock = ActiveClock(path)
    assert clock.between_ns(100, 500) == 300
    monkeypatch.setattr(Path, "read_text", lambda self: pytest.fail("read again"))
    assert clock.between_ns(100, 500) == 300


def test_without_a_file_nothing_is_looked_for(monkeypatch):
    """It costs nothing."""

    def must_not_be_called(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(os, "stat", must_not_be_called)
    clock = ActiveClock(None)
    assert (clock.active_ns(500), clock.between_ns(100, 500), len(clock.stops)) == (500, 400, 0)
