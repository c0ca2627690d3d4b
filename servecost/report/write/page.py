"""The published page: the benchmarking process, the scripts, the results, and what they show.

Owns the page's tables. Its text is in the template ``page.md``, which may speak of the published system; every number
in it is computed from the results.
"""

from collections.abc import Sequence
from string import Template
from typing import Any

import pandas as pd

from servecost.core import recipe as recipes
from servecost.core.overhead import EXAMPLES
from servecost.report.computed import Computed
from servecost.report.overhead import CONFIDENCE, WITHDRAWN
from servecost.report.pairs import COLD
from servecost.report.read.tables import Results
from servecost.report.write import claims, wording
from servecost.report.write.caption import caption
from servecost.report.write.notes import under_table
from servecost.report.write.numbers import number, percent, signed

TEMPLATE = recipes.ROOT / "analysis" / "page.md"
# How pairs were made; results that were published before they were made in slices say so.
ROUND = "Each round has a fresh baseline process and a fresh server, and its own shuffled order."
UNDIVIDED = (
    f"{ROUND} The arms run one after the other, each in one piece. Three predictions warm up the baseline, and every "
    "client sends requests before the clock starts."
)
SLICED = (
    f"{ROUND} The two arms of a pair take turns: one runs while every process of the other is stopped. Before the "
    "clock starts each arm works at the cell's own batch size until it is steady; what its first call of that size "
    "cost beyond a steady one is a number of its own."
)
INPUT_TYPES = {"json": "JSON input", "msgpack": "FILE input"}


def page(numbers: Computed, name: str, beside: Sequence[str] = ()) -> str:
    """Return the page of results of one system, as Markdown; ``name`` is their folder's in ``docs/results``.

    ``beside``: sections on other experiments.
    """
    found, summary = numbers.found, numbers.summary
    sizes, users = (sorted(found.plan[name].unique()) for name in ("batch_size", "concurrency"))
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=name,
        examples=f"{EXAMPLES:,}",
        recipes=_recipes(summary),
        rounds=found.plan["round"].nunique(),
        batch_sizes=", ".join(map(str, sizes)),
        concurrencies=", ".join(map(str, users)),
        equal_within=f"{100 * found.asked.equal_within:g} %",
        method=UNDIVIDED if found.slices.empty else SLICED,
        settings=_settings(found),
        table=wording.markdown(wording.published_table(summary, has_intervals=False)),
        caption=caption(numbers, has_intervals=False),
        notes=under_table(summary, found.asked),
        details=wording.markdown(_details(summary)),
        intervals=intervals(summary),
        machine=_machine(summary),
        request_costs=wording.request_costs(numbers.request_costs),
        beside="".join(f"{section}\n\n" for section in beside),
        claims=claims.listed(summary),
        resources=_resources(found.served),
    )


def _recipes(summary: pd.DataFrame) -> str:
    lines = []
    for name in summary["recipe"].unique():
        kind = INPUT_TYPES[recipes.load(name).input_type] if name in recipes.available() else "not of this project"
        lines.append(f"- [`{name}`](../recipes/{name}): {kind}.")
    return "\n".join(lines)


def _settings(found: Results) -> str:
    """Return the variables that were set for both arms, as a list."""
    environment = found.made_with[0].environment if found.made_with else {}
    return "\n".join(f"- `{name}={value}`" for name, value in environment.items()) or "- none"


def _details(summary: pd.DataFrame) -> pd.DataFrame:
    """Return each cell's numbers with their intervals, its claim or verdict, and the parts of its overhead."""
    attribution = wording.attribution_table(summary)
    seconds = {
        "Baseline": wording.interval_column(summary, "baseline_s"),
        wording.system_label(summary): wording.interval_column(summary, "served_s"),
        "Overhead": wording.interval_column(summary, "overhead_s", signed),
    }
    claims = [
        row.claim or (WITHDRAWN if row.rule == WITHDRAWN else wording.verdict_of(row).word)
        for row in summary.itertuples()
    ]
    parts = attribution[["Call pattern", "Contention", "Serving path", "Instrument", "Inputs per Call"]]
    return pd.DataFrame({**wording.key_columns(summary), **seconds, "Served is": claims, **parts})


def intervals(summary: pd.DataFrame) -> str:
    """Return what ± stands for in a table of a summary, if there is any."""
    if summary["overhead_s_half_width"].notna().any():
        return f"After ± stands half the width of the {percent(CONFIDENCE, 0)} interval."
    return "One round has no interval."


def _machine(summary: pd.DataFrame) -> str:
    """Return what the cells take besides seconds, as a table; in words if that is not known."""
    if summary[["baseline_cpu_s", "server_cpu_s", "server_memory_mib", "server_start_s", *COLD]].isna().all(axis=None):
        return "CPU seconds, memory, the seconds to start and the first call of a size were not recorded."
    return wording.markdown(wording.machine_table(summary))


def _resources(served: pd.DataFrame) -> str:
    """Return how much memory and disk was left at the least, and in which runs."""
    known = served.dropna(subset=["memory_free_least_gib"])
    lines = [_least(str(name), known[known["recipe"] == name]) for name in known["recipe"].unique()]
    return "\n".join(lines) or "How much of them was left is not known."


def _least(name: str, served: pd.DataFrame) -> str:
    low: Any = served.nsmallest(1, "memory_free_least_gib").iloc[0]
    return (
        f"- `{name}`: at least {number(low.memory_free_least_gib)} GiB of memory (in {low.batch_size} × "
        f"{low.concurrency}) and {number(served['disk_free_least_gib'].min())} GiB of disk were free all the time; "
        f"{number(served['swapped_out_mib'].max())} MiB were swapped out in any run."
    )
