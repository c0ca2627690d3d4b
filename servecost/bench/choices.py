"""Starts a system several times, without load, and tabulates what it chose by itself and how long it took.

A choice that a system makes at its start is a variable of an experiment. Owns the starts and their table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from servecost.bench.arms.server import Server, serve
from servecost.bench.by_hand import Session
from servecost.core import facts


@dataclass(frozen=True)
class Started:
    """One start.

    Attributes:
        start_s: the seconds from the start of the first process to the first right answer.
        facts: what the system has chosen or measured by itself.
    """

    start_s: float
    facts: dict[str, float]


def start(session: Session, times: int, say: Callable[[str], None]) -> list[Started]:
    """Start the session's server so often, one after the other, and end it each time. Raises as ``serve`` does."""
    found: list[Started] = []
    with ExitStack() as stack:
        answers = stack.enter_context(session.baseline.answers())()
        for number in range(1, times + 1):
            with serve(session.server, lambda: answers) as server:
                found.append(_started(server))
            said = facts.in_words(found[-1].facts) or "it chose nothing"
            say(f"start {number} of {times}: {found[-1].start_s:.1f} s; {said}")
    return found


def _started(server: Server) -> Started:
    return Started(server.start_s, dict(server.facts))


def table(found: Sequence[Started]) -> list[dict[str, str]]:
    """Return a row for each choice, the most frequent first: how often it came, and how long its starts took."""
    by_choice: dict[tuple[tuple[str, float], ...], list[float]] = defaultdict(list)
    for each in found:
        choice = tuple(item for item in each.facts.items() if facts.is_choice(item[0]))
        by_choice[choice].append(each.start_s)
    return [
        {
            **{name: f"{value:g}" for name, value in choice},
            "Starts": str(len(seconds)),
            "Seconds to the first right answer": f"{min(seconds):.1f} to {max(seconds):.1f}",
        }
        for choice, seconds in sorted(by_choice.items(), key=lambda item: -len(item[1]))
    ]
