"""The response times of a run's requests, and how long each request spent in each stage, from the run's files.

Owns the stages' labels: a stage lies between two times, and the names of the times are the client's and the system's.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from servecost.core import layout
from servecost.report.read.tables import QUANTILES, read_csv

# How the client's own times are called, before and after those that the system notes.
SENT, ARRIVED = "sent", "arrived"
UNSURE = 0.05
BIN, LEAST_MS = 1.01, 1e-3


def response_times_ms(folder: Path) -> pd.DataFrame:
    """Return ``ms`` of each request of a run, unrounded, from the first byte sent to the complete answer."""
    requests = pd.read_csv(folder / layout.LOCUST_REQUESTS_CSV)
    return pd.DataFrame({"ms": (requests["answered_ns"] - requests["sent_ns"]) / 1e6})


def stages_ms(folder: Path) -> pd.DataFrame:
    """Return ``stage`` and ``ms`` for each stage of each request that the server has on record, stage by stage.

    A request's stages sum to its response time: the server's wall clock is mapped to the client's monotonic clock by
    what both showed at the release. A request that lacks one of the run's stages is left out; of a stage that a request
    reached twice, the last time counts. Empty if the server keeps no records.
    """
    path = folder / layout.SERVER_STAGES_CSV
    reached = read_csv(path) if path.is_file() else pd.DataFrame(columns=list(layout.SERVER_STAGES_COLUMNS))
    reached = reached.drop_duplicates(["request", "stage"], keep="last")
    stages = _in_order(reached)
    if not stages:
        return pd.DataFrame(columns=["stage", "ms"])
    at_ns = reached.pivot(index="request", columns="stage", values="at_ns").reindex(columns=stages).dropna()
    client = pd.read_csv(folder / layout.LOCUST_REQUESTS_CSV).set_index("request")
    both = at_ns.index.intersection(client.index)
    times = [client["sent_ns"][both], *(at_ns[stage][both] for stage in stages), client["answered_ns"][both]]
    return pd.concat(
        pd.DataFrame({"stage": label, "ms": (end - begin) / 1e6})
        for label, (begin, end) in zip(labels(stages), pairwise(times), strict=True)
    )


def _in_order(reached: pd.DataFrame) -> list[str]:
    """Return the run's stages as the first request that reached all of them did; none if no request did."""
    counts = reached.groupby("request", sort=False).size()
    complete = counts.index[counts == reached["stage"].nunique()]
    return list(reached.loc[reached["request"] == complete[0], "stage"]) if len(complete) else []


def labels(stages: Sequence[str]) -> list[str]:
    """Return what the stages between these times are called, from ``sent → …`` to ``… → arrived``."""
    return [f"{begin} → {end}" for begin, end in pairwise([SENT, *stages, ARRIVED])]


def histogram(values: "pd.Series[float]") -> str:
    """Return how many values are in each bin, as ``place:number``: a bin is 1 % wide, and that of 1 ms has place 0."""
    places = np.rint(np.log(values.clip(lower=LEAST_MS)) / np.log(BIN)).astype(int)
    return " ".join(f"{place}:{number}" for place, number in places.value_counts(sort=False).sort_index().items())


def from_histograms(histograms: Iterable[str]) -> "pd.Series[float]":
    """Return the values of some histograms together, each as the middle of its bin: within 0.5 %."""
    found = [tuple(map(int, each.split(":"))) for own in histograms for each in own.split()]
    places, numbers = np.array(found, dtype=int).reshape(-1, 2).T
    return pd.Series(np.repeat(BIN ** places.astype(float), numbers))


def quantiles(values: "pd.Series[float]") -> dict[str, float]:
    """Return p50, p90, p95, p99 and max, each a value that was observed: the inverse of the empirical distribution.

    NaN for a quantile that so few values may all lie below: q^n has to be at most UNSURE, so that with a chance of 95 %
    the largest value is an upper bound of it. R. J. Hyndman and Y. Fan, Sample Quantiles in Statistical Packages
    (1996), definition 1.
    """
    known = {name: q for name, q in QUANTILES.items() if len(values) and (q == 1 or q ** len(values) <= UNSURE)}
    found = np.quantile(values.to_numpy(), list(known.values()), method="inverted_cdf") if known else np.array([])
    return {**dict.fromkeys(QUANTILES, np.nan), **dict(zip(known, found.tolist(), strict=True))}
