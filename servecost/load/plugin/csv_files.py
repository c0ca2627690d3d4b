"""The files of a run: its total as an entry of its own in Locust's CSV, its requests unrounded, its ledger.

Owns what is written into Locust's statistics and beside them. It knows nothing of how the run was made.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from locust.env import Environment
from locust.stats import PERCENTILES_TO_REPORT, StatsCSV

from servecost.core import csv_files
from servecost.core.layout import (
    LEDGER_COLUMNS,
    LEDGER_SUFFIX,
    REQUESTS_COLUMNS,
    REQUESTS_SUFFIX,
    RUN_SUFFIX,
    RUN_TYPE,
    SCHEMA_VERSION,
    TOTAL,
)
from servecost.load.outcome import Outcome


def log_run(environment: Environment, outcome: Outcome) -> None:
    """Log the run's total in ms as an entry of its own in Locust's statistics, which Aggregated leaves out."""
    entry = environment.stats.get(str(outcome.name), RUN_TYPE)
    entry.log((outcome.times.total_ns or 0) / 1e6, 0)  # type: ignore[arg-type]  # annotated int, but floats are what Locust logs
    if not outcome.is_valid:
        entry.log_error(None)


def write_run_files(environment: Environment, prefix: str, outcome: Outcome) -> None:
    """Write all files of a run, the one with its verdict last: once it is there, all of them are."""
    write_requests(prefix, outcome)
    write_ledger(prefix, outcome)
    write_final_stats(environment, prefix)
    write_run(prefix, outcome)


def write_requests(prefix: str, outcome: Outcome) -> None:
    """Write a row for each request, in order: its times are unrounded, in ns since the release reached its worker."""
    rows = ((record.request, worker, *record[1:]) for worker, record in outcome.times.records())
    csv_files.write_table(Path(prefix + REQUESTS_SUFFIX), REQUESTS_COLUMNS, rows)


def write_ledger(prefix: str, outcome: Outcome) -> None:
    """Write the run's ledger: a row for each worker, and one for all of them."""
    csv_files.write_table(Path(prefix + LEDGER_SUFFIX), LEDGER_COLUMNS, ledger_rows(outcome))


def ledger_rows(outcome: Outcome) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a run's ledger, by LEDGER_COLUMNS."""
    ledger, count = outcome.ledger, outcome.ledger.server_count
    for number, entry in enumerate(ledger.entries.values()):
        span_ns = outcome.times.span_ns(entry)
        span_s = "" if span_ns is None else span_ns / 1e9
        shares = ("", "") if entry.cpu_use is None else (entry.cpu_use.cpu_share, entry.cpu_use.wait_share)
        yield (number, entry.name, entry.users, *entry.tally, span_s, *shares, "", "", "", entry.fault)
    total_s = "" if outcome.total_s is None else outcome.total_s
    server = ("", "", "") if count.requests is None else (count.requests, count.least, count.most)
    yield (TOTAL, "", ledger.users, *ledger.total, total_s, "", "", *server, outcome.verdict.reason)


def write_run(prefix: str, outcome: Outcome) -> None:
    """Write the run's parameters, its total, its times on both clocks, and its verdict."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "run": outcome.run,  # the ids of its requests begin with it
        "name": str(outcome.name),
        **asdict(outcome.name),
        "requests": outcome.load.requests,
        "total_s": outcome.total_s,
        "mean_in_flight": outcome.times.mean_in_flight,
        "reconnections": outcome.ledger.total.reconnections,
        "released_ns": outcome.released_ns,  # on this machine's monotonic clock, stops included
        "ended_ns": outcome.ledger.end_ns,
        "released_unix_ns": outcome.released_unix_ns,
        "clock_step_ns": outcome.clock_step_ns,
        "rule": outcome.verdict.rule,
        "reason": outcome.verdict.reason,
    }
    csv_files.replace(Path(prefix + RUN_SUFFIX), lambda file: file.write(json.dumps(content, indent=1) + "\n"))


def write_final_stats(environment: Environment, prefix: str) -> None:
    """Write Locust's statistics once more, at the very end of a run.

    Locust writes its CSV files once a second and not when it ends: the last second of a run would be missing. The
    files are replaced, so that what Locust writes later reaches only the files that were there before.
    """
    stats = StatsCSV(environment, PERCENTILES_TO_REPORT)
    csv_files.replace(Path(prefix + "_stats.csv"), lambda file: stats.requests_csv(csv.writer(file)))
    csv_files.replace(Path(prefix + "_failures.csv"), lambda file: stats.failures_csv(csv.writer(file)))
    csv_files.replace(Path(prefix + "_exceptions.csv"), lambda file: stats.exceptions_csv(csv.writer(file)))
