"""The runs of this session in a tab of Locust's web interface: a row for each, beside the baseline if one is known.

Owns what the tab shows. The environment variable ``BASELINE_CSV`` names a file that a baseline script has written, on
this machine; it is read anew for every row, so that a baseline can be measured meanwhile.
"""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

from flask import Response, request
from locust.web import WebUI

from servecost.core.layout import BASELINE_COLUMNS
from servecost.load.outcome import Outcome
from servecost.load.plugin.conductor import Conductor

KEY = "overhead"
PER = 10_000
COLUMNS = {
    "name": "Run",
    "recipe": "Recipe",
    "batch_size": "Batch size",
    "concurrency": "Concurrency",
    "examples": "Examples",
    "total": "Total [s]",
    "served": f"Served [s per {PER:,}]",
    "baseline": f"Baseline [s per {PER:,}]",
    "overhead": f"Overhead [s per {PER:,}]",
    "verdict": "Verdict",
}
UNKNOWN = "not known"
NONE = "—"


def show(web_ui: WebUI, conductor: Conductor) -> None:
    """Add the tab, its content, and its file to Locust's web interface."""
    assert web_ui.app is not None
    web_ui.template_args["extended_tabs"] = [{"title": "Overhead", "key": KEY}]
    structure = [{"key": key, "title": title} for key, title in COLUMNS.items()]
    web_ui.template_args["extended_tables"] = [{"key": KEY, "structure": structure}]
    web_ui.template_args["extended_csv_files"] = [{"href": f"/{KEY}/csv", "title": "Download overhead CSV"}]

    rows: list[dict[str, Any]] = []

    def add_row(outcome: Outcome) -> None:
        """Reckon the row of a run once: the page asks every two seconds, in the middle of the next run, too."""
        rows.append(row(len(rows) + 1, outcome, baseline_s(os.environ.get("BASELINE_CSV", ""), outcome)))

    conductor.listeners.append(add_row)

    @web_ui.app.after_request
    def add_rows(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            content = {**(response.get_json() or {}), "extended_stats": [{"key": KEY, "data": rows}]}
            response.set_data(json.dumps(content))
        return response

    def csv_file() -> Response:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
        headers = {"Content-Disposition": f"attachment;filename={KEY}.csv"}
        return Response(text.getvalue(), mimetype="text/csv", headers=headers)

    web_ui.app.add_url_rule(f"/{KEY}/csv", view_func=web_ui.auth_required_if_enabled(csv_file))


def row(number: int, outcome: Outcome, baseline: float | None) -> dict[str, Any]:
    """Return the row of a run, by COLUMNS; what is not known or not valid is said, and never a number."""
    served = outcome.wall_ns / 1e9 / outcome.load.examples * PER if outcome.is_valid else None
    overhead = None if served is None or baseline is None else served - baseline
    return {
        "name": number,
        "recipe": outcome.name.recipe,
        "batch_size": outcome.name.batch_size,
        "concurrency": outcome.name.users,
        "examples": outcome.name.examples,
        "total": f"{outcome.wall_ns / 1e9:.3f}" if outcome.is_valid else NONE,
        "served": NONE if served is None else f"{served:.3f}",
        "baseline": UNKNOWN if baseline is None else f"{baseline:.3f}",
        "overhead": NONE if overhead is None else f"{overhead:+.3f}",
        "verdict": str(outcome.verdict),
    }


def baseline_s(path: str, outcome: Outcome) -> float | None:
    """Return the mean seconds per 10,000 examples of the baseline runs of the same recipe and batch size, if any."""
    if not path or not Path(path).is_file():
        return None
    with Path(path).open() as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != BASELINE_COLUMNS:
            return None
        same = (outcome.name.recipe, str(outcome.name.batch_size))
        runs = [float(r["total_s"]) / int(r["examples"]) for r in reader if (r["recipe"], r["batch_size"]) == same]
    return sum(runs) / len(runs) * PER if runs else None
