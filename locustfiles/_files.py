"""The run in Locust's CSV files: its total as an entry of its own, its requests unrounded, and files that are complete.

Owns what is written beside and into Locust's own statistics. Knows nothing of how the run was made.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import IO

from _outcome import Outcome
from locust.env import Environment
from locust.stats import PERCENTILES_TO_REPORT, StatsCSV

from contract.results import REQUESTS_COLUMNS, REQUESTS_SUFFIX, RUN_TYPE


def log_run(environment: Environment, outcome: Outcome) -> None:
    """Give the run an entry of its own in Locust's statistics: its wall time in ms; no part of Aggregated."""
    entry = environment.stats.get(str(outcome.name), RUN_TYPE)
    entry.log(outcome.wall_ns / 1e6, 0)  # type: ignore[arg-type]  # annotated int, but floats are what Locust logs
    if not outcome.is_valid:
        entry.log_error(None)


def write_requests(prefix: str, outcome: Outcome) -> None:
    """Write every request's times, in nanoseconds since the release, unrounded, in the order of sending."""
    released_ns = outcome.released_ns or 0

    def write(file: IO[str]) -> None:
        writer = csv.writer(file)
        writer.writerow(REQUESTS_COLUMNS)
        for record in sorted(outcome.records, key=lambda record: record.request):
            times = record.sent_ns - released_ns, record.answered_ns - released_ns
            writer.writerow((record.request, record.user, record.examples, *times, record.failure))

    _replace(prefix + REQUESTS_SUFFIX, write)


def write_final_stats(environment: Environment, prefix: str) -> None:
    """Write Locust's statistics once more, at the very end.

    Locust writes its CSV files once a second and not when it ends: the last second of a run would be missing. The
    files are replaced, so that what Locust still holds in its buffers goes nowhere.
    """
    stats = StatsCSV(environment, PERCENTILES_TO_REPORT)
    _replace(prefix + "_stats.csv", lambda file: stats.requests_csv(csv.writer(file)))
    _replace(prefix + "_failures.csv", lambda file: stats.failures_csv(csv.writer(file)))
    _replace(prefix + "_exceptions.csv", lambda file: stats.exceptions_csv(csv.writer(file)))


def _replace(path: str, write: Callable[[IO[str]], None]) -> None:
    temporary = Path(path + ".new")
    with temporary.open("w", newline="") as file:
        write(file)
    temporary.replace(path)
