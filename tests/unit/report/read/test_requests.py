"""Response times and stages of a run's requests, from its files."""

from pathlib import Path

import pandas as pd
import pytest

from servecost.core import layout
from servecost.core.recipe import ROOT
from servecost.report.read import requests


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a run of three requests."""
    (tmp_path / layout.LOCUST_REQUESTS_CSV).write_text(
        "request,worker,user,examples,sent_ns,answered_ns,failure\n"
        "0,0,0,1,1000000,9000000,\n1,0,0,1,9000000,20000000,\n2,0,0,1,20000000,21000000,\n"
    )
    return tmp_path


def stages(folder: Path, *rows: tuple[int, str, float]) -> pd.DataFrame:
    """Return the stages of a run whose server noted these: request, stage and ms since the release."""
    noted = [(request, stage, int(1e6 * at_ms)) for request, stage, at_ms in rows]
    table = pd.DataFrame(noted, columns=list(layout.SERVER_STAGES_COLUMNS))
    table.to_csv(folder / layout.SERVER_STAGES_CSV, index=False)
    return requests.stages_ms(folder)


def by_stage(found: pd.DataFrame) -> dict[str, list[float]]:
    return {str(stage): list(own) for stage, own in found.groupby("stage", sort=False)["ms"]}


def test_the_stages_of_a_request_sum_to_its_response_time(folder: Path):
    """They are joined by the request's number; a request that the server has forgotten is left out."""
    found = stages(
        folder,
        *[(1, "received", 9.5), (1, "fetched", 12), (1, "predicted", 15), (1, "answered", 19)],
        *[(0, "received", 1.5), (0, "fetched", 3), (0, "predicted", 7), (0, "answered", 8)],
    )
    assert by_stage(found) == {
        "sent → received": [0.5, 0.5],
        "received → fetched": [1.5, 2.5],
        "fetched → predicted": [4.0, 3.0],
        "predicted → answered": [1.0, 4.0],
        "answered → arrived": [1.0, 1.0],
    }
    assert found.groupby(level=0)["ms"].sum().tolist() == requests.response_times_ms(folder)["ms"].tolist()[:2]


def test_labels_are_made_of_the_systems_own_stages(folder: Path):
    """Whatever it calls them, and however many there are."""
    assert by_stage(stages(folder, (0, "null", 2), (2, "null", 20.5))) == {
        "sent → null": [1.0, 0.5],
        "null → arrived": [7.0, 0.5],
    }
    assert requests.labels(["a b", "user"]) == ["sent → a b", "a b → user", "user → arrived"]


def test_the_published_labels_are_those_of_its_systems_stages():
    """Labels in published results do not change."""
    published = pd.read_csv(ROOT / "docs" / "results" / "page" / "stages.csv")
    assert list(published["stage"].unique()) == requests.labels(["received", "fetched", "predicted", "answered"])


def test_a_request_that_lacks_a_stage_is_left_out(folder: Path):
    """Even if it is the first on record; the order is that of a request that has all stages."""
    found = stages(
        folder, (0, "in", 2), (0, "out", 8), (1, "in", 10), (1, "model", 12), (1, "out", 19), (2, "model", 20.5)
    )
    assert by_stage(found) == {"sent → in": [1.0], "in → model": [2.0], "model → out": [7.0], "out → arrived": [1.0]}


@pytest.mark.parametrize("rows", [[(0, "in", 2), (1, "out", 19)], []])
def test_a_run_without_a_complete_request_has_no_stages(folder: Path, rows):
    """Nothing is made up from what is left."""
    assert stages(folder, *rows).empty


def test_of_a_stage_that_was_reached_twice_the_last_time_counts(folder: Path):
    """A request may be fetched again."""
    found = stages(folder, (0, "fetched", 2), (0, "done", 3), (0, "fetched", 4), (0, "done", 8))
    assert by_stage(found) == {"sent → fetched": [3.0], "fetched → done": [4.0], "done → arrived": [1.0]}


def test_a_system_that_keeps_no_records_has_no_stages(folder: Path):
    """The table is empty."""
    assert requests.stages_ms(folder).empty


def test_percentiles_are_values_that_were_observed():
    """A percentile is the smallest value that so many do not exceed."""
    found = requests.quantiles(pd.Series(range(1, 301), dtype=float))
    assert found == {"p50": 150, "p90": 270, "p95": 285, "p99": 297, "max": 300}


@pytest.mark.parametrize(
    ("count", "known"),
    [
        (0, []),
        (1, ["max"]),
        (28, ["p50", "max"]),
        (29, ["p50", "p90", "max"]),
        (58, ["p50", "p90", "max"]),
        (59, ["p50", "p90", "p95", "max"]),
        (298, ["p50", "p90", "p95", "max"]),
        (299, ["p50", "p90", "p95", "p99", "max"]),
    ],
)
def test_a_percentile_needs_enough_requests(count, known):
    """So many that with a chance of 95 % one of them lies beyond it."""
    found = requests.quantiles(pd.Series(range(count), dtype=float))
    assert [name for name, value in found.items() if not pd.isna(value)] == known
