"""Writes a report into a results folder: table.md, table.csv, the plots, and report.html, the executed notebook.

Owns the report's files. The numbers come from ``overhead``, the words and the pictures from the modules beside it.
"""

import io
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import nbformat
import pandas as pd
from IPython.display import Image
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from matplotlib.figure import Figure
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from traitlets import default

from servecost.core.recipe import ROOT
from servecost.report import overhead
from servecost.report.read import results
from servecost.report.read.tables import CELL, QUANTILES, NoResults
from servecost.report.write import plots, wording
from servecost.report.write.caption import caption, idleness, wall
from servecost.report.write.notes import under_table

__all__ = ["NoResults", "Written", "write"]

NOTEBOOK = ROOT / "analysis" / "overhead.ipynb"
FOLDER_VARIABLE, ALLOWED_VARIABLE = "RESULTS", "ALLOW_DIFFERENT"
DPI = 144


@dataclass(frozen=True)
class Written:
    """A report that has been written.

    Attributes:
        table: the published table with its caption and verdicts, as Markdown.
        html: the path of the HTML report.
        is_valid: whether every row of the table is.
    """

    table: str
    html: Path
    is_valid: bool


def write(folder: Path, allowed: Sequence[str] = ()) -> Written:
    """Write the report of a results folder into it.

    Raises NoResults if it is none, or if its runs were made under conditions that differ in more than the ``allowed``
    fields.
    """
    found = results.read(folder, allowed)
    summary = overhead.summary(overhead.pairs(found))
    with ThreadPoolExecutor(max_workers=1) as meanwhile:  # the notebook's process takes as long as everything else
        notebook = meanwhile.submit(executed, folder, allowed)
        tables = list(_tables(folder, found, summary))
        (folder / "table.md").write_text("\n".join(tables))
        with_percentiles(summary, found.response_times).to_csv(folder / "table.csv", index=False)
    html = folder / "report.html"
    html.write_text(as_html(notebook.result()))
    return Written("\n".join(tables), html.resolve(), bool((summary["rule"] == "").all()))


def _tables(folder: Path, found: results.Results, summary: pd.DataFrame) -> Iterator[str]:
    """Yield each system's table with its notes, the caption with the last, and save its plots."""
    last = summary["system"].iloc[-1]
    for system, cells in summary.groupby("system", sort=False):
        table = wording.markdown(wording.published_table(cells))
        beside = [caption(found, summary), idleness(found.idle), wall(found.wall), ""] if system == last else []
        yield "\n".join([table, "", *beside, under_table(cells, found.asked.precision), ""])
        save(plots.where_the_seconds_go(cells), folder / f"{system}-where-the-seconds-go.png")
        save(plots.served_against_baseline(cells), folder / f"{system}-served-against-baseline.png")
        save(plots.overhead_per_request(cells), folder / f"{system}-overhead-per-request.png")


def with_percentiles(summary: pd.DataFrame, response_times: pd.DataFrame) -> pd.DataFrame:
    """Return a summary with the percentiles of the response times in ms."""
    times = response_times.drop(columns="requests").rename(columns={name: f"{name}_ms" for name in QUANTILES})
    return summary.merge(times, how="left", on=CELL)


def save(figure: Figure, path: Path) -> None:
    """Save a plot as a picture that looks right on dense screens."""
    figure.savefig(path, dpi=DPI)


def picture(figure: Figure) -> Image:
    """Return a plot for display in a notebook."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DPI)
    return Image(data=content.getvalue(), width=figure.get_figwidth() * 72)


class _OwnKernel(KernelSpecManager):
    """Knows one kernel, this interpreter's own: a user may have another one of the same name."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return it, whatever it is called."""
        words = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=words, language="python", display_name=kernel_name)


class _OwnKernelManager(AsyncKernelManager):
    """Starts that kernel."""

    @default("kernel_spec_manager")
    def _own_kernel(self) -> KernelSpecManager:
        return _OwnKernel(parent=self)


def executed(folder: Path, allowed: Sequence[str] = ()) -> nbformat.NotebookNode:
    """Return the notebook, executed on a results folder, in a process of its own.

    What that process writes on its standard error is shown only if it fails: a kernel may complain while it is ended.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_manager_class=_OwnKernelManager,
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
        extra_arguments=["--log-level=40"],  # errors: it warns at every start that it talks over loopback unencrypted
    )
    variables = {FOLDER_VARIABLE: str(folder.resolve()), ALLOWED_VARIABLE: ",".join(allowed)}
    with tempfile.TemporaryFile("w+") as complaints:
        try:
            client.execute(env={**os.environ, **variables}, stderr=complaints)
        except Exception:
            complaints.seek(0)
            print(complaints.read(), end="", file=sys.stderr)
            raise
    return cast(nbformat.NotebookNode, notebook)


def write_notebook(folder: Path, path: Path) -> None:
    """Execute the notebook on a results folder and write it, with its outputs, to ``path``."""
    notebook = executed(folder)
    for cell in notebook.cells:
        cell.metadata.clear()  # when each cell ran: another value each time, and no use to a reader
    nbformat.write(notebook, path)


def as_html(notebook: nbformat.NotebookNode) -> str:
    """Return the notebook as a self-contained HTML page, without the code."""
    html, _ = HTMLExporter(
        exclude_input=True, exclude_input_prompt=True, exclude_output_prompt=True
    ).from_notebook_node(notebook)
    return str(html)
