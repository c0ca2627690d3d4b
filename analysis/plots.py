"""The plots: overhead by batch size and concurrency, and served against baseline.

Owns how they look. Each function takes a summary of one system and returns a figure; nothing is shown or saved here.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from analysis.overhead import EXAMPLES
from analysis.text import signed, system_label

BASELINE_COLOUR = "#9aa0a6"
# From light to dark with the concurrency; told apart by people who do not see colours, too.
CONCURRENCY_COLOURS = ["#7fcdbb", "#2c7fb8", "#253494", "#081d58"]
PANEL_INCHES = (5.2, 3.9)


def served_against_baseline(summary: pd.DataFrame) -> Figure:
    """Return bars of the seconds per 10,000 examples: called directly, and served at each concurrency."""
    figure, panels = _panels(summary)
    label = system_label(summary)
    for axes, cells in panels:
        places = _places(cells)
        concurrencies = sorted(cells["concurrency"].unique())
        width = 0.8 / (1 + len(concurrencies))
        baseline = cells.drop_duplicates("batch_size")
        axes.bar(
            places[baseline["batch_size"]] - 0.4 + width / 2,
            baseline["baseline_s"],
            width,
            color=BASELINE_COLOUR,
            label="called directly",
        )
        for number, (concurrency, colour) in enumerate(zip(concurrencies, CONCURRENCY_COLOURS, strict=False), start=1):
            own = cells[cells["concurrency"] == concurrency]
            shifted = places[own["batch_size"]] - 0.4 + width * (number + 0.5)
            axes.bar(shifted, own["served_s"], width, color=colour, label=f"{label}, {concurrency} concurrent")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylabel(f"seconds per {EXAMPLES:,} examples")
        axes.legend(fontsize="small", frameon=False)
    return figure


def overhead_per_request(summary: pd.DataFrame) -> Figure:
    """Return lines of the overhead of one request in ms by batch size, one for each concurrency."""
    figure, panels = _panels(summary)
    for axes, cells in panels:
        places = _places(cells)
        for concurrency, colour in zip(sorted(cells["concurrency"].unique()), CONCURRENCY_COLOURS, strict=False):
            own = cells[cells["concurrency"] == concurrency]
            overheads_ms = own["overhead_per_request_ms"]
            axes.plot(places[own["batch_size"]], overheads_ms, "o-", color=colour, label=f"{concurrency} concurrent")
            for place, value in zip(places[own["batch_size"]], overheads_ms, strict=True):
                if pd.notna(value):  # on this scale a line shows the shape, and only a number the size
                    label, where = signed(value), (place, value)
                    axes.annotate(label, where, (0, 6), textcoords="offset points", ha="center", fontsize="x-small")
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_yscale("symlog", linthresh=10)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylabel("overhead per request, ms")
        axes.legend(fontsize="small", frameon=False)
    return figure


def _panels(summary: pd.DataFrame) -> tuple[Figure, Iterator[tuple[Axes, pd.DataFrame]]]:
    """Return a figure with a panel for each recipe, and the panels with their cells."""
    recipes = list(summary["recipe"].unique())
    figure = Figure(figsize=(PANEL_INCHES[0] * len(recipes), PANEL_INCHES[1]), layout="constrained")
    all_axes = np.atleast_1d(figure.subplots(1, len(recipes)))

    def prepared() -> Iterator[tuple[Axes, pd.DataFrame]]:
        for axes, recipe in zip(all_axes, recipes, strict=True):
            cells = summary[summary["recipe"] == recipe]
            places = _places(cells)
            axes.set_title(recipe)
            axes.set_xlabel("batch size")
            axes.set_xticks(places.to_numpy(), [str(size) for size in places.index])
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="y", color="#e8eaed")
            axes.set_axisbelow(True)
            yield axes, cells

    return figure, prepared()


def _places(cells: pd.DataFrame) -> "pd.Series[int]":
    """Return the place of each batch size on the x axis."""
    sizes = sorted(cells["batch_size"].unique())
    return pd.Series(range(len(sizes)), index=sizes)
