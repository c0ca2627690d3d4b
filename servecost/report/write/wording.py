"""Tables of strings, and verdicts in Markdown.

Owns the published table's columns, and the words in place of a number that is missing, not valid, withdrawn or
undecided.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd

from servecost.core.verdicts import RULES, Verdict
from servecost.report.attribution import PART_NAMES
from servecost.report.overhead import WITHDRAWN
from servecost.report.read.tables import QUANTILES
from servecost.report.request_cost import LEAST_SIZES
from servecost.report.write.cells import EQUAL, UNDECIDED, name_of
from servecost.report.write.numbers import MISSING, number, signed, with_interval

NOT_PLANNED = TOO_FEW = "–"


def published_table(summary: pd.DataFrame, has_intervals: bool = True) -> pd.DataFrame:
    """Return the published table, whose columns never change: a row of strings for each cell of one system."""
    if not has_intervals:
        summary = summary.assign(**{name: float("nan") for name in summary.columns if name.endswith("_half_width")})
    rows: list[Any] = list(summary.itertuples())
    return pd.DataFrame(
        {
            "Recipe": summary["label"],
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
    """Return an overhead with its ratio; the ends of its interval if it is undecided; and what is not as planned."""
    if not row.pairs:
        return _absent(row)
    value = _undecided(row) if row.claim == UNDECIDED else _decided(row)
    if row.pairs < row.pairs_planned:
        units = "rounds" if row.pairs_planned == row.rounds_planned else "pairs"
        return f"{value} ({row.pairs} of {row.pairs_planned} {units})"
    return f"{value} {verdict_of(row).word}" if row.rule else value


def _decided(row: Any) -> str:
    value = f"{with_interval(row.overhead_s, row.overhead_s_half_width, signed)} ({number(row.ratio)} ×)"
    return f"{value}, {EQUAL}" if row.claim == EQUAL else value


def _undecided(row: Any) -> str:
    if pd.isna(row.ratio_low):
        return f"{signed(row.overhead_s)} ({number(row.ratio)} ×), {UNDECIDED}"
    low, high = (signed(row.baseline_s * (ratio - 1)) for ratio in (row.ratio_low, row.ratio_high))
    return f"{low} to {high}, {UNDECIDED}"


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
    for (label, reason), own in withdrawn.groupby(["label", "reason"], sort=False):
        lines += [f"- {label}, batch size {', '.join(map(str, own['batch_size'].unique()))}: {reason}", ""]
    lines += [f"**{len(invalid)} of {len(summary)} rows are not valid:**", ""] if invalid else []
    return "\n".join([*lines, *(f"- {name_of(row)}: {verdict_of(row)}." for row in invalid)]).rstrip()


def attribution_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the parts of each cell's overhead, with their intervals: a row of strings for each cell of one system."""
    parts = {name.capitalize(): interval_column(summary, part, signed) for part, name in PART_NAMES.items()}
    return pd.DataFrame(
        {
            **key_columns(summary),
            "Overhead": interval_column(summary, "overhead_s", signed),
            **parts,
            "Instrument": [_instrument(row) for row in summary.itertuples()],
            "Calls": summary["calls"].map(lambda calls: MISSING if pd.isna(calls) else f"{calls:,.0f}"),
            "Inputs per Call": summary["inputs_per_call"].map(number),
        }
    )


def _instrument(row: Any) -> str:
    """Return the seconds of the same requests on the null system; a dash if they were too few to tell."""
    return TOO_FEW if pd.isna(row.instrument_s) and row.instrument_requests > 0 else number(row.instrument_s)


