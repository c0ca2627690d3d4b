"""The caption of a table of numbers: their unit and scale, the rounds, the machine, the versions, day and commit.

Owns what a reader who sees only the table has to know. Which facts there are is decided by the manifests.
"""

from collections.abc import Iterator, Sequence

import pandas as pd
from packaging.requirements import Requirement

from servecost.core import layout, packages, systems
from servecost.core.overhead import EXAMPLES
from servecost.core.system import VARIANT_SIGN
from servecost.report import choices
from servecost.report.computed import Computed
from servecost.report.hosts import agreement
from servecost.report.pairs import CONFIDENCE
from servecost.report.read.made_with import NO_QUOTA, MadeWith, Stack, stacks_of
from servecost.report.read.tables import ROW, Asked, Results
from servecost.report.resolution import of_baseline
from servecost.report.spread import origins
from servecost.report.write.cells import name_of
from servecost.report.write.numbers import percent, signed_percent

# Of what a recipe requires, the packages whose version decides how fast a prediction is; the manifests hold all others.
MODEL_LIBRARIES = ("tensorflow", "keras", "tf-keras", "deepsegment", "torch", "efficientnet-pytorch")
COMMIT_DIGITS = 12
LOAD = ("locust", "python")  # of a load's versions, those that a caption names
NARROWS: dict[str | None, str] = {
    "longer runs": "Longer runs would narrow the intervals, and so would more rounds.",
    "more rounds": "More rounds would narrow the intervals; longer runs would not by much.",
}
ARMS = {layout.BASELINE: "the baseline process", layout.SERVED: "the server with its client"}


def caption(numbers: Computed, has_intervals: bool = True) -> str:
    """Return the caption of a table of results, a line for each fact.

    ``has_intervals``: whether the table shows them.
    """
    found, summary = numbers.found, numbers.summary
    plan, made_with = found.plan, found.made_with
    lines = [
        _units(plan),
        _rounds(summary, has_intervals),
        *_not_made(summary),
        *_hosts(numbers),
        *_resolution(found.same),
        *_origins(numbers),
        *_fixed(found.asked),
        *_held(found),
    ]
    lines += [
        _slicing(found.slices),
        *_undivided(found),
        *_cold(found.cold),
        *_absent(found.absent),
    ]
    if found.pooled:
        lines.append(f"**Merged although these differ**: {', '.join(found.pooled)}.")
    if made_with:
        lines += [*_machines(made_with), *_loads(made_with), *_stacks(plan, made_with), _when(made_with)]
    return "\n".join(lines)


def wall(spent: pd.DataFrame) -> str:
    """Return how long an experiment took, and how much of that was timed."""
    if spent.empty:
        return "How long the experiment took is not known."
    wall_s, timed_s = spent["wall_s"].sum(), spent["timed_s"].sum()
    times = f" ({wall_s / timed_s:.2f} ×)" if timed_s else ""
    return f"The runs took {wall_s:.0f} s in all, of which {timed_s:.0f} s were timed{times}."


def idleness(idle: pd.DataFrame) -> str:
    """Return what each arm used of the machine while it was stopped and the other was timed."""
    said = list(_idleness(idle))
    return " ".join(said) or "What an arm used while the other was timed is not known."


def _idleness(idle: pd.DataFrame) -> Iterator[str]:
    for arm, name in ARMS.items():
        own = idle[idle["arm"] == arm]
        if len(own):
            kept = f" and kept up to {own['memory_mib'].max():,.0f} MiB" if own["memory_mib"].notna().any() else ""
            rested_s, cpu_s = own["rested_s"].sum(), own["cpu_s"].sum()
            yield f"While it was stopped, {rested_s:.1f} s in all, {name} used {cpu_s:.2f} s of CPU{kept}."


def _units(plan: pd.DataFrame) -> str:
    unit = f"Seconds per {EXAMPLES:,} examples; the overhead is what serving adds (served / baseline in brackets)."
    counts = plan.groupby("recipe", sort=False)["examples"].min()
    is_more = plan["examples"] > plan["recipe"].map(counts)
    more = plan[is_more].drop_duplicates(["recipe", "batch_size", "concurrency"])
    if all(counts == EXAMPLES) and more.empty:
        return unit
    return " ".join([unit, f"**Scaled**: {_examples_of_runs(counts)}.", *_cells_with_more(more)])


def _examples_of_runs(counts: "pd.Series[int]") -> str:
    if counts.nunique() == 1:
        return f"every run had {counts.iloc[0]:,} examples"
    return f"the runs had {' and '.join(f'{count:,} ({recipe})' for recipe, count in counts.items())} examples"


