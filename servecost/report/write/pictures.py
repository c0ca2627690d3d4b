"""Draws plots as pictures, which look the same whoever draws them.

Owns the style and the resolution. Nothing of the user's decides them: neither a matplotlibrc nor a backend.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pandas as pd
from matplotlib import style
from matplotlib.figure import Figure

DPI = 144
POINTS_PER_INCH = 72

Plot = Callable[[pd.DataFrame], Figure]


@dataclass(frozen=True)
class Picture:
    """A plot of some cells, which is drawn when it is asked for.

    Attributes:
        name: the plot's, as in the names of files.
        title: what it shows, in words.
        plot: returns the plot of a summary.
        cells: the summary.
    """

    name: str
    title: str
    plot: Plot
    cells: pd.DataFrame

    def draw(self) -> tuple[bytes, int]:
        """Return the picture as PNG, and the width in points at which it is as sharp as a dense screen."""
        content = io.BytesIO()
        figure = save(self.plot, self.cells, content)
        return content.getvalue(), round(figure.get_figwidth() * POINTS_PER_INCH)


def save(plot: Plot, cells: pd.DataFrame, to: Path | IO[bytes]) -> Figure:
    """Write a plot of a summary to a file, in the format that its name says, or as PNG; return the figure."""
    with style.context("default"):
        figure = plot(cells)
        figure.savefig(to, dpi=DPI)
    return figure
