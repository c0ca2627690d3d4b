"""What the numbers of one system show, in sentences: each number in them is computed from a summary.

Owns the sentences that hold for any system, and which cells they speak of: decided ones alone. What is true of the
published system alone stands in the template around them.
"""

from dataclasses import dataclass

import pandas as pd

from servecost.core import recipe as recipes
from servecost.core import systems
from servecost.core.overhead import EXAMPLES, requests_of
from servecost.report.attribution import PARTS
from servecost.report.overhead import per_request_ms
from servecost.report.write import advice
from servecost.report.write.cells import FASTER, SLOWER, OfRecipe, by_recipe, decided, place
from servecost.report.write.numbers import number, signed

# A serving path of less than so many times that of the smallest request is about the same.
ALIKE = 1.5


@dataclass(frozen=True)
class Findings:
    """What the decided cells of a summary show.

    Attributes:
        fixed_cost: the cost of a request, and up to which batch size it does not depend on it; of each recipe.
        growth: how the cost of a request grows with its examples; of each recipe.
        negative: in which cells the overhead is negative, and its parts where it is most so.
        cheap: at which batch sizes the overhead is small with one client at a time; of each recipe.
        concurrency: what more concurrency changes, as a list item for each recipe.
        losses: the part of the served seconds that serving path and contention take at the highest concurrency.
    """

    fixed_cost: str
    growth: str
    negative: str
    cheap: str
    concurrency: str
    losses: str


def find(summary: pd.DataFrame) -> Findings | None:
    """Return the findings of a summary of one system; None if no decided cell has all its parts."""
    cells = decided(summary)
    cells = cells[cells[PARTS].notna().all(axis=1)]
    if cells.empty:
        return None
    cells = cells.assign(path_ms=per_request_ms(cells["serving_path_s"], cells))
    alone = by_recipe(cells[cells["concurrency"] == cells["concurrency"].min()])
    return Findings(
        fixed_cost=" ".join(_fixed_cost(each) for each in alone),
        growth=" ".join(_growth(each) for each in alone),
        negative=_negative(cells),
        cheap=advice.cheap(alone),
        concurrency="\n".join(f"- {advice.concurrency(each)}" for each in by_recipe(cells)),
        losses=advice.losses(cells),
    )


def _fixed_cost(alone: OfRecipe) -> str:
    first = alone.rows[0]
    of_first = (
        f"`{alone.name}`: with one request at a time, the predictor stands idle for {number(first.path_ms)} ms of a "
        f"request of {first.batch_size}"
    )
    if first.claim == SLOWER:
        of_first += f", which takes {number(first.overhead_per_request_ms)} ms more than the direct call of as many"
    alike = [row for row in alone.rows if row.path_ms <= ALIKE * first.path_ms]
    most, paths = alike[-1].batch_size, [row.path_ms for row in alike]
    if len(alone.rows) == 1:
        return f"{of_first}."
    if most == first.batch_size:
        return f"{of_first}. At batches of {alone.rows[1].batch_size} that has grown already."
    return (
        f"{of_first}. Up to batches of {most} that is {number(min(paths))} to {number(max(paths))} ms a request, "
        f"whatever is in it: {EXAMPLES:,} examples in requests of {first.batch_size} pay it "
        f"{requests_of(EXAMPLES, first.batch_size):,} times, in requests of {most} only "
        f"{requests_of(EXAMPLES, most):,} times."
    )


def _growth(alone: OfRecipe) -> str:
    first, last = alone.rows[0], alone.rows[-1]
    if len(alone.rows) == 1:
        return f"`{alone.name}`{_payload(alone)}: only requests of {first.batch_size} are decided."
    each_ms = (last.path_ms - first.path_ms) / (last.batch_size - first.batch_size)
    return (
        f"`{alone.name}`{_payload(alone)}: from {number(first.path_ms)} ms for a request of {first.batch_size} to "
        f"{number(last.path_ms)} ms for one of {last.batch_size}, that is {number(each_ms)} ms for each example in it."
    )


def _payload(alone: OfRecipe) -> str:
    """Return how many bytes an example takes in a request, if both the recipe and the system are at hand."""
    if alone.recipe not in recipes.available() or alone.system not in systems.available():
        return ""
    recipe = recipes.load(alone.recipe)
    body = systems.load(alone.system).wire(recipe.input_type).body(list(recipe.example))
    return f" ({len(body.content) / len(recipe.example):,.0f} bytes an example)"


def _negative(cells: pd.DataFrame) -> str:
    negative = cells[cells["claim"] == FASTER]
    if negative.empty:
        return "It is negative nowhere here: no decided cell is faster served than called directly."
    with_negative = by_recipe(negative)
    places = "; ".join(f"`{each.name}` {', '.join(map(place, each.rows))}" for each in with_negative)
    return (
        f"It is negative in {len(negative)} of {len(cells)} decided cells (batch size × concurrency: {places}). "
        f"{' '.join(map(_most_negative, with_negative))}"
    )


def _most_negative(negative: OfRecipe) -> str:
    most = min(negative.rows, key=lambda row: row.ratio)
    return (
        f"`{negative.name}`, most of all in {place(most)}: {number(most.inputs_per_call)} inputs a call; call pattern "
        f"{signed(most.call_pattern_s)} s, contention {signed(most.contention_s)} s and serving path "
        f"{signed(most.serving_path_s)} s leave {signed(most.overhead_s)} s."
    )
