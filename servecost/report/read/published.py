"""Published results: the tables of a results folder, a CSV file for each, and what they were made with.

Owns that format: all that a report is made from, small enough to be kept with the code.
"""

import json
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from servecost.core.layout import EXPERIMENT_JSON
from servecost.report.read.tables import Results, read_csv

MADE_WITH_JSON = "made_with.json"
_TABLES = [field.name for field in fields(Results) if field.type is pd.DataFrame]
# Where a log is that is not published.
_LOG = r" \(log: [^)]*\)"
# Of a manifest, what a report says or refuses by; the same for many runs.
_KEPT = ("schema_version", "commit", "conditions")


def is_there(folder: Path) -> bool:
    """Say whether a folder has published results."""
    return (folder / MADE_WITH_JSON).is_file()


def write(found: Results, experiment: Path, folder: Path) -> None:
    """Write results into a folder, anew, beside the ``experiment`` that they are of."""
    told = experiment.read_text()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in _TABLES:
        getattr(found, name).replace(_LOG, "", regex=True).to_csv(_csv(folder, name), index=False)
    (folder / EXPERIMENT_JSON).write_text(told)
    (folder / MADE_WITH_JSON).write_text(json.dumps(made_with(found.manifests), indent=1) + "\n")


def made_with(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the manifests of the runs say that a report needs: once for each day on which it was so."""
    alike = {}
    for each in sorted(manifests, key=lambda each: str(each["written_at"]), reverse=True):
        kept = {"written_at": each["written_at"], **{name: each[name] for name in _KEPT}}
        alike[json.dumps({**kept, "written_at": each["written_at"][:10]})] = kept
    return list(alike.values())[::-1]


def read(folder: Path) -> Results:
    """Return what ``write`` has written."""
    tables: dict[str, Any] = {name: read_csv(_csv(folder, name)) for name in _TABLES}
    return Results(**tables, manifests=json.loads((folder / MADE_WITH_JSON).read_text()), pooled=[])


def _csv(folder: Path, name: str) -> Path:
    return folder / f"{name}.csv"
