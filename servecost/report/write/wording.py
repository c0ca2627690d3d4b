"""How the numbers are put: tables, captions, and sentences that say where the seconds go.

Pure: owns words and rounding. A number that is not there is put as ``missing`` or by its verdict, never as 0.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from servecost.core.verdicts import RULES, Verdict
from servecost.report.attribution import PARTS, QUANTILES
from servecost.report.overhead import EXAMPLES

MISSING = "missing"
WITHDRAWN = "withdrawn"
NOT_PLANNED = "–"
# What a reader of the table has to know the version of; the manifests hold all the others.
NAMED_VERSIONS = (
    "python",
    "fastdeploy",
    "tensorflow",
    "keras",
    "tf-keras",
    "deepsegment",
    "torch",
    "efficientnet-pytorch",
)
LEAST = 0.001  # what is less than this is put as less
# An overhead of less than this part of the baseline needs no sentence.
NOTABLE = 0.1


def number(value: float) -> str:
    """Return a number with three significant digits and no exponent; ``missing`` for NaN."""
    if pd.isna(value):
        return MISSING
    if value and abs(value) < LEAST:
        return "< 0.001" if value > 0 else "> −0.001"
    decimals = next((places for places, limit in enumerate((100, 10, 1)) if abs(value) >= limit), 3)
    return f"{value:.{decimals}f}".replace("-", "−")


def signed(value: float) -> str:
    """Return a number like ``number``, with its sign."""
    return f"+{number(value)}" if value >= LEAST else number(value)


def with_interval(value: float, half_width: float, put: Any = number) -> str:
    """Return a mean with half the width of its interval, if there is one."""
    return put(value) if pd.isna(half_width) or pd.isna(value) else f"{put(value)} ± {number(half_width)}"


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
    """Return an overhead with its ratio, and of how many rounds it is the mean where some are missing."""
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
    """Return the verdict on all rows if they are valid, else each that is not, with its reason and remedy."""
    broken = summary[summary["rule"] != ""]
    if broken.empty:
        return f"**VALID**: all {len(summary)} rows. The rules: {', '.join(RULES)}."
    is_withdrawn = broken["rule"] == WITHDRAWN
    invalid, withdrawn = list(broken[~is_withdrawn].itertuples()), broken[is_withdrawn]
    lines = [f"**{len(withdrawn)} of {len(summary)} rows are withdrawn:**", ""] if len(withdrawn) else []
    for (recipe, reason), own in withdrawn.groupby(["recipe", "reason"], sort=False):
        lines += [f"- {recipe}, batch size {', '.join(map(str, own['batch_size'].unique()))}: {reason}", ""]
    lines += [f"**{len(invalid)} of {len(summary)} rows are not valid:**", ""] if invalid else []
    return "\n".join([*lines, *(f"- {cell_name(row)}: {verdict_of(row)}." for row in invalid)]).rstrip()


def cell_name(row: Any) -> str:
    """Return what a cell is called in a sentence."""
    return f"{row.recipe}, {row.batch_size} × {row.concurrency}"


def attribution_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return where the seconds of each cell's overhead go."""
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


def sentences(summary: pd.DataFrame) -> list[str]:
    """Return a plain sentence for each notable row: why its overhead is what it is."""
    return [sentence for row in summary.itertuples() for sentence in _sentence(row)]


