"""The null system: it answers at once, with the recipe's known answers. What remains is the client's own cost.

Owns how it is started. Client, HTTP and the loopback are as for any other system; there is no model and no queue.
"""

from __future__ import annotations

import copy
import sys

from servecost.core import systems
from servecost.core.recipe import ROOT
from servecost.core.system import Served, ServerProcess, System, Wire


class Null(System):
    """One process of this project's own interpreter. ``null+NAME`` speaks the wire of the system of that name."""

    label = "null system"
    calls_predictor = False

    def as_variant(self, variant: str) -> Null:
        """Return the null system that speaks the wire of that system. Raises UnknownSystem if there is none."""
        found = copy.copy(self)
        found.variant = variant
        found.label = "{}, speaking as {}".format(self.label, systems.load(variant).label)
        return found

    @property
    def borrows(self) -> tuple[str]:  # type: ignore[override]  # what a variant is called says it
        """The name of the system whose wire it speaks."""
        return (self.variant or systems.default(),)

    def wire(self, input_type: str) -> Wire:
        """Return that system's wire."""
        return systems.load(*self.borrows).wire(input_type)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the one process."""
        server = str(systems.FOLDER / "_yardstick" / "server.py")
        options = ("--host", served.host, "--port", str(served.port), "--wire", *self.borrows)
        return [ServerProcess("null", (sys.executable, server, str(served.copy), *options), {"PYTHONPATH": str(ROOT)})]


system = Null()
