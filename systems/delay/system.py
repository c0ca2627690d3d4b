"""A yardstick: the predictor called directly, and then a known delay, for each request, one request at a time.

Owns how it is started. The environment variable ``DELAY_MS`` (an experiment's ``[environment]`` has it) sets the delay.
The overhead that is found of this system has to be that delay, once the instrument's own share is taken off.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

from servecost.core.recipe import ROOT
from servecost.core.systems import RequestRecord, ServerProcess

YARDSTICK = Path(__file__).resolve().parents[1] / "_yardstick" / "server.py"
LABEL = "known delay"
TOLD = "delay_ms"  # the file in which the server tells its delay


def processes(recipe: Path, python: str, host: str, port: int, request_timeout_s: int) -> List[ServerProcess]:
    """Return the one process."""
    options = ("--host", host, "--port", str(port), "--delayed", str(recipe / TOLD))
    return [
        ServerProcess(
            "delay",
            (python, str(YARDSTICK), str(recipe), *options),
            {"PYTHONPATH": str(ROOT)},
        )
    ]


def facts(recipe: Path) -> Dict[str, float]:
    """Return the delay."""
    return {"delay_ms": float((recipe / TOLD).read_text())}


def records(recipe: Path, run: str) -> List[RequestRecord]:
    """Return nothing: it keeps no account."""
    return []