def machine_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return what each cell takes besides seconds: CPU, processes, memory, the start, the first call, in flight."""
    named = {
        "CPU direct, s": summary["baseline_cpu_s"].map(number),
        "CPU served, s": summary["server_cpu_s"].map(number),
        "CPU overhead, s": summary["cpu_overhead_s"].map(signed),
        "Processes": summary["server_processes"].map(_count),
        "Workers": summary["server_workers"].map(_count),
        "Memory direct, MiB": summary["baseline_memory_mib"].map(number),
        "Memory served, MiB": summary["server_memory_mib"].map(number),
        "Start direct, s": summary["baseline_start_s"].map(number),
        "Start served, s": summary["server_start_s"].map(number),
        "First call direct, s": summary["baseline_cold_s"].map(number),
        "First call served, s": summary["served_cold_s"].map(number),
        "In flight": summary["mean_in_flight"].map(number),
    }
    return pd.DataFrame({**key_columns(summary), **named})


def _count(value: float) -> str:
    """Return a mean of whole numbers, which is one of them nearly always."""
    return MISSING if pd.isna(value) else f"{value:.3g}"


def key_columns(summary: pd.DataFrame) -> dict[str, "pd.Series[str]"]:
    """Return the columns that say which cell a row is of."""
    return {
        "Recipe": summary["label"],
        "Batch Size": summary["batch_size"].astype(str),
        "Req Concurrency": summary["concurrency"].astype(str),
    }


def interval_column(summary: pd.DataFrame, name: str, in_words: Callable[[float], str] = number) -> "pd.Series[str]":
    """Return a number of each row with half the width of its interval, where there is one."""
    values = zip(summary[name], summary[f"{name}_half_width"], strict=True)
    return pd.Series([with_interval(value, width, in_words) for value, width in values], index=summary.index)


def quantile_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return quantiles in ms, by cell or by cell and stage; with the systems' names where there are several.

    A dash stands for a quantile of which too few requests say anything.
    """
    named = {"recipe": "Recipe", "batch_size": "Batch Size", "concurrency": "Req Concurrency", "stage": "Stage"}
    if table["system"].nunique() > 1:
        named = {"recipe": "Recipe", "system": "System", **named}
    columns = {title: table[name].astype(str) for name, title in named.items() if name in table}
    values = {name: table[name].map(lambda ms: TOO_FEW if pd.isna(ms) else number(ms)) for name in QUANTILES}
    return pd.DataFrame({**columns, **values, "Requests": table["requests"].map("{:,}".format)})


def per_request_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the overhead of one request in ms, by recipe and batch size (rows) and concurrency (columns)."""
    values = interval_column(summary, "overhead_per_request_ms", signed)
    is_undecided = summary["claim"] == UNDECIDED
    return _by_concurrency(summary, values.mask(is_undecided, values + f", {UNDECIDED}"))


def request_costs(costs: pd.DataFrame) -> str:
    """Return what a request costs at all and by its MiB, as ``request_cost`` has it, as a table or in a sentence."""
    if costs.empty:
        return (
            "Fixed cost and cost per MiB are not known: they take, at concurrency 1, the serving path of "
            f"{LEAST_SIZES} batch sizes."
        )
    several = {"System": costs["system_label"]} if costs["system"].nunique() > 1 else {}
    payloads = zip(costs["least_mib"], costs["most_mib"], strict=True)
    columns = {
        "Recipe": costs["recipe"].where(costs["choice"] == "", costs["recipe"] + ", " + costs["choice"]),
        **several,
        "Fixed, ms": interval_column(costs, "fixed_ms", signed),
        "Per MiB, ms": interval_column(costs, "mib_ms", signed),
        "Payloads, MiB": [f"{number(least)} to {number(most)}" for least, most in payloads],
        "A row is off the line by": costs["missed_by"].map("at most {:.1%} of its served seconds".format),
    }
    return markdown(pd.DataFrame(columns))


def overhead_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the overhead of each cell, by recipe and batch size (rows) and concurrency (columns)."""
    return _by_concurrency(summary, published_table(summary, has_intervals=False)["Overhead"])


def _by_concurrency(summary: pd.DataFrame, values: "pd.Series[str]") -> pd.DataFrame:
    rows = summary[["label", "batch_size"]].drop_duplicates()
    cells = summary.assign(value=values).set_index(["label", "batch_size", "concurrency"])["value"]
    table = cells.unstack().reindex(pd.MultiIndex.from_frame(rows)).fillna(NOT_PLANNED)
    table = table.rename(columns=lambda concurrency: f"{concurrency} concurrent")
    table.columns.name = None
    return table.reset_index().rename(columns={"label": "Recipe", "batch_size": "Batch Size"})


def markdown(table: pd.DataFrame) -> str:
    """Return a table of strings in Markdown, numbers to the right; a bar in a name does not end its cell."""
    table = table.map(lambda cell: str(cell).replace("|", r"\|"))
    alignment = ["left" if column in ("Recipe", "System", "Stage") else "right" for column in table.columns]
    return table.to_markdown(index=False, disable_numparse=True, colalign=alignment)


def system_label(summary: pd.DataFrame) -> str:
    """Return the label of a summary's only system. Raises ValueError if there are several."""
    (label,) = summary["system_label"].unique()
    return str(label)
