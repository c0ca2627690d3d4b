"""The published page: the benchmarking process, the scripts, the results, and what they show, in plain words.

Owns the page's tables and findings. Its fixed text is ``page.md``; every number in it is computed from the results.
"""

from collections.abc import Iterator
from string import Template
from typing import Any

import numpy as np
import pandas as pd

from servecost.core import recipe as recipes
from servecost.report import overhead
from servecost.report.attribution import PARTS
from servecost.report.overhead import EXAMPLES
from servecost.report.read.tables import Results
from servecost.report.write import wording
from servecost.report.write.wording import number, signed, with_interval
from systems.fastdeploy import wire

TEMPLATE = recipes.ROOT / "analysis" / "page.md"
INPUT_TYPES = {"json": "JSON input", "msgpack": "FILE input"}
# From which part of the baseline on an overhead is worth a thought.
SMALL = 0.1
# A serving path of less than so many times that of the smallest request is about the same.
ALIKE = 1.5


def page(found: Results, name: str) -> str:
    """Return the page of results, as Markdown; ``name`` is that of their folder in ``docs/results``."""
    summary = overhead.summary(overhead.pairs(found))
    return Template(TEMPLATE.read_text()).substitute(
        name=name,
        examples=f"{EXAMPLES:,}",
        recipes=_recipes(summary),
        protocol=_protocol(found.plan),
        settings=_settings(found),
        table=wording.markdown(wording.published_table(summary, has_intervals=False)),
        caption=wording.caption(found.plan, found.manifests, found.pooled),
        verdicts=wording.verdicts(summary),
        details=wording.markdown(_details(summary)),
        findings="\n\n".join(findings(summary, _chosen(found.served))),
        resources=_resources(found.served),
    )


def _recipes(summary: pd.DataFrame) -> str:
    lines = []
    for name in summary["recipe"].unique():
        kind = INPUT_TYPES[recipes.load(name).input_type] if name in recipes.available() else "a recipe of one's own"
        lines.append(f"- [`{name}`](../recipes/{name}): {kind}.")
    return "\n".join(lines)


def _protocol(plan: pd.DataFrame) -> str:
    rounds, sizes, users = (sorted(plan[name].unique()) for name in ("round", "batch_size", "concurrency"))
    listed = ", ".join(map(str, sizes)), ", ".join(map(str, users))
    return f"{len(rounds)} rounds of every cell: batch sizes {listed[0]}, concurrencies {listed[1]}."


def _settings(found: Results) -> str:
    """Return the variables that were set for both arms."""
    environment = found.manifests[0]["conditions"]["environment"] if found.manifests else {}
    return "\n".join(f"- `{name}={value}`" for name, value in environment.items()) or "- none"


def _details(summary: pd.DataFrame) -> pd.DataFrame:
    """Return each cell's numbers with their intervals, its verdict, and the parts of its overhead."""
    rows = list(summary.itertuples())
    attribution = wording.attribution_table(summary)
    intervals = {
        title: [with_interval(getattr(row, name), getattr(row, f"{name}_half_width"), put) for row in rows]
        for title, name, put in (
            ("Baseline", "baseline_s", number),
            (wording.system_label(summary), "served_s", number),
            ("Overhead", "overhead_s", signed),
        )
    }
    verdicts = [wording.WITHDRAWN if row.rule == wording.WITHDRAWN else wording.verdict_of(row).word for row in rows]
    key = attribution[["Recipe", "Batch Size", "Req Concurrency"]]
    parts = attribution[["Call pattern", "Contention", "Serving path", "Instrument", "Inputs per Call"]]
    return pd.concat([key, pd.DataFrame({**intervals, "Verdict": verdicts}), parts], axis="columns")


