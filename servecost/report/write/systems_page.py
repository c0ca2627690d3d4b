"""The published page of several systems: for each recipe and cell, what each of them adds, side by side.

Owns the page's tables and sentences. Its text is in the template ``systems.md``; every number in it is computed from
the results.
"""

from collections.abc import Callable, Iterator
from string import Template
from typing import Any

import pandas as pd

from servecost.core import recipe as recipes
from servecost.core.recipe import ROOT
from servecost.report import systems
from servecost.report.attribution import PARTS
from servecost.report.computed import Computed
from servecost.report.pairs import per_request_ms
from servecost.report.read.tables import Results
from servecost.report.write import wording
from servecost.report.write.caption import caption
from servecost.report.write.cells import UNDECIDED, decided
from servecost.report.write.numbers import number, percent, signed, with_interval
from servecost.report.write.page import INPUT_TYPES

TEMPLATE = ROOT / "analysis" / "systems.md"
# Below this part of the served seconds of its rows, a recipe's own work is none, and nothing is a multiple of it.
LEAST_WORK = 0.01
LOG_SERVED = "log_served"


def page(numbers: Computed, name: str) -> str:
    """Return the page of results of several systems, as Markdown; ``name`` is their folder's in ``docs/results``."""
    found, summary = numbers.found, numbers.summary
    sizes, users = (sorted(found.plan[column].unique()) for column in ("batch_size", "concurrency"))
    machine = found.made_with[0].machine if found.made_with else None
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=name,
        recipes="\n".join(_described(recipe) for recipe in summary["recipe"].unique()),
        rounds=found.plan["round"].nunique(),
        batch_sizes=", ".join(map(str, sizes)),
        concurrencies=", ".join(map(str, users)),
        sections="\n\n".join(_section(str(recipe), own, numbers.pairs, found) for recipe, own in _by_recipe(summary)),
        wires=wording.markdown(_wires(found)),
        caption=caption(numbers),
        settings=_settings(found),
        cores=machine.cores if machine else "some",
    )


def picture_of(recipe: str) -> str:
    """Return the name of the picture of a recipe's parts."""
    return f"systems-{recipe}.svg"


