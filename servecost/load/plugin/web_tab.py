"""The tab of Locust's web interface with this session's runs: a row for each, beside its baseline if one is known.

Owns the tab's content. The environment variable ``BASELINE_CSV`` names a file that a baseline script wrote on this
machine; it is read again for every row, so that a baseline can be measured meanwhile.
"""

import csv
import io
import json
import os
from pathlib import Path
from typing import NamedTuple

from flask import Response, request
from locust.web import WebUI

from servecost.core.layout import BASELINE_COLUMNS
from servecost.core.overhead import EXAMPLES, overhead_s, per_examples
from servecost.load.outcome import Outcome
from servecost.load.plugin.conductor import Conductor

KEY = "overhead"
UNKNOWN = "not known"
NONE = "—"


class Row(NamedTuple):
    """The row of a run, as the page shows it; the first field is the run's number, which Locust calls its name."""

    name: int
    recipe: str
    batch_size: int
    concurrency: int
    examples: int
    total: str
    served: str
    baseline: str
    overhead: str
    verdict: str


TITLES = Row._make(
    (
        "Run",
        "Recipe",
        "Batch size",
        "Concurrency",
        "Examples",
        "Total [s]",
        f"Served [s per {EXAMPLES:,}]",
        f"Baseline [s per {EXAMPLES:,}]",
        f"Overhead [s per {EXAMPLES:,}]",
        "Verdict",
    )
)._asdict()


def add_tab(web_ui: WebUI, conductor: Conductor) -> None:
    """Add the tab, its rows, and their CSV file to Locust's web interface."""
    assert web_ui.app is not None
    web_ui.template_args["extended_tabs"] = [{"title": "Overhead", "key": KEY}]
    structure = [{"key": key, "title": title} for key, title in TITLES.items()]
    web_ui.template_args["extended_tables"] = [{"key": KEY, "structure": structure}]
    web_ui.template_args["extended_csv_files"] = [{"href": f"/{KEY}/csv", "title": "Download overhead CSV"}]

    rows: list[Row] = []

    def add_row(outcome: Outcome) -> None:
        """Compute the row of a run once: the page asks every two seconds, in the middle of the next run, too."""
        rows.append(row_of(len(rows) + 1, outcome, find_baseline_s(os.environ.get("BASELINE_CSV", ""), outcome)))

    conductor.listeners.append(add_row)

    @web_ui.app.after_request
    def add_rows(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            data = [row._asdict() for row in rows]
            content = {**(response.get_json() or {}), "extended_stats": [{"key": KEY, "data": data}]}
            response.set_data(json.dumps(content))
        return response

    def csv_file() -> Response:
        text = io.StringIO()
        csv.writer(text).writerows([Row._fields, *rows])
        headers = {"Content-Disposition": f"attachment;filename={KEY}.csv"}
        return Response(text.getvalue(), mimetype="text/csv", headers=headers)

    web_ui.app.add_url_rule(f"/{KEY}/csv", view_func=web_ui.auth_required_if_enabled(csv_file))


def row_of(number: int, outcome: Outcome, baseline_s: float | None) -> Row:
    """Return the row of a run; a value that is unknown or not valid is a word, never a number."""
    served_s = per_examples(outcome.total_s, outcome.load.examples) if outcome.is_valid else None
    added_s = None if served_s is None or baseline_s is None else overhead_s(served_s, baseline_s)
    return Row(
        name=number,
        recipe=outcome.name.recipe,
        batch_size=outcome.name.batch_size,
        concurrency=outcome.name.users,
        examples=outcome.name.examples,
        total=f"{outcome.total_s:.3f}" if outcome.is_valid else NONE,
        served=NONE if served_s is None else f"{served_s:.3f}",
        baseline=UNKNOWN if baseline_s is None else f"{baseline_s:.3f}",
        overhead=NONE if added_s is None else f"{added_s:+.3f}",
        verdict=str(outcome.verdict),
    )


def find_baseline_s(path: str, outcome: Outcome) -> float | None:
    """Return the mean of the baseline runs of the same recipe and batch size in a file; None if there are none.

    In seconds per 10,000 examples.
    """
    if not path or not Path(path).is_file():
        return None
    with Path(path).open(encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != BASELINE_COLUMNS:
            return None
        same = (outcome.name.recipe, str(outcome.name.batch_size))
        rows = [row for row in reader if (row["recipe"], row["batch_size"]) == same]
    runs_s = [float(per_examples(float(row["total_s"]), int(row["examples"]))) for row in rows]
    return sum(runs_s) / len(runs_s) if runs_s else None