def _cells_with_more(more: pd.DataFrame) -> Iterator[str]:
    if not more.empty:
        cells = ", ".join(
            f"{row.examples:,} ({name_of(row)})" for row in more.assign(label=more["recipe"]).itertuples()
        )
        yield f"Cells that need more requests ran more examples: {cells}."


def _rounds(summary: pd.DataFrame, has_intervals: bool) -> str:
    """Return of how many rounds and pairs a row is the mean, how many examples these are, and what stands after ±."""
    is_valid = summary["rule"] == ""
    rounds, pairs = (summary[name].where(is_valid, summary[f"{name}_planned"]) for name in ("rounds", "pairs"))
    mean = _mean_of(rounds, pairs)
    is_known = summary["overhead_s_half_width"].notna().any()
    odd = " An odd number of rounds: one arm began more often than the other." if (rounds[rounds > 1] % 2).any() else ""
    interval = f", ± half the width of its {percent(CONFIDENCE, 0)} interval" if is_known and has_intervals else ""
    return (
        f"Each row is {mean}, {_range(pairs * summary['examples'])} examples in each arm{interval}; difference and "
        f"ratio are one estimate, from pairs.{'' if is_known else ' There is no interval.'}{odd}"
    )


def _not_made(summary: pd.DataFrame) -> Iterator[str]:
    """Yield how much of an experiment has not been made yet, though its rows count."""
    begun = summary[(summary["rule"] == "") & (summary["pairs"] < summary["pairs_planned"])]
    if len(begun):
        made, planned = summary["pairs"].sum(), summary["pairs_planned"].sum()
        yield f"**Not all of it has been made yet**: {made:,} of {planned:,} pairs."


def _hosts(numbers: Computed) -> Iterator[str]:
    """Yield on which hosts the pairs were made, where these are several, and whether they agree."""
    found = agreement(numbers.pairs)
    if len(found.pairs) < 2:
        return
    made = ", ".join(f"{host} {count:,}" for host, count in found.pairs.items())
    rows = found.differing.assign(label=found.differing["recipe"]).itertuples()
    differing = "; ".join(map(name_of, rows)) or "none"
    yield (
        f"Pairs of {len(found.pairs)} hosts: {made}. Of {found.tested} rows with pairs enough to tell, the ratio "
        f"differs between hosts in {differing}."
    )


def _mean_of(rounds: "pd.Series[int]", pairs: "pd.Series[int]") -> str:
    """Return what a row is the mean of."""
    if rounds.max() > 1:
        each = f", each of {_range(pairs // rounds)} pairs" if (pairs > rounds).any() else ""
        return f"the mean of {_range(rounds)} rounds{each}"
    if pairs.max() > 1:
        return f"the mean of {_range(pairs)} pairs of one round (what a restart changes is not in the interval)"
    return "of one round"


def _range(numbers: "pd.Series[int]") -> str:
    least, most = numbers.min(), numbers.max()
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _cells(summary: pd.DataFrame, recipe: object, label: object) -> str:
    """Return what a recipe's rows under a system are called."""
    return f"{recipe} under {label}" if summary["system"].nunique() > 1 else str(recipe)


def _origins(numbers: Computed) -> Iterator[str]:
    """Yield where the spread of each recipe's rows comes from, and what would make it smaller."""
    for recipe, label, parts in origins(numbers.pairs):
        yield (
            f"Where that spread comes from, {_cells(numbers.summary, recipe, label)}: sd {percent(parts.rounds_sd)} is "
            f"common to all pairs of a round, which have the same processes; sd {percent(parts.within_sd)} differs "
            f"from pair to pair within it. {NARROWS[parts.advice]}"
        )


def _fixed(asked: Asked) -> Iterator[str]:
    """Yield which choices of a system were made for it."""
    each = [
        f"{setting.name} = {setting.value}" + (f" for {setting.recipe}" if setting.recipe else "")
        for setting in asked.settings
    ]
    if each:
        yield f"Fixed by the experiment, not chosen by the system at its start: {'; '.join(each)}."


def _held(found: Results) -> Iterator[str]:
    """Yield which choices of a system, made at its first start, held for all others."""
    if not found.asked.holds_choices:
        return
    fixed = {(each.system, each.recipe) for each in found.asked.settings}
    rows = found.served.merge(choices.in_full(found.served), on=ROW)
    labels = _labels(found.plan)
    for (recipe, system, chosen), _ in rows.groupby(["recipe", "system", "chosen"], sort=False):
        if chosen and not fixed & {(system, recipe), (system, "")} and VARIANT_SIGN not in str(system):
            what = f"{chosen} for {recipe} under {labels[str(system)]}"
            yield f"Chosen at its first start, and held for the whole experiment: {what}."


