"""Tables of strings, and verdicts in Markdown.

Owns the published table's columns, and the words in place of a number that is missing, not valid or withdrawn.
"""

from typing import Any

import pandas as pd

from servecost.core.verdicts import RULES, Verdict
from servecost.report.attribution import PARTS
from servecost.report.overhead import WITHDRAWN
from servecost.report.read.tables import QUANTILES
from servecost.report.write.cells import name_of
from servecost.report.write.numbers import MISSING, number, signed, with_interval

NOT_PLANNED = "–"


def published_table(summary: pd.DataFrame, has_intervals: bool = True) -> pd.DataFrame:
    """Return the published table, whose columns never change: a row of strings for each cell of one system."""
    if not has_intervals:
        summary = summary.assign(**{name: float("nan") for name in summary.columns if name.endswith("_half_width")})
    rows: list[Any] = list(summary.itertuples())
    return pd.DataFrame(
        {
            "Recipe": summary["recipe"],
            "Batch Size": summary["batch_size"].astype(str),
            "Baseline": [_seconds(row, "baseline_s") for row in rows],
            "Req Concurrency": summary["concurrency"].astype(str),
            system_label(summary): [_seconds(row, "served_s") for row in rows],
            "Overhead": [_overhead(row) for row in rows],
        }
    )


def _seconds(row: Any, arm: str) -> str:
    value = getattr(row, arm)
    return _absent(row) if pd.isna(value) else with_interval(value, getattr(row, f"{arm}_half_width"))


def _overhead(row: Any) -> str:
    """Return an overhead with its ratio, and the number of its rounds where some are missing."""
    if not row.rounds:
        return _absent(row)
    value = with_interval(row.overhead_s, row.overhead_s_half_width, signed) + f" ({number(row.ratio)} ×)"
    if row.rounds < row.rounds_planned:
        return f"{value} ({row.rounds} of {row.rounds_planned} rounds)"
    return f"{value} {verdict_of(row).word}" if row.rule else value


def _absent(row: Any) -> str:
    if row.rule == WITHDRAWN:
        return WITHDRAWN
    return MISSING if row.rule in ("", MISSING) else verdict_of(row).word


def verdict_of(row: Any) -> Verdict:
    """Return the verdict on a row."""
    return Verdict(row.rule, row.reason)


def verdicts(summary: pd.DataFrame) -> str:
    """Return one line if all rows are valid, else the reason for each row that is not, and the remedy."""
    broken = summary[summary["rule"] != ""]
    if broken.empty:
        return f"**VALID**: all {len(summary)} rows. The rules: {', '.join(RULES)}."
    is_withdrawn = broken["rule"] == WITHDRAWN
    invalid, withdrawn = list(broken[~is_withdrawn].itertuples()), broken[is_withdrawn]
    lines = [f"**{len(withdrawn)} of {len(summary)} rows are withdrawn:**", ""] if len(withdrawn) else []
    for (recipe, reason), own in withdrawn.groupby(["recipe", "reason"], sort=False):
        lines += [f"- {recipe}, batch size {', '.join(map(str, own['batch_size'].unique()))}: {reason}", ""]
    lines += [f"**{len(invalid)} of {len(summary)} rows are not valid:**", ""] if invalid else []
    return "\n".join([*lines, *(f"- {name_of(row)}: {verdict_of(row)}." for row in invalid)]).rstrip()


def attribution_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the parts of each cell's overhead: a row of strings for each cell of one system."""
    names = ["Call pattern", "Contention", "Serving path"]
    parts = {name: summary[part].map(signed) for name, part in zip(names, PARTS, strict=True)}
    return pd.DataFrame(
        {
            "Recipe": summary["recipe"],
            "Batch Size": summary["batch_size"].astype(str),
            "Req Concurrency": summary["concurrency"].astype(str),
            "Overhead": summary["overhead_s"].map(signed),
            **parts,
            "Instrument": summary["instrument_s"].map(number),
            "Calls": summary["calls"].map(lambda calls: MISSING if pd.isna(calls) else f"{calls:,.0f}"),
            "Inputs per Call": summary["inputs_per_call"].map(number),
        }
    )


def quantile_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return quantiles in ms, by cell or by cell and stage; with the systems' names where there are several."""
    named = {"recipe": "Recipe", "batch_size": "Batch Size", "concurrency": "Req Concurrency", "stage": "Stage"}
    if table["system"].nunique() > 1:
        named = {"recipe": "Recipe", "system": "System", **named}
    columns = {title: table[name].astype(str) for name, title in named.items() if name in table}
    values = {name: table[name].map(number) for name in QUANTILES}
    return pd.DataFrame({**columns, **values, "Requests": table["requests"].map("{:,}".format)})


def per_request_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the overhead of one request in ms, by recipe and batch size (rows) and concurrency (columns)."""
    return _by_concurrency(summary, summary["overhead_per_request_ms"].map(signed))


def overhead_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the overhead of each cell, by recipe and batch size (rows) and concurrency (columns)."""
    return _by_concurrency(summary, published_table(summary, has_intervals=False)["Overhead"])


def _by_concurrency(summary: pd.DataFrame, values: "pd.Series[str]") -> pd.DataFrame:
    rows = summary[["recipe", "batch_size"]].drop_duplicates()
    cells = summary.assign(value=values).set_index(["recipe", "batch_size", "concurrency"])["value"]
    table = cells.unstack().reindex(pd.MultiIndex.from_frame(rows)).fillna(NOT_PLANNED)
    table = table.rename(columns=lambda concurrency: f"{concurrency} concurrent")
    table.columns.name = None
    return table.reset_index().rename(columns={"recipe": "Recipe", "batch_size": "Batch Size"})


def markdown(table: pd.DataFrame) -> str:
    """Return a table of strings in Markdown, numbers to the right."""
    alignment = ["left" if column in ("Recipe", "System", "Stage") else "right" for column in table.columns]
    return table.to_markdown(index=False, disable_numparse=True, colalign=alignment)


def system_label(summary: pd.DataFrame) -> str:
    """Return the label of a summary's only system. Raises ValueError if there are several."""
    (label,) = summary["system_label"].unique()
    return str(label)
