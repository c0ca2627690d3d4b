"""What is kept of a served run besides Locust's own files, and the checks that need it.

Owns the predictor's calls and the system's stages of a run, and the verdicts on its server.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from servecost.bench.arms.server import Server
from servecost.bench.runs import Part, Run
from servecost.core import call_log, csv_files, layout, warming
from servecost.core.serving import CannotAnswer, ServerFailed, check_alive
from servecost.core.stops import Stops
from servecost.core.verdicts import UNSENDABLE, VALID, Verdict
from servecost.core.warming import Cold

# More sizes of calls than these are not timed one by one, but at powers of two, and interpolated.
SIZES_TIMED = 8


@dataclass(frozen=True)
class RunRecord:
    """What Locust says of its run.

    Attributes:
        run: identifies the run; the first part of its requests' ids.
        total_s: from the release to the last answer; 0 without an answer.
        released_ns: when the users were released, on the monotonic clock; None if they were not.
        ended_ns: when the last answer was there, on the monotonic clock; None without one.
        released_unix_ns: the same as ``released_ns`` on the wall clock.
        rule: the rule that the run breaks, or nothing.
        reconnections: how often a user's connection was opened anew.
    """

    run: str
    total_s: float
    released_ns: int | None
    ended_ns: int | None
    released_unix_ns: int
    rule: str
    reconnections: int = 0

    @classmethod
    def read(cls, folder: Path) -> "RunRecord | None":
        """Return the record in a run's folder, or None if Locust wrote none."""
        path = folder / layout.LOCUST_RUN_JSON
        if not path.exists():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        total_s, released_unix_ns = float(content["total_s"] or 0), int(content["released_unix_ns"])
        instants = content["released_ns"], content["ended_ns"], released_unix_ns
        return cls(content["run"], total_s, *instants, content["rule"], content["reconnections"])


def write_calls(folder: Path, log: list[str], record: RunRecord, clock: Stops) -> None:
    """Write the predictor's calls since the release, less the stops, if the system logs any; warm-ups came before.

    Their times begin at the release, as the run's own: a call is as long as it would have been without stops.
    """
    logged = [[int(word) for word in line.split(",")[: len(call_log.COLUMNS)]] for line in log]
    if logged and record.released_ns is not None:
        zero_ns = clock.active_ns(record.released_ns) - record.released_ns
        since = [
            (clock.active_ns(start_ns) - zero_ns, clock.active_ns(end_ns) - zero_ns, *more)
            for start_ns, end_ns, *more in logged
            if start_ns >= record.released_ns
        ]
        csv_files.write_table(folder / layout.CALLS_CSV, call_log.COLUMNS, since)


def keep_cold(part: Part, arm: str, batch_size: int, cold: Cold) -> None:
    """Add what a process of a part paid at its first work of a size."""
    row = arm, batch_size, repr(cold.first_s), repr(cold.steady_s), cold.calls
    csv_files.append(part.folder / layout.COLD_CSV, layout.COLD_COLUMNS, [row])


def read_stages(server: Server, run: str) -> dict[tuple[str, str], float]:
    """Return when, by the wall clock in seconds, each of a run's requests reached each stage, as the system has it now.

    Raises whatever the system's own code raises.
    """
    return {(each.request_id, each.stage): each.at_s for each in server.system.stages(server.served, run)}


def write_stages(folder: Path, stages: Mapping[tuple[str, str], float], record: RunRecord, clock: Stops) -> None:
    """Write when each of the run's requests reached each stage, in ns since the release, if the system keeps that."""
    if record.released_ns is None or not stages:
        return
    wall_ns = record.released_unix_ns - record.released_ns  # what the wall clock is ahead of the monotonic one
    zero_ns = clock.active_ns(record.released_ns)
    rows = [
        (request_id.rpartition("-")[2], stage, clock.active_ns(round(at_s * 1e9) - wall_ns) - zero_ns)
        for (request_id, stage), at_s in stages.items()
    ]
    csv_files.write_table(folder / layout.SERVER_STAGES_CSV, layout.SERVER_STAGES_COLUMNS, rows)


def call_sizes(folder: Path) -> list[tuple[int, int]]:
    """Return the numbers of inputs, and the batch sizes, of the predictor's calls in a run: all, or a grid of many."""
    made: dict[int, set[int]] = {}
    for row in csv_files.rows(folder / layout.CALLS_CSV):
        made.setdefault(int(row["batch_size"]), set()).add(int(row["inputs"]))
    return [(size, batch_size) for batch_size, sizes in sorted(made.items()) for size in grid(sizes)]


def grid(sizes: Collection[int]) -> list[int]:
    """Return the sizes to time: all of a few, else the least, the most, and the powers of two between."""
    if len(sizes) <= SIZES_TIMED:
        return sorted(sizes)
    least, most = min(sizes), max(sizes)
    return sorted({least, most, *(2**n for n in range(most.bit_length()) if least < 2**n < most)})


def failure_of(error: ServerFailed) -> Verdict:
    """Return a server's failure as a verdict, its message in one line."""
    rule = UNSENDABLE if isinstance(error, CannotAnswer) else "server"
    return Verdict(rule, " | ".join(line for line in str(error).splitlines() if line.strip()))


def check_lives(server: Server) -> Verdict:
    """Return whether every process of the server lives."""
    try:
        check_alive(server.processes)
    except ServerFailed as error:
        return failure_of(error)
    return VALID


def check_server(server: Server, before: set[tuple[int, float]]) -> Verdict:
    """Return whether the server's processes are those that they were before the run."""
    if not (verdict := check_lives(server)).is_valid:
        return verdict
    after = server.tree.members()
    if gone := before - after:
        began = len(after - before)
        return Verdict("server-restarted", f"{len(gone)} of its processes ended and {began} began in the run")
    return VALID


def check_calls(folder: Path, run: Run, server: Server, record: RunRecord | None) -> Verdict:
    """Return whether the predictor was called with exactly the run's examples, by the log of its calls."""
    if record is None or record.rule or not server.system.calls_predictor:
        return VALID
    inputs = sum(int(row["inputs"]) for row in csv_files.rows(folder / layout.CALLS_CSV))
    if inputs != run.examples:
        return Verdict("calls", f"the predictor was called with {inputs} inputs for {run.examples} examples")
    return VALID


def check_warm(folder: Path) -> Verdict:
    """Return whether a run was warm from its beginning, by what the predictor's calls took.

    The run is cut into ten blocks of equal numbers of inputs, by when the predictor's calls had them done. A run with
    few requests for each user is a burst, whose first block says nothing.
    """
    content = json.loads((folder / layout.LOCUST_RUN_JSON).read_text(encoding="utf-8"))
    if warming.is_burst(content["requests"], content["users"]):
        return VALID
    calls = [
        (int(row["start_ns"]), int(row["end_ns"]), int(row["inputs"]))
        for row in csv_files.rows(folder / layout.CALLS_CSV)
    ]
    blocks = warming.blocks_of(content["released_ns"], calls)
    if not warming.began_cold(blocks):
        return VALID
    median_s = warming.median(blocks)
    return Verdict("warm", f"by its calls, the first tenth took {blocks[0]:.3g} s, the median tenth {median_s:.3g} s")


def first_broken(verdicts: list[Verdict], tolerated: Collection[str] = ()) -> Verdict:
    """Return the verdict that says most: a server that is gone explains the failures that the client saw."""
    broken = [verdict for verdict in verdicts if not verdict.is_valid and verdict.rule not in tolerated]
    return min(broken, key=lambda verdict: verdict.rule not in ("server", "server-restarted"), default=VALID)
