"""The pairs that a results folder holds: which are complete, and how a finished pair gets its place there.

Owns what becomes of complete, failed and unfinished pairs. A pair is made in a folder beside its place and renamed once
everything is there: an interrupted experiment loses the pair under way, both arms of it, and nothing else.
"""

import json
import shutil
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from servecost.bench.runs import Part, Run
from servecost.core import layout, manifest
from servecost.core.verdicts import Verdict


class Pending(NamedTuple):
    """The runs of a part that are not complete yet.

    Attributes:
        part: the whole part.
        runs: those of its runs that are to be made, in their order.
    """

    part: Part
    runs: list[Run]


def pending(parts: Iterable[Part], done: Collection[Path] = ()) -> list[Pending]:
    """Return the pending runs, in order; parts without any are left out.

    ``done``: the places of runs that count as complete without being there.
    In each part those that have failed before come last: what ends a process is to take no other run with it.
    """
    found = []
    for part in parts:
        missing = [run for run in part.runs if run.place not in done and not is_complete(run)]
        found.append(Pending(part, sorted(missing, key=lambda run: run.failed_place.exists())))
    return [each for each in found if each.runs]


def is_complete(run: Run) -> bool:
    """Say whether a run is in its place, with its files as they were written."""
    try:
        manifest.checked(run.place, run.kind.required_files)
    except manifest.Damaged:
        return False
    return True


def make_room(run: Run) -> Path:
    """Return a new folder to make a run in; what earlier attempts left is removed, but a damaged run is kept aside."""
    for folder in (run.failed_place, run.unfinished_place):
        shutil.rmtree(folder, ignore_errors=True)
    if run.place.exists():
        run.place.rename(run.failed_place)
    run.unfinished_place.mkdir(parents=True)
    return run.unfinished_place


def keep(run: Run, verdict: Verdict) -> None:
    """Give a finished run its place, or keep why it has no number where the report looks for it."""
    shutil.rmtree(run.place_for(verdict), ignore_errors=True)
    run.unfinished_place.rename(run.place_for(verdict))
    if verdict.is_lasting:
        shutil.rmtree(run.failed_place, ignore_errors=True)
    else:
        write_failure(run, verdict)


def write_failure(run: Run, verdict: Verdict) -> None:
    """Write why a run has no number."""
    path = run.failed_place / layout.FAILURE_JSON
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(verdict), indent=1) + "\n", encoding="utf-8")
