"""The published page: the benchmarking process, the scripts, the results, and what they show.

Owns the page's tables. Its text is in two templates, ``page.md`` and ``findings.md``, which may speak of the published
system; every number in it is computed from the results.
"""

from dataclasses import asdict
from string import Template
from typing import Any

import pandas as pd

from servecost.core import recipe as recipes
from servecost.core.overhead import EXAMPLES
from servecost.report import overhead
from servecost.report.overhead import WITHDRAWN
from servecost.report.read.tables import Results, fact_names
from servecost.report.write import wording
from servecost.report.write.caption import caption
from servecost.report.write.findings import find
from servecost.report.write.numbers import number, signed, with_interval

TEMPLATE = recipes.ROOT / "analysis" / "page.md"
FINDINGS_TEMPLATE = recipes.ROOT / "analysis" / "findings.md"
# In the template of the findings, ``$fact_NAME`` stands for what the system chose by itself.
FACT = "fact_"
INPUT_TYPES = {"json": "JSON input", "msgpack": "FILE input"}


def page(found: Results, name: str) -> str:
    """Return the page of results of one system, as Markdown; ``name`` is their folder's in ``docs/results``."""
    summary = overhead.summary(overhead.pairs(found))
    rounds, sizes, users = (sorted(found.plan[name].unique()) for name in ("round", "batch_size", "concurrency"))
    return Template(TEMPLATE.read_text()).substitute(
        name=name,
        examples=f"{EXAMPLES:,}",
        recipes=_recipes(summary),
        rounds=len(rounds),
        batch_sizes=", ".join(map(str, sizes)),
        concurrencies=", ".join(map(str, users)),
        settings=_settings(found),
        table=wording.markdown(wording.published_table(summary, has_intervals=False)),
        caption=caption(found.plan, found.made_with, found.pooled),
        verdicts=wording.verdicts(summary),
        details=wording.markdown(_details(summary)),
        findings=findings(summary, facts_in_words(found.served)),
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
    """Return each cell's numbers with their intervals, its verdict, and the parts of its overhead."""
    rows = list(summary.itertuples())
    attribution = wording.attribution_table(summary)
    intervals = {
        title: [with_interval(getattr(row, name), getattr(row, f"{name}_half_width"), in_words) for row in rows]
        for title, name, in_words in (
            ("Baseline", "baseline_s", number),
            (wording.system_label(summary), "served_s", number),
            ("Overhead", "overhead_s", signed),
        )
    }
    verdicts = [WITHDRAWN if row.rule == WITHDRAWN else wording.verdict_of(row).word for row in rows]
    key = attribution[["Recipe", "Batch Size", "Req Concurrency"]]
    parts = attribution[["Call pattern", "Contention", "Serving path", "Instrument", "Inputs per Call"]]
    return pd.concat([key, pd.DataFrame({**intervals, "Verdict": verdicts}), parts], axis="columns")


def findings(summary: pd.DataFrame, facts: dict[str, str]) -> str:
    """Return what the numbers show, as Markdown.

    ``facts``: by name, what the system chose by itself, in words. A fact that is not in it is said not to be known.
    """
    found = find(summary)
    if found is None:
        return "No cell has a valid number yet."
    template = Template(FINDINGS_TEMPLATE.read_text().strip())
    unknown = {name: "not known" for name in template.get_identifiers() if name.startswith(FACT)}
    known = {FACT + name: value for name, value in facts.items()}
    return template.substitute({**unknown, **known, **asdict(found)})


def facts_in_words(served: pd.DataFrame) -> dict[str, str]:
    """Return what the system chose by itself at its starts: for each fact, the recipes with their values."""
    words = {}
    for fact in fact_names(served):
        values = served.dropna(subset=[fact]).groupby("recipe", sort=False)[fact].unique()
        by_recipe = [f"`{name}`: {' or '.join(f'{value:g}' for value in sorted(own))}" for name, own in values.items()]
        if by_recipe:
            words[fact] = "; ".join(by_recipe)
    return words


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
