"""Both real models through `make bench`'s own path: baseline, fastDeploy, Locust, report."""

from pathlib import Path

import pandas as pd
import pytest

from tests.support import Command

EXPERIMENT = """
recipes = ["deepsegment_en", "efficientnet_b2"]
batch_sizes = [2]
concurrencies = [2]
examples = 5
rounds = 1
instrument = false
aa = false
threads = 1

# Or fastDeploy tries up to 1,024 images to choose one.
[system.fastdeploy]
OPTIMAL_BATCH_SIZE = "2"
"""


@pytest.mark.long
@pytest.mark.usefixtures("no_orphans")
def test_both_models_are_measured_end_to_end(invoke: Command, tmp_path: Path):
    """A small run of each, with every answer checked against the direct arm's."""
    (tmp_path / "small.toml").write_text(EXPERIMENT)
    done = invoke("run", tmp_path / "small.toml", "--out", tmp_path / "out", limit_s=600)
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(tmp_path / "out" / "table.csv")
    assert list(table["recipe"]) == ["deepsegment_en", "efficientnet_b2"]
    assert table[["baseline_s", "served_s", "overhead_s"]].notna().all().all()
    assert "**VALID**: all " in done.stdout
    for recipe in table["recipe"]:
        requests = pd.read_csv(tmp_path / "out" / "round-1" / recipe / "fastdeploy" / "b2-c2" / "locust_requests.csv")
        assert list(requests["examples"]) == [2, 2, 1]
        assert requests["failure"].isna().all()
