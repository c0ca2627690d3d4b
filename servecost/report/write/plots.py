"""The plots: overhead by batch size and concurrency, served against baseline, and where the served seconds go.

Owns how they look. Each function takes a summary of one system and returns a figure; nothing is shown or saved here.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from servecost.core.overhead import EXAMPLES
from servecost.report.attribution import PARTS
from servecost.report.write.numbers import number, signed
from servecost.report.write.wording import system_label

BASELINE_COLOUR = "#9aa0a6"
# From light to dark with the concurrency, so that people who do not see colours can tell them apart.
CONCURRENCY_COLOURS = ["#7fcdbb", "#2c7fb8", "#253494", "#081d58"]
PART_COLOURS = {
    "baseline_s": ("baseline", BASELINE_COLOUR),
    "call_pattern_s": ("call pattern", "#fdae61"),
    "contention_s": ("contention", "#d7191c"),
    "serving_path_s": ("serving path", "#2c7fb8"),
}
PANEL_INCHES = (5.6, 3.9)
# Below this many ms the scale of the overhead is linear, so that it can cross zero; above, logarithmic.
LINEAR_MS = 10


def served_against_baseline(summary: pd.DataFrame) -> Figure:
    """Return points of the seconds per 10,000 examples: called directly, and served at each concurrency."""
    figure, panels = _panels(summary)
    for axes, cells in panels:
        direct = cells.groupby("batch_size")["baseline_s"].first()
        series = {
            "called directly": (direct, BASELINE_COLOUR),
            **_by_concurrency(cells, "served_s", f"{system_label(summary)}, "),
        }
        axes.set_yscale("log")
        for label, where, values, colour, _ in _side_by_side(series):
            axes.plot(where, values, "o", color=colour, markersize=9, label=label)
            _write(axes, where, values, number)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.margins(y=0.15)
        axes.set_ylabel(f"seconds per {EXAMPLES:,} examples (log scale)")
    return _with_legend(figure)


def overhead_per_request(summary: pd.DataFrame) -> Figure:
    """Return bars of the overhead of one request in ms, by batch size, at each concurrency."""
    figure, panels = _panels(summary)
    for axes, cells in panels:
        axes.set_yscale("symlog", linthresh=LINEAR_MS)
        for label, where, values, colour, width in _side_by_side(_by_concurrency(cells, "overhead_per_request_ms")):
            axes.bar(where, values, width * 0.94, color=colour, label=label)
            _write(axes, where, values, signed)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
        axes.margins(y=0.15)
        axes.set_ylabel(f"overhead, ms per request (log beyond ±{LINEAR_MS})")
    return _with_legend(figure)


def where_the_seconds_go(summary: pd.DataFrame) -> Figure:
    """Return a bar for each cell: its served seconds as 100 %, stacked of the baseline and the parts of the overhead.

    A part that saves seconds extends to the left of zero; each bar's parts sum to 100 %.
    """
    recipes = list(summary["recipe"].unique())
    most = max(sum(summary["recipe"] == recipe) for recipe in recipes)
    figure = Figure(figsize=(PANEL_INCHES[0] * len(recipes), 1.6 + 0.28 * most), layout="constrained")
    for axes, recipe in zip(np.atleast_1d(figure.subplots(1, len(recipes))), recipes, strict=True):
        cells = summary[(summary["recipe"] == recipe) & summary[PARTS].notna().all(axis=1)]
        places = range(len(cells))
        ends = {1: np.zeros(len(cells)), -1: np.zeros(len(cells))}
        for part, (label, colour) in PART_COLOURS.items():
            share = 100 * (cells[part] / cells["served_s"]).to_numpy()
            left = np.where(share >= 0, ends[1], ends[-1])
            axes.barh(places, share, left=left, height=0.75, color=colour, label=label)
            ends[1] += np.maximum(share, 0)
            ends[-1] += np.minimum(share, 0)
        axes.set_yticks(places, [f"{row.batch_size} × {row.concurrency}" for row in cells.itertuples()])
        axes.invert_yaxis()
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(recipe)
        axes.set_xlabel("% of the served seconds")
        axes.set_ylabel("batch size × concurrency")
        axes.spines[["top", "right"]].set_visible(False)
    return _with_legend(figure)


Series = dict[str, tuple["pd.Series[float]", str]]


def _by_concurrency(cells: pd.DataFrame, column: str, before: str = "") -> Series:
    """Return a column by batch size for each concurrency, with a label and a colour."""
    by_concurrency = cells.groupby("concurrency")
    return {
        f"{before}{concurrency} concurrent": (own.set_index("batch_size")[column], colour)
        for (concurrency, own), colour in zip(by_concurrency, CONCURRENCY_COLOURS, strict=False)
    }


def _side_by_side(series: Series) -> Iterator[tuple[str, list[float], list[float], str, float]]:
    """Yield each label, its places on the x axis, its values, its colour and its width; a missing value is a gap."""
    width = 0.75 / len(series)
    for place, (label, (values, colour)) in enumerate(series.items()):
        shift = (place - (len(series) - 1) / 2) * width
        where = [number + shift for number, value in enumerate(values) if pd.notna(value)]
        yield label, where, list(values.dropna()), colour, width


def _write(axes: Axes, where: list[float], values: list[float], in_words: Callable[[float], str]) -> None:
    """Write each value beside its mark: above, or below if it is negative."""
    for place, value in zip(where, values, strict=True):
        offset, side = ((0, 7), "bottom") if value >= 0 else ((0, -7), "top")
        axes.annotate(
            in_words(value), (place, value), offset, textcoords="offset points", ha="center", va=side, fontsize=8
        )


def _with_legend(figure: Figure) -> Figure:
    """Put one legend for all panels below them."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def _panels(summary: pd.DataFrame) -> tuple[Figure, Iterator[tuple[Axes, pd.DataFrame]]]:
    """Return a figure with a panel for each recipe, and the panels with their cells."""
    recipes = list(summary["recipe"].unique())
    figure = Figure(figsize=(PANEL_INCHES[0] * len(recipes), PANEL_INCHES[1]), layout="constrained")
    all_axes = np.atleast_1d(figure.subplots(1, len(recipes)))

    def prepared() -> Iterator[tuple[Axes, pd.DataFrame]]:
        for axes, recipe in zip(all_axes, recipes, strict=True):
            cells = summary[summary["recipe"] == recipe].sort_values("batch_size")
            sizes = list(cells["batch_size"].unique())
            axes.set_title(recipe)
            axes.set_xlabel("batch size")
            axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="y", color="#e8eaed")
            axes.set_axisbelow(True)
            yield axes, cells

    return figure, prepared()
