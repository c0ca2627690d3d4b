"""The pairs that a results folder holds: which are complete, and how a finished pair gets its place there.

Owns the names of folders for complete, failed and unfinished pairs. A pair is made in a folder beside its place and
renamed once everything is there: an interrupted experiment loses the pair under way, both arms of it, and nothing else.
"""

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from servecost.bench.runs import Part, Run
from servecost.core import csv_files, layout, manifest
from servecost.core.verdicts import Verdict
from servecost.core.warming import Cold

FAILED_SUFFIX = ".failed"
UNFINISHED_SUFFIX = ".unfinished"


class Pending(NamedTuple):
    """The runs of a part that are not complete yet.

    Attributes:
        part: the whole part.
        runs: those of its runs that are to be made, in their order.
    """

    part: Part
    runs: list[Run]


def pending(parts: Iterable[Part], is_wanted: Callable[[Part, Run], bool] = lambda part, run: True) -> list[Pending]:
    """Return the pending runs that are wanted, in order; parts without any are left out.

    In each part those that have failed before come last: what ends a process is to take no other run with it.
    """
    found = []
    for part in parts:
        missing = [run for run in part.runs if is_wanted(part, run) and not is_complete(run)]
        found.append(Pending(part, sorted(missing, key=lambda run: failed_folder(run).exists())))
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
    for folder in (failed_folder(run), unfinished_folder(run)):
        shutil.rmtree(folder, ignore_errors=True)
    if run.place.exists():
        run.place.rename(failed_folder(run))
    unfinished_folder(run).mkdir(parents=True)
    return unfinished_folder(run)


def keep(run: Run, verdict: Verdict) -> None:
    """Give a finished run its place, or keep why it has no number where the report looks for it."""
    shutil.rmtree(final_folder(run, verdict), ignore_errors=True)
    unfinished_folder(run).rename(final_folder(run, verdict))
    if verdict.is_lasting:
        shutil.rmtree(failed_folder(run), ignore_errors=True)
    else:
        write_failure(run, verdict)


def keep_cold(part: Part, arm: str, batch_size: int, cold: Cold) -> None:
    """Add what a process of a part paid at its first work of a size."""
    row = arm, batch_size, repr(cold.first_s), repr(cold.steady_s), cold.calls
    csv_files.append(part.folder / layout.COLD_CSV, layout.COLD_COLUMNS, [row])


def unfinished_folder(run: Run) -> Path:
    """Return where the files of a run are while it is made."""
    return run.place.with_name(run.place.name + UNFINISHED_SUFFIX)


def failed_folder(run: Run) -> Path:
    """Return where the files of a failed run are kept until it is made again."""
    return run.place.with_name(run.place.name + FAILED_SUFFIX)


def final_folder(run: Run, verdict: Verdict) -> Path:
    """Return where the files of a run are kept: in its place only if another run would end alike."""
    return run.place if verdict.is_lasting else failed_folder(run)


def write_failure(run: Run, verdict: Verdict) -> None:
    """Write why a run has no number."""
    path = failed_folder(run) / layout.FAILURE_JSON
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(verdict), indent=1) + "\n")