def _by_recipe(summary: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
    yield from summary.groupby("recipe", sort=False)


def _described(recipe: str) -> str:
    kind = INPUT_TYPES[recipes.load(recipe).input_type] if recipe in recipes.available() else "not of this project"
    return f"- [`{recipe}`](../recipes/{recipe}): {kind}."


def _settings(found: Results) -> str:
    environment = found.made_with[0].environment if found.made_with else {}
    return ", ".join(f"`{name}={value}`" for name, value in environment.items()) or "none"


def _section(recipe: str, summary: pd.DataFrame, paired: pd.DataFrame, found: Results) -> str:
    """Return a recipe's section: what is found, a table for each cell, what the systems take, and the fits."""
    own = paired[paired["recipe"] == recipe]
    fits = list(systems.fits(own))
    lines = [f"## {recipe}", _findings(summary), *_absent(recipe, found.absent)]
    lines.append(f"![Parts of the overhead of a request of {recipe}, for each system]({picture_of(recipe)})")
    for (batch_size, concurrency), cells in summary.groupby(["batch_size", "concurrency"]):
        lines += [f"### Batch size {batch_size}, concurrency {concurrency}", wording.markdown(_cell(cells))]
        lines += list(_not_valid(cells))
    lines += [f"### What {recipe} takes besides seconds", wording.markdown(_taken(summary))]
    if fits:
        text = (
            "Of one client's request: the time in which the predictor stands idle, as a fixed part and a part for each "
            "MiB of the body, fitted to the pairs at the lowest concurrency."
        )
        lines += [f"### The cost of a request of {recipe} by its size", text, wording.markdown(_fitted(fits))]
    return "\n\n".join(lines)


def _absent(recipe: str, absent: pd.DataFrame) -> Iterator[str]:
    own = absent[absent["recipe"] == recipe]
    for reason, rows in own.groupby("reason", sort=False):
        yield f"**Absent**: {', '.join(rows['system_label'])}. {reason}."


def has_work(summary: pd.DataFrame) -> bool:
    """Return whether a recipe's rows have a baseline that anything can be a multiple of."""
    return bool((summary["baseline_s"] > LEAST_WORK * summary["served_s"]).any())


def _cell(cells: pd.DataFrame) -> pd.DataFrame:
    """Return one cell's table, a row for each system, in groups."""
    valid = cells[(cells["rule"] == "") & cells["overhead_per_request_ms"].notna()]
    is_work = has_work(cells)
    rows = []
    for place, group in enumerate(systems.groups(valid, "ratio" if is_work else "served_s"), start=1):
        rows += [(str(place), *_numbers(row, is_work)) for row in group.itertuples()]
    ratio = ["Served ÷ direct"] if is_work else []
    parts = ["Call pattern, ms", "Contention, ms", "Serving path, ms"]
    return pd.DataFrame(
        rows, columns=["Group", "System", *ratio, "Overhead, ms per request", *parts, "Inputs per call"]
    )


def _numbers(row: Any, is_work: bool) -> tuple[str, ...]:
    parts = [number(per_request_ms(getattr(row, part), row)) for part in PARTS]
    ratio = (_ratio(row),) if is_work else ()
    return (_name(row), *ratio, _request_ms(row), *parts, number(row.inputs_per_call))


def _name(row: Any) -> str:
    choice = str(row.label).removeprefix(str(row.recipe)).removeprefix(", ")
    return f"{row.system_label} ({choice})" if choice else str(row.system_label)


def _ratio(row: Any) -> str:
    said = _between(row.ratio, row.ratio_low, row.ratio_high, number)
    return f"{said}, {UNDECIDED}" if row.claim == UNDECIDED else said


def _request_ms(row: Any) -> str:
    low, high = (per_request_ms(row.baseline_s * (ratio - 1), row) for ratio in (row.ratio_low, row.ratio_high))
    return _between(row.overhead_per_request_ms, low, high, signed)


def _between(value: float, low: float, high: float, in_words: Callable[[float], str]) -> str:
    """Return a number with the ends of its interval."""
    return in_words(value) if pd.isna(low) else f"{in_words(value)} ({in_words(low)} to {in_words(high)})"


def _not_valid(cells: pd.DataFrame) -> Iterator[str]:
    broken: dict[str, list[str]] = {}
    for row in cells[cells["rule"] != ""].itertuples():
        broken.setdefault(str(wording.verdict_of(row)), []).append(_name(row))
    if broken:
        yield "\n".join(f"- {', '.join(names)}: {verdict}." for verdict, names in broken.items())


def _taken(summary: pd.DataFrame) -> pd.DataFrame:
    """Return what each system takes besides seconds, over all of a recipe's cells."""
    rows = []
    for label, own in summary.sort_values("system_label").groupby("system_label", sort=True):
        idle = own["server_idle_cpu"].mean()
        rows.append(
            (
                str(label),
                number(own["baseline_cpu_s"].mean()),
                number(own["server_cpu_s"].mean()),
                number(own["server_memory_mib"].max()),
                number(own["server_processes"].max()),
                number(own["server_start_s"].mean()),
                wording.MISSING if pd.isna(idle) else percent(idle, 0),
            )
        )
    columns = [
        "System",
        "CPU direct, s",
        "CPU served, s",
        "Peak memory, MiB",
        "Processes",
        "Start, s",
        "Idle, of a core",
    ]
    return pd.DataFrame(rows, columns=columns)


def _fitted(fits: list[systems.Fit]) -> pd.DataFrame:
    rows = [
        (
            fit.system_label,
            with_interval(fit.fixed_ms, fit.fixed_half_width),
            with_interval(fit.per_mib_ms, fit.per_mib_half_width),
        )
        for fit in sorted(fits, key=lambda fit: fit.system_label)
    ]
    return pd.DataFrame(rows, columns=["System", "Fixed, ms", "For each MiB, ms"])


def _wires(found: Results) -> pd.DataFrame:
    """Return the milliseconds of a request on the null system, by wire, recipe and batch size, at one client."""
    lowest = found.instrument[found.instrument["concurrency"] == found.instrument["concurrency"].min()]
    own = lowest.assign(wire=lowest["system"].str.partition("+")[0]).drop_duplicates(["recipe", "wire", "batch_size"])
    own = own.assign(
        cell=own["recipe"] + ", " + own["batch_size"].astype(str), ms=(1000 * own["request_s"]).map(number)
    )
    table: pd.DataFrame = own.pivot(index="wire", columns="cell", values="ms").fillna(wording.NOT_PLANNED)
    ordered = list(dict.fromkeys(own.sort_values(["recipe", "batch_size"])["cell"]))
    return table[ordered].rename_axis(None, axis="columns").reset_index().rename(columns={"wire": "Wire of"})


def _findings(summary: pd.DataFrame) -> str:
    """Return what the decided rows of a recipe show, in its first cell and its last."""
    sentences = []
    cells = list(summary.groupby(["batch_size", "concurrency"]))
    for (batch_size, concurrency), own in dict([cells[0], cells[-1]]).items() if cells else ():
        sure = decided(own).sort_values("overhead_per_request_ms")
        valid = own[own["rule"] == ""]
        if sure.empty:
            continue
        least, most = (next(part.itertuples()) for part in (sure[:1], sure[-1:]))
        where = f"With batch size {batch_size} and concurrency {concurrency}"
        sentences.append(
            f"{where}, {len(sure)} of {len(valid)} rows are decided: from {_request_ms(least)} ms a request "
            f"({_name(least)}) to {_request_ms(most)} ms ({_name(most)})."
        )
    return " ".join(sentences) or "No row is decided yet."
