"""Published results: a CSV file for each table of a results folder, and what the runs were made with.

Owns that format: all that a report is made from, small enough to be kept with the code.
"""

import json
import shutil
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from servecost.core.layout import EXPERIMENT_JSON, MADE_WITH_JSON
from servecost.report.read import asked
from servecost.report.read.made_with import MadeWith, merged_by_day
from servecost.report.read.tables import Results, read_csv

MERGED_JSON = "merged.json"  # the fields in which the runs were allowed to differ, where there are any
TABLES = [field.name for field in fields(Results) if field.type is pd.DataFrame]
# A reason may name a log, which is not published.
_LOG = r" \(log: [^)]*\)"


def is_there(folder: Path) -> bool:
    """Return whether a folder has published results."""
    return (folder / MADE_WITH_JSON).is_file()


def write(found: Results, experiment: Path, folder: Path) -> None:
    """Replace the content of a folder by results and the ``experiment`` that they are of."""
    experiment_json = experiment.read_text(encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in TABLES:
        getattr(found, name).replace(_LOG, "", regex=True).to_csv(_csv(folder, name), index=False)
    (folder / EXPERIMENT_JSON).write_text(experiment_json, encoding="utf-8")
    made_with = [asdict(each) for each in merged_by_day(found.made_with)]
    (folder / MADE_WITH_JSON).write_text(json.dumps(made_with, indent=1) + "\n", encoding="utf-8")
    if found.pooled:
        (folder / MERGED_JSON).write_text(json.dumps(found.pooled) + "\n", encoding="utf-8")


def merged(folder: Path) -> list[str]:
    """Return the fields in which published runs differ, as whoever published them has allowed."""
    path = folder / MERGED_JSON
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def read(folder: Path) -> Results:
    """Return the results that ``write`` has written."""
    tables = {name: read_csv(_csv(folder, name)) for name in TABLES}
    made_with = [MadeWith.of(content) for content in json.loads((folder / MADE_WITH_JSON).read_text(encoding="utf-8"))]
    return Results(**tables, asked=asked.read(folder / EXPERIMENT_JSON), made_with=made_with, pooled=[])


def _csv(folder: Path, name: str) -> Path:
    return folder / f"{name}.csv"
