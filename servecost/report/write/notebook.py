"""The notebook: shows a report's sections in it, and executes it on results that are published.

Owns its kernel, which is this interpreter, whatever kernels a user has.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import cast

import nbformat
from IPython.display import Image, Markdown, display
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from traitlets import default

from servecost.core.recipe import ROOT
from servecost.report.computed import Computed
from servecost.report.write.pictures import Picture
from servecost.report.write.sections import SECTIONS

NOTEBOOK = ROOT / "analysis" / "overhead.ipynb"
FOLDER_VARIABLE = "RESULTS"


def show(title: str, numbers: Computed) -> None:
    """Show a section of the report in the notebook. Raises KeyError if there is none of that title."""
    section = {each.title: each for each in SECTIONS}[title]
    display(Markdown(f"## {section.title}\n\n{section.text}"))
    for block in section.blocks(numbers):
        if isinstance(block, Picture):
            content, width = block.draw()
            display(Image(data=content, width=width, alt=block.title))
        else:
            display(Markdown(block) if isinstance(block, str) else block)


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


def executed(folder: Path) -> nbformat.NotebookNode:
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
    with tempfile.TemporaryFile("w+") as complaints:
        try:
            client.execute(env={**os.environ, FOLDER_VARIABLE: str(folder.resolve())}, stderr=complaints)
        except Exception:
            complaints.seek(0)
            print(complaints.read(), end="", file=sys.stderr)
            raise
    return cast(nbformat.NotebookNode, notebook)


def write(folder: Path, path: Path) -> None:
    """Execute the notebook on a results folder and write it, with its outputs, to ``path``."""
    notebook = executed(folder)
    for cell in notebook.cells:
        cell.metadata.clear()  # when each cell ran: another value each time, and no use to a reader
    nbformat.write(notebook, path)
