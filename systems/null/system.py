"""The null system: answers at once, with the recipe's canned answers. What is left is what the instrument itself takes.

Owns how it is started. Client, HTTP and the loopback are as for any other system; there is no model, no queue.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, List

from servecost.core.recipe import ROOT
from servecost.core.systems import RequestRecord, ServerProcess

YARDSTICK = Path(__file__).resolve().parents[1] / "_yardstick" / "server.py"
LABEL = "null system"


def processes(recipe: Path, python: str, host: str, port: int, request_timeout_s: int) -> List[ServerProcess]:
    """Return the one process, which answers everything within any time."""
    command = (
        sys.executable,
        str(YARDSTICK),
        str(recipe),
        "--host",
        host,
        "--port",
        str(port),
    )
    return [ServerProcess("null", command, {"PYTHONPATH": str(ROOT)})]


def facts(recipe: Path) -> Dict[str, float]:
    """Return nothing: it chooses nothing."""
    return {}


def records(recipe: Path, run: str) -> List[RequestRecord]:
    """Return nothing: it keeps no account."""
    return []
