"""The runs that a results folder holds: which are complete, and how a finished run gets its place there.

Owns the names of folders for complete, failed and unfinished runs. A served run is made in a folder beside its place
and renamed once everything is there, so that an interrupted experiment loses the run under way and nothing else.
"""

import json
import shutil
from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from servecost.bench.arms.protocol import Timed
from servecost.bench.runs import Kind, Part, Run
from servecost.core import csv_files, layout, manifest
from servecost.core.verdicts import Verdict

FAILED_SUFFIX = ".failed"
UNFINISHED_SUFFIX = ".unfinished"
# More sizes of calls than these are not timed one by one, but at powers of two, and interpolated.
SIZES_TIMED = 8


class Pending(NamedTuple):
    """The runs of a part that are not complete yet.

    Attributes:
        part: the whole part.
        runs: those of its runs that are to be made, in their order; the separate direct calls come last.
    """

    part: Part
    runs: list[Run]


def pending(parts: Iterable[Part]) -> list[Pending]:
    """Return the pending runs in order; complete parts are left out."""
    found = [Pending(part, _pending_runs(part)) for part in parts]
    return [each for each in found if each.runs]


def _pending_runs(part: Part) -> list[Run]:
    runs = [run for run in part.runs if not is_complete(part, run)]
    if part.has_direct_arm and (runs or untimed_calls(part)):
        runs.append(part.calls_run)
    return runs


def is_complete(part: Part, run: Run) -> bool:
    """Say whether a run of a part is in its place, with its files as they were written."""
    if run.kind is Kind.BASELINE:
        return run.batch_size in {int(row["batch_size"]) for row in csv_files.rows(part.baseline_csv)}
    try:
        manifest.checked(run.place, layout.REQUIRED_RUN_FILES)
    except manifest.Damaged:
        return False
    return True


def untimed_calls(part: Part) -> dict[int, list[int]]:
    """Return the sizes of the server's calls, by the batch size given, whose direct cost is still to be timed."""
    made: dict[int, set[int]] = {}
    for run in part.served:
        for row in csv_files.rows(run.place / layout.CALLS_CSV):
            made.setdefault(int(row["batch_size"]), set()).add(int(row["inputs"]))
    timed = {(int(row["batch_size"]), int(row["inputs"])) for row in csv_files.rows(part.direct_calls_csv)}
    untimed = {
        batch_size: [size for size in grid(sizes) if (batch_size, size) not in timed]
        for batch_size, sizes in made.items()
    }
    return {batch_size: sizes for batch_size, sizes in untimed.items() if sizes}


def grid(sizes: Collection[int]) -> list[int]:
    """Return the sizes to time: all of a few, else the least, the most, and the powers of two between."""
    if len(sizes) <= SIZES_TIMED:
        return sorted(sizes)
    least, most = min(sizes), max(sizes)
    return sorted({least, most, *(2**n for n in range(most.bit_length()) if least < 2**n < most)})


def make_room(run: Run) -> None:
    """Remove what earlier attempts at a run have left; keep a damaged run aside until it is made again."""
    if run.kind is Kind.SERVED:
        for folder in (failed_folder(run), unfinished_folder(run)):
            shutil.rmtree(folder, ignore_errors=True)
        if run.place.exists():
            run.place.rename(failed_folder(run))
    _failure_json(run).unlink(missing_ok=True)


def keep(part: Part, run: Run, timed: Timed) -> None:
    """Give a finished run its place, or keep why it has no number where the report looks for it."""
    if run.kind is Kind.SERVED:
        _keep_served(run, timed.verdict)
    elif run.kind is Kind.CALLS:
        if not timed.calls:
            return
        rows = [(part.recipe.name, each.inputs, each.batch_size, repr(each.call_s)) for each in timed.calls]
        csv_files.append(part.direct_calls_csv, layout.DIRECT_CALLS_COLUMNS, rows)
    elif timed.verdict.is_valid:
        idle = run.batch_size, repr(timed.elapsed_s), repr(timed.idle_cpu_s)
        csv_files.append(part.folder / layout.IDLE_CSV, layout.IDLE_COLUMNS, [idle])
        row = part.recipe.name, run.batch_size, 1, run.examples, repr(timed.total_s)
        csv_files.append(part.baseline_csv, layout.BASELINE_COLUMNS, [row])
    else:
        write_failure(run, timed.verdict)


def _keep_served(run: Run, verdict: Verdict) -> None:
    unfinished = unfinished_folder(run)
    if unfinished.exists():
        shutil.rmtree(final_folder(run, verdict), ignore_errors=True)
        unfinished.rename(final_folder(run, verdict))
    if verdict.is_lasting:
        shutil.rmtree(failed_folder(run), ignore_errors=True)
    else:
        write_failure(run, verdict)


def unfinished_folder(run: Run) -> Path:
    """Return where the files of a served run are while it is made."""
    return run.place.with_name(run.place.name + UNFINISHED_SUFFIX)


def failed_folder(run: Run) -> Path:
    """Return where the files of a failed served run are kept until it is made again."""
    return run.place.with_name(run.place.name + FAILED_SUFFIX)


def final_folder(run: Run, verdict: Verdict) -> Path:
    """Return where the files of a served run are kept: in its place only if another run would end alike."""
    return run.place if verdict.is_lasting else failed_folder(run)


def write_failure(run: Run, verdict: Verdict) -> None:
    """Write why a run has no number."""
    path = _failure_json(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(verdict), indent=1) + "\n")


def _failure_json(run: Run) -> Path:
    if run.kind is Kind.SERVED:
        return failed_folder(run) / layout.FAILURE_JSON
    return run.place / layout.BASELINE_FAILURE_JSON.format(run.batch_size)
