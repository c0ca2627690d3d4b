"""What a system chooses by itself is counted over several starts of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from servecost.bench import choices
from servecost.bench.by_hand import Session
from servecost.bench.choices import Started, table

SECONDS = "Seconds to the first right answer"


def test_each_choice_has_a_row_and_the_most_frequent_comes_first():
    """It says how often the choice came, and how long those starts took."""
    found = [Started(1.06, {"size": 2.0}), Started(5.0, {"size": 32.0}), Started(1.5, {"size": 2.0})]
    assert table(found) == [
        {"size": "2", "Starts": "2", SECONDS: "1.1 to 1.5"},
        {"size": "32", "Starts": "1", SECONDS: "5.0 to 5.0"},
    ]


def test_a_choice_may_have_several_numbers():
    """They belong together."""
    found = [Started(1.0, {"size": 2.0, "wait_ms": 0.5}), Started(1.0, {"size": 2.0, "wait_ms": 4.0})]
    rows = table(found)
    assert [(row["size"], row["wait_ms"], row["Starts"]) for row in rows] == [("2", "0.5", "1"), ("2", "4", "1")]


def test_what_a_system_has_measured_is_no_choice():
    """It differs at every start."""
    found = [Started(1.0, {"size": 2.0, "call_s": 0.01}), Started(2.0, {"size": 2.0, "call_s": 0.02})]
    assert table(found) == [{"size": "2", "Starts": "2", SECONDS: "1.0 to 2.0"}]


def test_a_system_that_chooses_nothing_has_one_row():
    """It says how long its starts take."""
    assert table([Started(1.0, {}), Started(3.0, {})]) == [{"Starts": "2", SECONDS: "1.0 to 3.0"}]


def test_without_a_start_there_is_no_row():
    """Nothing is made up."""
    assert table([]) == []


def test_a_system_is_started_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each time it has to answer as the direct arm does, and it is ended before it is started again."""
    events: list[str] = []
    facts = iter([{"size": 2.0}, {}])

    @contextmanager
    def answers() -> Iterator[Callable[[], list[Any]]]:
        yield lambda: ["a"]
        events.append("baseline ended")

    @contextmanager
    def serve(spec: object, expected: Callable[[], list[Any]]) -> Iterator[SimpleNamespace]:
        assert (spec, expected()) == ("spec", ["a"])
        yield SimpleNamespace(start_s=1.25, facts=next(facts))
        events.append("server ended")

    monkeypatch.setattr(choices, "serve", serve)
    session = cast(Session, SimpleNamespace(server="spec", baseline=SimpleNamespace(answers=answers)))
    assert choices.start(session, 2, events.append) == [Started(1.25, {"size": 2.0}), Started(1.25, {})]
    assert events == [
        "server ended",
        "start 1 of 2: 1.2 s; size 2",
        "server ended",
        "start 2 of 2: 1.2 s; it chose nothing",
        "baseline ended",
    ]