def findings(summary: pd.DataFrame, chosen: dict[str, str]) -> Iterator[str]:
    """Yield what the numbers show, a paragraph each.

    ``chosen``: by recipe, the batch sizes that the server chose at its starts.
    """
    valid = summary[(summary["rule"] == "") & summary[PARTS].notna().all(axis=1)]
    if valid.empty:
        yield "No cell has a valid number yet."
        return
    valid = valid.assign(path_ms=1000 * valid["serving_path_s"] / requests_of(valid["batch_size"]))
    alone = _by_recipe(valid[valid["concurrency"] == valid["concurrency"].min()])
    yield "**When is the overhead a fixed cost per request?** " + " ".join(_fixed_cost(*each) for each in alone)
    yield "**When does it grow with the payload?** " + " ".join(_growth(*each) for each in alone)
    yield "**When is it negative, and why?** " + _negative(valid, chosen)
    advice = [_batch_size(alone), *(_concurrency(*each) for each in _by_recipe(valid)), _workers(valid)]
    yield "**What to do about it.**\n\n" + "\n".join(f"- {line}" for line in advice)


def _by_recipe(cells: pd.DataFrame) -> list[tuple[str, list[Any]]]:
    """Return each recipe's name and cells, the smallest batch size first."""
    ordered = cells.sort_values(["batch_size", "concurrency"])
    return [(str(name), list(ordered[ordered["recipe"] == name].itertuples())) for name in cells["recipe"].unique()]


def _fixed_cost(name: str, alone: list[Any]) -> str:
    first = alone[0]
    idle = (
        f"`{name}`: with one request at a time, a request of {first.batch_size} takes "
        f"{number(first.overhead_per_request_ms)} ms more than the direct call of as many; for "
        f"{number(first.path_ms)} ms of it the predictor stands idle, while the request is sent, queued, polled for "
        "and answered."
    )
    alike = [row for row in alone if row.path_ms <= ALIKE * first.path_ms]
    most, paths = alike[-1].batch_size, [row.path_ms for row in alike]
    if most == first.batch_size:
        return f"{idle} At batches of {alone[1].batch_size} it has grown already." if len(alone) > 1 else idle
    return (
        f"{idle} Up to batches of {most} that is {number(min(paths))} to {number(max(paths))} ms a request, whatever "
        f"is in it: {EXAMPLES:,} examples in requests of {first.batch_size} pay it "
        f"{requests_of(first.batch_size):,.0f} times, in requests of {most} only {requests_of(most):,.0f} times."
    )


def _growth(name: str, alone: list[Any]) -> str:
    first, last = alone[0], alone[-1]
    each_ms = (last.path_ms - first.path_ms) / max(1, last.batch_size - first.batch_size)
    return (
        f"`{name}`{_payload(name)}: from {number(first.path_ms)} ms for a request of {first.batch_size} to "
        f"{number(last.path_ms)} ms for one of {last.batch_size}, that is {number(each_ms)} ms for each example in it."
    )


def _payload(name: str) -> str:
    """Return how many bytes an example takes in a request, if the recipe is at hand."""
    if name not in recipes.available():
        return ""
    chosen = recipes.load(name)
    size = len(wire.encode(chosen.example, chosen.input_type)) / len(chosen.example)
    return f" ({size:,.0f} bytes an example)"


def _negative(valid: pd.DataFrame, chosen: dict[str, str]) -> str:
    negative = valid[valid["overhead_s"] < 0]
    if negative.empty:
        return "Nowhere here: every cell takes longer served than called directly."
    sure = negative["overhead_s"] + negative["overhead_s_half_width"].fillna(float("inf")) < 0
    by_recipe = _by_recipe(negative)
    cells = "; ".join(
        f"`{name}` {', '.join(f'{r.batch_size} × {r.concurrency}' for r in rows)}" for name, rows in by_recipe
    )
    sizes = "; ".join(f"`{name}`: {of}" for name, of in chosen.items())
    return (
        f"In {len(negative)} of {len(valid)} cells (batch size × concurrency: {cells}), in {sure.sum()} of them by "
        "more than the interval. A server calls its predictor with all inputs that wait, from several requests "
        f"together, and with the batch size that it chose at its start ({sizes}), while the baseline keeps to the "
        "one of its row. " + " ".join(_most_negative(*each) for each in by_recipe)
    )


