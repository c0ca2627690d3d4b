"""Two results of one experiment as one: what has been published of it, and what a folder has made since.

Owns the join. A pair is in one of them: those that are published are not read from the folder. What is not a pair's own
may be in both, and counts once.
"""

from dataclasses import replace
from typing import Any

import pandas as pd

from servecost.report.read import requests
from servecost.report.read.runs import served_table
from servecost.report.read.tables import CELL, PART, QUANTILES, ROW, TIMES, Results

# Of the pairs of a baseline with itself.
SAME_KEY = ["round", "recipe", "batch_size", "pair"]


def made(earlier: Results) -> set[tuple[Any, ...]]:
    """Return the pairs, by ``ROW``, that are valid."""
    return set(_valid(earlier.served)[ROW].itertuples(index=False, name=None))


def join(earlier: Results, own: Results) -> Results:
    """Return both as one, with the plan and the experiment of ``own``, which has none of the pairs of ``made``.

    Pairs that are not in the plan are left out.
    """
    plan = own.plan[ROW]

    def both(name: str, key: list[str]) -> pd.DataFrame:
        return _in_order(_concat(_valid(getattr(earlier, name)), getattr(own, name)), plan, key)

    served = _concat(_valid(earlier.served), own.served)
    return replace(
        own,
        baseline=both("baseline", ROW),
        served=served_table(_in_order(served, plan, ROW).to_dict("records")),
        calls=both("calls", ROW),
        direct_calls=both("direct_calls", ROW),
        slices=both("slices", ROW),
        cold=both("cold", PART).drop_duplicates(ignore_index=True),
        response_times=_times(earlier.response_times, own.response_times, CELL),
        stages=_times(earlier.stages, own.stages, [*CELL, "stage"]),
        instrument=_instrument(earlier.instrument, own.instrument),
        same=_same(earlier.same, own.same),
        wall=_concat(earlier.wall, own.wall).drop_duplicates(ignore_index=True),
        idle=_concat(earlier.idle, own.idle),
        withdrawn=earlier.withdrawn,
        made_with=[*earlier.made_with, *own.made_with],
    )


def _valid(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table whose verdict, if it has one, is that they count."""
    return table[table["rule"] == ""] if "rule" in table else table


def _concat(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    having = [table for table in (first, second) if len(table)]
    return pd.concat(having, ignore_index=True) if having else second


def _in_order(table: pd.DataFrame, plan: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return the rows that are of the plan, in its order."""
    if table.empty:
        return table
    return plan[key].drop_duplicates().merge(table, how="inner", on=key)


def _times(earlier: pd.DataFrame, own: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return the quantiles of the requests of both, from their histograms where both have some."""
    groups = _concat(earlier, own).groupby(key, sort=False)
    rows = [(*group, *_merged(table)) for group, table in groups]
    return pd.DataFrame(rows, columns=[*key, *TIMES])


def _merged(table: pd.DataFrame) -> tuple[Any, ...]:
    if len(table) == 1:
        return tuple(table[TIMES].iloc[0])
    known = table["histogram"].notna()
    values = requests.from_histograms(table.loc[known, "histogram"])
    exact = {"max": table["max"].max()}
    found = requests.quantiles(values) if known.all() else dict.fromkeys(QUANTILES, float("nan"))
    return (*{**found, **exact}.values(), table["requests"].sum(), requests.histogram(values))


def _instrument(earlier: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Return each cell's runs on the null system: the published ones, where there are some."""
    both = pd.concat([table for table in (earlier, own) if len(table)], ignore_index=True)
    first = both[both["requests"] > 0].drop_duplicates(CELL)
    rest = own[CELL].merge(first, how="left", on=CELL)
    return rest.fillna({"requests": 0}).astype({"requests": int})


def _same(earlier: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Return each pair of a baseline with itself once, a valid one if there is one."""
    return _concat(_valid(earlier), own).drop_duplicates(SAME_KEY).sort_values(SAME_KEY, ignore_index=True)