def _labels(plan: pd.DataFrame) -> "pd.Series[str]":
    """Return the systems' labels by their names."""
    return plan.drop_duplicates("system").set_index("system")["system_label"]


def _slicing(slices: pd.DataFrame) -> str:
    if slices.empty:
        return "The arms were timed one after the other, each in one piece."
    number = slices["baseline_slices"].sum() + slices["served_slices"].sum()
    if number <= 2 * len(slices):
        return "The arms of a pair were timed one right after the other, each in one piece."
    mean_s = (slices["baseline_ran_s"].sum() + slices["served_ran_s"].sum()) / number
    return (
        f"The arms of a pair took turns, in slices of {mean_s:.2f} s on average: one was stopped while the other ran. "
        f"They came to their end {slices['ends_apart_s'].median():.2f} s apart (median)."
    )


def _undivided(found: Results) -> Iterator[str]:
    """Yield which systems' pairs were timed in one piece, where those of others were sliced."""
    slices = found.slices.assign(number=found.slices["baseline_slices"] + found.slices["served_slices"])
    most = slices.groupby("system", sort=False)["number"].max()
    whole = [system for system, number in most.items() if number <= 2]
    if whole and len(whole) < len(most):
        labels = _labels(found.plan)
        named = ", ".join(labels[str(system)] for system in whole)
        yield f"In one piece each, since its processes would not survive a stop in the middle of requests: {named}."


def _resolution(same: pd.DataFrame) -> Iterator[str]:
    """Yield what the baseline against itself gave at each recipe, or that this was not measured."""
    if same.empty:
        yield "The baseline was not compared with itself, so the machine's resolution on that day is not known."
        return
    for found in of_baseline(same):
        interval = "" if pd.isna(found.half_width) else f" ± {percent(found.half_width)}"
        yield (
            f"The resolution of this machine on that day: {found.recipe}'s baseline against itself, at batch size "
            f"{found.batch_size}, gave {signed_percent(found.by)}{interval}."
        )


def _absent(absent: pd.DataFrame) -> Iterator[str]:
    """Yield why each recipe and system has no rows that cannot be had together, variants in one line."""
    for (recipe, reason), own in absent.groupby(["recipe", "reason"], sort=False):
        labels = ", ".join(own["system_label"])
        yield f"**Absent**: {recipe} under {labels} ({reason})."


def _cold(cold: pd.DataFrame) -> Iterator[str]:
    if cold.empty:
        yield "What a process pays at its first call of a size was not measured."


def _machines(made_with: Sequence[MadeWith]) -> Iterator[str]:
    """Yield each machine that runs were made on; both arms of a pair are always made on one."""
    for machine in dict.fromkeys(each.machine for each in made_with):
        quota = "" if machine.cpu_quota == NO_QUOTA else f" (a quota of {machine.cpu_quota:g} of them)"
        yield (
            f"Machine: {machine.processor}, {machine.cores} cores{quota}, {machine.memory_gib} GiB, {machine.system}; "
            "client and server share it."
        )


def _loads(made_with: Sequence[MadeWith]) -> Iterator[str]:
    for locust, python in dict.fromkeys(tuple(each.load_versions[name] for name in LOAD) for each in made_with):
        yield f"Load: locust {locust}, python {python}."


def _stacks(plan: pd.DataFrame, made_with: Sequence[MadeWith]) -> Iterator[str]:
    """Yield the versions that call and serve each recipe, under each system where there are several."""
    labels = _labels(plan)
    for stack in stacks_of(made_with):
        under = f" under {labels.get(stack.system, stack.system)}" if len(labels) > 1 else ""
        versions = ", ".join(f"{name} {stack.versions[name]}" for name in _named_packages(stack))
        yield f"Stack of {stack.recipe}{under}: {versions}."


def _named_packages(stack: Stack) -> list[str]:
    """Return Python, what the system requires, in its order, and the model libraries, as far as the stack has them."""
    required = [Requirement(line).name for line in packages.requirement_lines(systems.requirements(stack.system))]
    names = dict.fromkeys([packages.PYTHON, *required, *MODEL_LIBRARIES])
    return [name for name in names if name in stack.versions]


def _when(made_with: Sequence[MadeWith]) -> str:
    days = sorted({each.day for each in made_with})
    commits = list(dict.fromkeys(_short(each.commit) for each in made_with))
    at = f"at commit{'s' * (len(commits) > 1)} {', '.join(commits)}"
    return f"Measured on {' to '.join(dict.fromkeys((days[0], days[-1])))}, {at}."


def _short(commit: str | None) -> str:
    head, _, changes = (commit or "unknown").partition("+")
    return f"{head[:COMMIT_DIGITS]}, with changes" if changes else head[:COMMIT_DIGITS]