def _most_negative(name: str, rows: list[Any]) -> str:
    most = min(rows, key=lambda row: row.ratio)
    return (
        f"`{name}`, most of all in {most.batch_size} × {most.concurrency}: {number(most.inputs_per_call)} inputs a "
        f"call; call pattern {signed(most.call_pattern_s)} s, contention {signed(most.contention_s)} s and serving "
        f"path {signed(most.serving_path_s)} s leave {signed(most.overhead_s)} s."
    )


def _batch_size(alone: list[tuple[str, list[Any]]]) -> str:
    return (
        "*Batch size.* Put more examples into a request, first of all where a prediction is short. One client at a "
        f"time loses at most {SMALL:.0%} of the baseline: {'; '.join(_cheap(*each) for each in alone)}."
    )


def _cheap(name: str, alone: list[Any]) -> str:
    cheap = [str(row.batch_size) for row in alone if row.overhead_s <= SMALL * row.baseline_s]
    if not cheap:
        return f"`{name}` at no batch size here (least at {min(alone, key=lambda row: row.ratio).batch_size})"
    return f"`{name}` at batch size {', '.join(cheap)}"


def _concurrency(name: str, rows: list[Any]) -> str:
    first, last = rows[0].batch_size, rows[-1].batch_size
    return (
        f"*Concurrency*, `{name}`. {_served_at(first, rows)}: where clients cannot batch, have several requests in "
        f"flight. {_served_at(last, rows)}: once the requests themselves fill the predictor's batches, more of them "
        "at a time only wait."
    )


def _served_at(batch_size: int, rows: list[Any]) -> str:
    seconds = [f"{number(row.served_s)} s at {row.concurrency}" for row in rows if row.batch_size == batch_size]
    return f"In batches of {batch_size} it takes {', '.join(seconds)} concurrent"


def _workers(valid: pd.DataFrame) -> str:
    busiest = valid[valid["concurrency"] == valid["concurrency"].max()]
    contention, path = ((busiest[part] / busiest["served_s"]).median() for part in ("contention_s", "serving_path_s"))
    return (
        "*Workers.* One process predicts, however many REST workers there are; they were not varied here (3, the "
        f"default). With {busiest['concurrency'].iloc[0]} requests in flight the median cell loses {path:.0%} of its "
        f"seconds to the serving path, where more workers could help, and {contention:.0%} to contention for the "
        "cores, where they cannot: on as few cores as here, leave them as they are."
    )


def requests_of(batch_size: Any) -> Any:
    """Return how many requests EXAMPLES examples make at a batch size, or at each of some."""
    return np.ceil(EXAMPLES / batch_size)


def _chosen(served: pd.DataFrame) -> dict[str, str]:
    """Return by recipe the batch sizes that the server chose at its starts, as words."""
    known = served.dropna(subset=["optimal_batch_size"]).groupby("recipe", sort=False)["optimal_batch_size"].unique()
    return {str(name): " or ".join(f"{size:.0f}" for size in sorted(sizes)) for name, sizes in known.items()}


def _resources(served: pd.DataFrame) -> str:
    """Return how little memory and disk was ever left, and in which runs."""
    watched = "A run that comes to the end of memory or disk, or makes the machine swap, is stopped, and INVALID."
    known = served.dropna(subset=["memory_free_least_gib"])
    lines = [_least(str(name), known[known["recipe"] == name]) for name in known["recipe"].unique()]
    return "\n".join([watched, "", *lines]) if lines else watched


def _least(name: str, served: pd.DataFrame) -> str:
    low: Any = served.nsmallest(1, "memory_free_least_gib").iloc[0]
    return (
        f"- `{name}`: at least {number(low.memory_free_least_gib)} GiB of memory (in {low.batch_size} × "
        f"{low.concurrency}) and {number(served['disk_free_least_gib'].min())} GiB of disk were free all the time; "
        f"{number(served['swapped_out_mib'].max())} MiB were swapped out in any run."
    )
