"""The plots: overhead by batch size and concurrency, served against baseline, and where the served seconds go.

Owns how they look. Each function takes a summary of one system and returns a figure; nothing is shown or saved here.
Every mark has the interval of its number. A row that is undecided shows its interval and no number: its mark is empty.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from servecost.core.overhead import EXAMPLES
from servecost.report.attribution import PARTS
from servecost.report.pairs import per_request_ms
from servecost.report.write.cells import UNDECIDED, decided, place
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
OVERHEAD = "overhead_per_request_ms"
INTERVAL: dict[str, Any] = {"ecolor": "black", "elinewidth": 0.8, "capsize": 2}


def served_against_baseline(summary: pd.DataFrame) -> Figure:
    """Return points of the seconds per 10,000 examples: called directly, and served at each concurrency."""
    figure, panels = _panels(summary)
    for axes, cells in panels:
        direct = cells.groupby("batch_size")[["baseline_s", "baseline_s_half_width"]].mean().reset_index()
        series = {
            "called directly": Marks(direct, "baseline_s", BASELINE_COLOUR),
            **_by_concurrency(cells, "served_s", f"{system_label(summary)}, "),
        }
        axes.set_yscale("log")
        for label, marks, where, _ in _side_by_side(series, cells):
            errors = marks.down_and_up
            axes.errorbar(
                where, marks.values, errors, fmt="o", color=marks.colour, markersize=6, label=label, capsize=2
            )
            _write(axes, where, marks, number)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.margins(y=0.25)
        axes.set_ylabel(f"seconds per {EXAMPLES:,} examples (log scale)")
    return _with_legend(figure)


def overhead_per_request(summary: pd.DataFrame) -> Figure:
    """Return bars of the overhead of one request in ms, by batch size, at each concurrency; empty where undecided."""
    figure, panels = _panels(summary)
    for axes, cells in panels:
        axes.set_yscale("symlog", linthresh=LINEAR_MS)
        series = _by_concurrency(cells, OVERHEAD)
        for label, marks, where, width in _side_by_side(series, cells):
            faces = [marks.colour if is_sure else "none" for is_sure in marks.are_decided]
            axes.bar(where, marks.values, width * 0.94, color=faces, edgecolor=marks.colour)
            axes.errorbar(where, marks.values, marks.half_widths, fmt="none", **INTERVAL)
            axes.scatter([], [], marker="s", color=marks.colour, label=label)
            _write(axes, where, marks, signed)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
        axes.margins(y=0.25)
        axes.set_ylabel(f"overhead, ms per request (log beyond ±{LINEAR_MS})")
    return _with_legend(figure)


def where_the_seconds_go(summary: pd.DataFrame) -> Figure:
    """Return a bar for each decided cell: its served seconds as 100 %, of the baseline and the parts of the overhead.

    A part that saves seconds extends to the left of zero; each bar's parts sum to 100 %. The line at the end of the
    baseline is the interval of its share.
    """
    labels = list(summary["label"].unique())
    most = max(sum(summary["label"] == label) for label in labels)
    figure = Figure(figsize=(PANEL_INCHES[0] * len(labels), 1.6 + 0.28 * most), layout="constrained")
    for axes, label in zip(np.atleast_1d(figure.subplots(1, len(labels))), labels, strict=True):
        cells = decided(summary[(summary["label"] == label) & summary[PARTS].notna().all(axis=1)])
        _stack(axes, cells)
        axes.set_yticks(range(len(cells)), [place(row) for row in cells.itertuples()])
        axes.invert_yaxis()
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(label)
        axes.set_xlabel("% of the served seconds")
        axes.set_ylabel("batch size × concurrency")
        axes.spines[["top", "right"]].set_visible(False)
    return _with_legend(figure)


def side_by_side(summary: pd.DataFrame) -> Figure:
    """Return bars of the parts of the overhead of one request, for each system, in three of a recipe's cells."""
    known = decided(summary[summary[PARTS].notna().all(axis=1)])
    cells = list(known.groupby(["batch_size", "concurrency"]))
    shown = [cells[place_of] for place_of in sorted({0, len(cells) // 2, len(cells) - 1})] if cells else []
    names = sorted(known["system_label"].unique(), reverse=True)
    size = (4.2 * max(1, len(shown)) + 1.5, 1.6 + 0.26 * len(names))
    figure = Figure(figsize=size, layout="constrained")
    all_axes = np.atleast_1d(figure.subplots(1, max(1, len(shown)), sharey=True))
    for axes, ((batch_size, concurrency), own) in zip(all_axes, shown, strict=False):
        _stack_parts(axes, own, [names.index(label) for label in own["system_label"]])
        axes.set_title(f"batch size {batch_size}, {concurrency} at a time")
        axes.set_xlabel("ms per request beyond the direct call")
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_yticks(range(len(names)), names)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", color="#e8eaed")
        axes.set_axisbelow(True)
    return _with_legend(figure)


def _stack_parts(axes: Axes, rows: pd.DataFrame, places: list[int]) -> None:
    ends = {1: np.zeros(len(rows)), -1: np.zeros(len(rows))}
    for part in PARTS:
        name, colour = PART_COLOURS[part]
        taken = per_request_ms(rows[part], rows).to_numpy()
        axes.barh(places, taken, left=np.where(taken >= 0, ends[1], ends[-1]), height=0.75, color=colour, label=name)
        ends[1] += np.maximum(taken, 0)
        ends[-1] += np.minimum(taken, 0)
    axes.errorbar(rows[OVERHEAD], places, xerr=rows[f"{OVERHEAD}_half_width"].fillna(0), fmt="k.", **INTERVAL)


def _stack(axes: Axes, cells: pd.DataFrame) -> None:
    """Draw the bars of cells, from the first to the last."""
    places = range(len(cells))
    ends = {1: np.zeros(len(cells)), -1: np.zeros(len(cells))}
    for part, (name, colour) in PART_COLOURS.items():
        share = 100 * (cells[part] / cells["served_s"]).to_numpy()
        left = np.where(share >= 0, ends[1], ends[-1])
        axes.barh(places, share, left=left, height=0.75, color=colour, label=name)
        ends[1] += np.maximum(share, 0)
        ends[-1] += np.minimum(share, 0)
    low, middle, high = (100 / cells[name].to_numpy() for name in ("ratio_high", "ratio", "ratio_low"))
    axes.errorbar(middle, places, xerr=[middle - low, high - middle], fmt="none", **INTERVAL)


@dataclass(frozen=True)
class Marks:
    """The marks of one colour in a panel.

    Attributes:
        table: a row for each, by batch size, without those that have no number.
        column: the column of their numbers; that of half the width of their intervals ends in ``_half_width``.
        colour: theirs.
    """

    table: pd.DataFrame
    column: str
    colour: str

    @property
    def values(self) -> list[float]:
        """The numbers."""
        return [float(value) for value in self.table[self.column]]

    @property
    def half_widths(self) -> list[float]:
        """Half the widths of their intervals; 0 where there is none."""
        return [float(value) for value in self.table[f"{self.column}_half_width"].fillna(0)]

    @property
    def down_and_up(self) -> list[list[float]]:
        """How far their intervals reach down, not below a hundredth of a number on a logarithmic scale, and up."""
        down = [min(width, 0.99 * value) for width, value in zip(self.half_widths, self.values, strict=True)]
        return [down, self.half_widths]

    @property
    def are_decided(self) -> list[bool]:
        """Of each, whether it is known what its number amounts to; the seconds of an arm are no claim."""
        claims = self.table.get("claim", pd.Series("", index=self.table.index))
        return [claim != UNDECIDED or self.column != OVERHEAD for claim in claims]


def _by_concurrency(cells: pd.DataFrame, column: str, before: str = "") -> dict[str, Marks]:
    """Return the marks of a column for each concurrency, by their label."""
    by_concurrency = cells.groupby("concurrency")
    return {
        f"{before}{concurrency} concurrent": Marks(own, column, colour)
        for (concurrency, own), colour in zip(by_concurrency, CONCURRENCY_COLOURS, strict=False)
    }


def _side_by_side(series: dict[str, Marks], cells: pd.DataFrame) -> Iterator[tuple[str, Marks, list[float], float]]:
    """Yield each label, its marks, their places on the x axis and their width; a missing number is a gap."""
    sizes = sorted(cells["batch_size"].unique())
    width = 0.75 / len(series)
    for place_of, (label, marks) in enumerate(series.items()):
        shift = (place_of - (len(series) - 1) / 2) * width
        known = replace(marks, table=marks.table.dropna(subset=[marks.column]))
        yield label, known, [sizes.index(size) + shift for size in known.table["batch_size"]], width


def _write(axes: Axes, where: list[float], marks: Marks, in_words: Callable[[float], str]) -> None:
    """Write each decided value beyond the end of its interval: above, or below if it is negative."""
    for at, value, width, is_sure in zip(where, marks.values, marks.half_widths, marks.are_decided, strict=True):
        if is_sure:
            end, shift, side = (value + width, 3, "bottom") if value >= 0 else (value - width, -3, "top")
            text: dict[str, Any] = {
                "textcoords": "offset points",
                "ha": "center",
                "va": side,
                "fontsize": 7,
                "rotation": 90,
            }
            axes.annotate(in_words(value), (at, end), (0, shift), **text)


def _with_legend(figure: Figure) -> Figure:
    """Put one legend for all panels below them."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def _panels(summary: pd.DataFrame) -> tuple[Figure, Iterator[tuple[Axes, pd.DataFrame]]]:
    """Return a figure with a panel for each recipe and choice of its system, and the panels with their cells."""
    labels = list(summary["label"].unique())
    figure = Figure(figsize=(PANEL_INCHES[0] * len(labels), PANEL_INCHES[1]), layout="constrained")
    all_axes = np.atleast_1d(figure.subplots(1, len(labels)))

    def prepared() -> Iterator[tuple[Axes, pd.DataFrame]]:
        for axes, label in zip(all_axes, labels, strict=True):
            cells = summary[summary["label"] == label].sort_values("batch_size")
            sizes = list(cells["batch_size"].unique())
            axes.set_title(label)
            axes.set_xlabel("batch size")
            axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="y", color="#e8eaed")
            axes.set_axisbelow(True)
            yield axes, cells

    return figure, prepared()