def _sentence(row: Any) -> Iterator[str]:
    parts = {part: getattr(row, part) for part in PARTS}
    if any(pd.isna(value) for value in parts.values()) or abs(row.overhead_s) < NOTABLE * row.baseline_s:
        return
    is_negative = row.overhead_s < 0
    main = min(parts, key=lambda part: parts[part]) if is_negative else max(parts, key=lambda part: parts[part])
    how = f"**{cell_name(row)}**: serving takes {number(row.ratio)} × the baseline; "
    sign = "saves" if is_negative else "adds"
    amount = f"{number(abs(parts[main]))} s per {EXAMPLES:,}"
    gathered = f"the server called the predictor with {number(row.inputs_per_call)} inputs at a time on average "
    requests = -(-EXAMPLES // row.batch_size)
    why = {
        "call_pattern_s": f"{gathered}(clients sent {row.batch_size}), the direct arm with all at once: "
        f"that {sign} {amount}.",
        "contention_s": f"the same calls {'took less' if is_negative else 'took longer'} than directly, "
        f"which {sign} {amount}.",
        "serving_path_s": f"the predictor stood idle for {amount}, {number(1000 * parts[main] / requests)} ms each "
        f"request (transport, queue, polling, encoding); the null system takes {_instrument(row, requests)}.",
    }[main]
    yield f"{how}overhead is negative because {why}" if is_negative else f"{how}most of it because {why}"


def _instrument(row: Any, requests: int) -> str:
    return "an unknown part of it" if pd.isna(row.instrument_s) else f"{number(1000 * row.instrument_s / requests)} ms"


def quantile_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return quantiles in ms, by cell or by cell and stage."""
    named = {"recipe": "Recipe", "batch_size": "Batch Size", "concurrency": "Req Concurrency", "stage": "Stage"}
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
    alignment = ["left" if column in ("Recipe", "Stage") else "right" for column in table.columns]
    return table.to_markdown(index=False, disable_numparse=True, colalign=alignment)


def system_label(summary: pd.DataFrame) -> str:
    """Return how the one system of a summary is called in print."""
    (label,) = summary["system_label"].unique()
    return str(label)


def caption(plan: pd.DataFrame, manifests: list[dict[str, Any]], pooled: Sequence[str] = ()) -> str:
    """Return what has to be known beside the table: units, scaling, rounds, machine, versions, date, commit."""
    unlike = [f"**Merged although these differ**: {', '.join(pooled)}."] if pooled else []
    return "\n".join([_units(plan), _rounds(plan), *unlike, *_made_with(manifests)])


def wall(spent: pd.DataFrame) -> str:
    """Return how much of an experiment's time was on a clock."""
    if spent.empty:
        return "How long the experiment took is not known."
    wall_s, timed_s = spent["wall_s"].sum(), spent["timed_s"].sum()
    times = f" ({wall_s / timed_s:.2f} ×)" if timed_s else ""
    return f"The runs took {wall_s:.0f} s in all, of which {timed_s:.0f} s were timed{times}."


def idleness(idle: pd.DataFrame) -> str:
    """Return what the servers used of the machine while the direct arm was timed."""
    if idle.empty:
        return "What the servers used while the direct arm was timed is not known."
    used_s, elapsed_s = idle["server_cpu_s"].sum(), idle["elapsed_s"].sum()
    return f"While the direct arm was timed, {elapsed_s:.1f} s in all, the servers used {used_s:.2f} s of CPU."


def _units(plan: pd.DataFrame) -> str:
    sentence = f"Seconds per {EXAMPLES:,} examples; the overhead is what serving adds (served / baseline in brackets)."
    counts = plan.groupby("recipe", sort=False)["baseline_examples"].first()
    others = plan[plan["examples"] != plan["baseline_examples"]].drop_duplicates(
        ["recipe", "batch_size", "concurrency"]
    )
    if all(counts == EXAMPLES) and others.empty:
        return sentence
    runs = (
        f"every run had {counts.iloc[0]:,} examples"
        if counts.nunique() == 1
        else "the runs had "
        + " and ".join(f"{examples:,} ({recipe})" for recipe, examples in counts.items())
        + " examples"
    )
    more = ", ".join(f"{row.examples:,} ({cell_name(row)})" for row in others.itertuples())
    return f"{sentence} **Scaled**: {runs}" + (
        f"; those that needed more for a request per user: {more}." if more else "."
    )


def _short(commit: str | None) -> str:
    head, _, changes = (commit or "unknown").partition("+")
    return f"{head[:12]}, with changes" if changes else head[:12]


def _rounds(plan: pd.DataFrame) -> str:
    rounds = plan["round"].nunique()
    if rounds == 1:
        return "One round, so there is no interval."
    return f"Mean of {rounds} rounds ± half the width of its 95 % interval; the overhead is paired within a round."


def _made_with(manifests: list[dict[str, Any]]) -> Iterable[str]:
    if not manifests:
        return
    first = manifests[0]
    machine, versions = first["conditions"]["machine"], first["conditions"]["versions"]
    stacks = {
        name: ", ".join(f"{package} {each['stack'][package]}" for package in NAMED_VERSIONS if package in each["stack"])
        for manifest in manifests
        for name, each in manifest["conditions"]["recipes"].items()
    }
    yield (
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}; "
        "client and server share it."
    )
    yield f"Load: locust {versions['locust']}, python {versions['python']}."
    yield from (f"Stack of {name}: {stack}." for name, stack in stacks.items())
    days = sorted({manifest["written_at"][:10] for manifest in manifests})
    yield f"Measured on {' to '.join(dict.fromkeys((days[0], days[-1])))}, at commit {_short(first['commit'])}."
