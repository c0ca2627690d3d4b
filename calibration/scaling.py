"""How the load scales over worker processes: what a request costs them in CPU time, even where cores are lacking.

Owns the argument. Two workers, a master and a server want four cores. On a machine with fewer, requests per second show
the lack of cores. The CPU seconds that a worker spends on a request do not: if they are the same with two workers as
with one, two workers on cores of their own send twice as many.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from calibration.competitors import Load, locust
from servecost.bench.processes.process import free_port
from servecost.core import csv_files, layout

WORKERS = (1, 2, 8)
REQUESTS_PER_S = 10_000  # about; so many seconds of them are sent
USERS = 32


@dataclass(frozen=True)
class Scaled:
    """One distributed run.

    Attributes:
        workers: how many took part.
        asked: requests of the run.
        answered: requests that were answered correctly.
        seen: distinct requests in the requests' file.
        rate: requests per second of the run.
        cpu_s: CPU seconds of all workers in it.
    """

    workers: int
    asked: int
    answered: int
    seen: int
    rate: float
    cpu_s: float

    @property
    def is_exact(self) -> bool:
        """Whether every request was answered, and none twice."""
        return self.asked == self.answered == self.seen

    @property
    def cpu_us(self) -> float:
        """CPU time per request, in µs."""
        return 1e6 * self.cpu_s / self.answered


def run(load: Load, workers: int) -> Scaled:
    """Send a load from so many workers and a master, none of them pinned."""
    prefix, requests = load.folder / f"scaled-{workers}", round(load.seconds * REQUESTS_PER_S)
    port = free_port()
    run_json = locust(load, requests, prefix, "--processes", workers, "--master-bind-port", port, "--master-port", port)
    account = csv_files.rows(Path(str(prefix) + layout.LEDGER_SUFFIX))
    of_workers = [row for row in account if row["worker"] != layout.TOTAL and row["span_s"]]
    return Scaled(
        workers=workers,
        asked=requests,
        answered=int(account[-1]["requests_answered"]),
        seen=len({row["request"] for row in csv_files.rows(Path(str(prefix) + layout.REQUESTS_SUFFIX))}),
        rate=requests / float(run_json["total_s"]),
        cpu_s=sum(float(row["cpu_share"]) * float(row["span_s"]) for row in of_workers),
    )


def table_of(runs: list[Scaled]) -> pd.DataFrame:
    """Return the medians for each number of workers, and what they would send with a core each."""
    by_workers = {workers: [run for run in runs if run.workers == workers] for workers in WORKERS}
    cpu_us = {workers: pd.Series([run.cpu_us for run in own]) for workers, own in by_workers.items()}
    alone_us = cpu_us[WORKERS[0]].median()
    rows = [
        {
            "Workers": str(workers),
            "Requests": f"{own[0].asked:,}",
            "each answered once": "yes" if all(run.is_exact for run in own) else "NO",
            "Requests/s here": f"{pd.Series([run.rate for run in own]).median():,.0f}",
            "CPU µs/request": f"{spent.median():.1f} ({spent.min():.1f} … {spent.max():.1f})",
            "with a core each": f"{workers * alone_us / spent.median():.2f} ×",
        }
        for workers, own in by_workers.items()
        for spent in [cpu_us[workers]]
    ]
    return pd.DataFrame(rows)
