"""The caption of a table of numbers: their unit and scale, the rounds, the machine, the versions, day and commit.

Owns what a reader who sees only the table has to know. Which facts there are is decided by the manifests.
"""

from collections.abc import Iterator, Sequence

import pandas as pd
from packaging.requirements import Requirement

from servecost.core import packages, systems
from servecost.core.overhead import EXAMPLES
from servecost.report.read.made_with import MadeWith, Stack, stacks_of
from servecost.report.write.cells import name_of

# Of what a recipe requires, the packages whose version decides how fast a prediction is; the manifests hold all others.
MODEL_LIBRARIES = ("tensorflow", "keras", "tf-keras", "deepsegment", "torch", "efficientnet-pytorch")
COMMIT_DIGITS = 12


def caption(plan: pd.DataFrame, made_with: Sequence[MadeWith], pooled: Sequence[str] = ()) -> str:
    """Return the caption of the table of a plan's runs, a line for each fact.

    ``pooled``: the fields in which the runs differ although they are merged.
    """
    lines = [_units(plan), _rounds(plan)]
    if pooled:
        lines.append(f"**Merged although these differ**: {', '.join(pooled)}.")
    if made_with:
        lines += [*_machine_and_load(made_with[0]), *_stacks(plan, made_with), _when(made_with)]
    return "\n".join(lines)


def wall(spent: pd.DataFrame) -> str:
    """Return how long an experiment took, and how much of that was timed."""
    if spent.empty:
        return "How long the experiment took is not known."
    wall_s, timed_s = spent["wall_s"].sum(), spent["timed_s"].sum()
    times = f" ({wall_s / timed_s:.2f} ×)" if timed_s else ""
    return f"The runs took {wall_s:.0f} s in all, of which {timed_s:.0f} s were timed{times}."


def idleness(idle: pd.DataFrame) -> str:
    """Return how much CPU time the servers used while the direct arm was timed."""
    if idle.empty:
        return "How much CPU time the servers used while the direct arm was timed is not known."
    used_s, elapsed_s = idle["server_cpu_s"].sum(), idle["elapsed_s"].sum()
    return f"While the direct arm was timed, {elapsed_s:.1f} s in all, the servers used {used_s:.2f} s of CPU."


def _units(plan: pd.DataFrame) -> str:
    unit = f"Seconds per {EXAMPLES:,} examples; the overhead is what serving adds (served / baseline in brackets)."
    counts = plan.groupby("recipe", sort=False)["baseline_examples"].first()
    more = plan[plan["examples"] != plan["baseline_examples"]].drop_duplicates(["recipe", "batch_size", "concurrency"])
    if all(counts == EXAMPLES) and more.empty:
        return unit
    return " ".join([unit, f"**Scaled**: {_examples_of_runs(counts)}.", *_cells_with_more(more)])


def _examples_of_runs(counts: "pd.Series[int]") -> str:
    if counts.nunique() == 1:
        return f"every run had {counts.iloc[0]:,} examples"
    return f"the runs had {' and '.join(f'{count:,} ({recipe})' for recipe, count in counts.items())} examples"


def _cells_with_more(more: pd.DataFrame) -> Iterator[str]:
    if not more.empty:
        cells = ", ".join(f"{row.examples:,} ({name_of(row)})" for row in more.itertuples())
        yield f"Cells with fewer requests than users ran more examples: {cells}."


def _rounds(plan: pd.DataFrame) -> str:
    rounds = plan["round"].nunique()
    if rounds == 1:
        return "One round, so there is no interval."
    return f"Mean of {rounds} rounds ± half the width of its 95 % interval; the overhead is paired within a round."


def _machine_and_load(made_with: MadeWith) -> Iterator[str]:
    machine, versions = made_with.machine, made_with.load_versions
    yield (
        f"Machine: {machine.processor}, {machine.cores} cores, {machine.memory_gib} GiB, {machine.system}; "
        "client and server share it."
    )
    yield f"Load: locust {versions['locust']}, python {versions['python']}."


def _stacks(plan: pd.DataFrame, made_with: Sequence[MadeWith]) -> Iterator[str]:
    """Yield the versions that call and serve each recipe, under each system where there are several."""
    labels = plan.drop_duplicates("system").set_index("system")["system_label"]
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
    return f"Measured on {' to '.join(dict.fromkeys((days[0], days[-1])))}, at commit {_short(made_with[0].commit)}."


def _short(commit: str | None) -> str:
    head, _, changes = (commit or "unknown").partition("+")
    return f"{head[:COMMIT_DIGITS]}, with changes" if changes else head[:COMMIT_DIGITS]
