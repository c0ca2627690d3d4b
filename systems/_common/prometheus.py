"""Counters in Prometheus' text format."""

from __future__ import annotations

import re


def total(metrics: str, name: str, path: str) -> int | None:
    """Return the sum of a counter's values over all labels that have the path in them; None if there is none."""
    lines = re.findall(r"^%s\{([^}]*)\} (\S+)" % re.escape(name), metrics, re.MULTILINE)
    values = [float(value) for labels, value in lines if '"{}"'.format(path) in labels]
    return round(sum(values)) if values else None
