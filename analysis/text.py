"""How the numbers are put: the published table, its caption, the table of overhead per request.

Pure: owns words and rounding. A number that is not there is put as ``missing``, never as 0.
"""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from analysis.overhead import EXAMPLES

MISSING = "missing"
NOT_PLANNED = "–"
# What a reader of the table has to know the version of; the manifests hold all the others.
NAMED_VERSIONS = ("python", "fastdeploy", "locust", "tensorflow", "deepsegment", "torch", "efficientnet-pytorch")


def number(value: float) -> str:
    """Return a number with three significant digits and no exponent; ``missing`` for NaN."""
    if pd.isna(value):
        return MISSING
    if value and abs(value) < 0.001:
        return "< 0.001" if value > 0 else "> −0.001"
    decimals = next((places for places, limit in enumerate((100, 10, 1)) if abs(value) >= limit), 3)
    return f"{value:.{decimals}f}".replace("-", "−")


def signed(value: float) -> str:
    """Return a number like ``number``, with its sign."""
    return f"+{number(value)}" if value > 0 else number(value)


def published_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the published table, whose columns never change: a row of strings for each cell of one system."""
    return pd.DataFrame(
        {
            "Recipe": summary["recipe"],
            "Batch Size": summary["batch_size"].astype(str),
            "Baseline": summary["baseline_s"].map(number),
            "Req Concurrency": summary["concurrency"].astype(str),
            system_label(summary): summary["served_s"].map(number),
            "Overhead": [_with_rounds(row) for row in summary.itertuples()],
        }
    )


def _with_rounds(row: Any) -> str:
    """Return an overhead, and of how many rounds it is the mean where some are missing."""
    is_partial = 0 < row.rounds < row.rounds_planned
    return signed(row.overhead_s) + (f" ({row.rounds} of {row.rounds_planned} rounds)" if is_partial else "")


def per_request_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the overhead of one request in ms, by recipe and batch size (rows) and concurrency (columns)."""
    rows = summary[["recipe", "batch_size"]].drop_duplicates()
    cells = summary.set_index(["recipe", "batch_size", "concurrency"])["overhead_per_request_ms"].map(signed)
    table = cells.unstack().reindex(pd.MultiIndex.from_frame(rows)).fillna(NOT_PLANNED)
    table = table.rename(columns=lambda concurrency: f"{concurrency} concurrent")
    table.columns.name = None
    return table.reset_index().rename(columns={"recipe": "Recipe", "batch_size": "Batch Size"})


def markdown(table: pd.DataFrame) -> str:
    """Return a table of strings in Markdown, numbers to the right."""
    alignment = ["left" if column == "Recipe" else "right" for column in table.columns]
    return table.to_markdown(index=False, disable_numparse=True, colalign=alignment)


def system_label(summary: pd.DataFrame) -> str:
    """Return how the one system of a summary is called in print."""
    (label,) = summary["system_label"].unique()
    return str(label)


def caption(plan: pd.DataFrame, manifests: list[dict[str, Any]]) -> str:
    """Return what has to be known beside the table: units, scaling, rounds, machine, versions, date, commit."""
    return "\n".join([_units(plan), _rounds(plan), *_made_with(manifests)])


def _units(plan: pd.DataFrame) -> str:
    counts = plan.groupby("recipe", sort=False)["examples"].first()
    sentence = f"Seconds per {EXAMPLES:,} examples; the overhead is what serving adds."
    if all(counts == EXAMPLES):
        return sentence
    if counts.nunique() == 1:
        return f"{sentence} **Scaled**: every run had {counts.iloc[0]:,} examples."
    runs = " and ".join(f"{examples:,} ({recipe})" for recipe, examples in counts.items())
    return f"{sentence} **Scaled**: the runs had {runs} examples."


def _short(commit: str | None) -> str:
    head, _, changes = (commit or "unknown").partition("+")
    return f"{head[:12]}, with changes" if changes else head[:12]


def _rounds(plan: pd.DataFrame) -> str:
    rounds = plan["round"].nunique()
    return "One round, so there is no interval." if rounds == 1 else f"Mean of {rounds} rounds."


def _made_with(manifests: list[dict[str, Any]]) -> Iterable[str]:
    if not manifests:
        return
    first = manifests[0]
    machine, versions = first["machine"], first["versions"]
    named = ", ".join(f"{name} {versions[name]}" for name in NAMED_VERSIONS if name in versions)
    yield (
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}; "
        "client and server share it."
    )
    yield f"Versions: {named}."
    days = sorted({manifest["written_at"][:10] for manifest in manifests})
    yield f"Measured on {' to '.join(dict.fromkeys((days[0], days[-1])))}, at commit {_short(first['commit'])}."
