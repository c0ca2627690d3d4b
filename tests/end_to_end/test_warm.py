"""What a process pays at its first work of a size is a number of its own, and in no overhead."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.support import Command, write_recipe

SLEEP_S = 0.5
SIZES = [1, 8, 64]
# It sleeps once for each new number of inputs that it works on at a time.
PREDICTOR = f"""
import time
met = set()

def predictor(inputs, batch_size=1):
    for size in (min(batch_size, len(inputs)), len(inputs) % batch_size):
        if size and size not in met:
            met.add(size)
            time.sleep({SLEEP_S})
    return list(inputs)
"""
# The largest size comes first in each process, and then two rounds have the others in both orders.
EXPERIMENT = f"""
recipes = ["./sleepy"]
batch_sizes = {SIZES}
concurrencies = [1]
examples = 128
rounds = 2
seed = 3
instrument = false
aa = false

[system.fastdeploy]
OPTIMAL_BATCH_SIZE = "1024"
"""


@pytest.mark.long
@pytest.mark.usefixtures("no_orphans")
def test_cold_work_of_both_arms_is_found_and_is_in_no_overhead(invoke: Command, tmp_path: Path):
    """Whatever the order in which the sizes come."""
    write_recipe(tmp_path / "sleepy", predictor=PREDICTOR)
    (tmp_path / "my.toml").write_text(EXPERIMENT)
    arguments = "run", tmp_path / "my.toml", "--out", tmp_path / "out"
    done = invoke(*arguments)
    if "INVALID(clock)" in done.stderr:  # the machine's clock was set meanwhile
        shutil.rmtree(tmp_path / "out")  # a pair that is made again would add to what is cold
        done = invoke(*arguments)
    assert "FAILED" not in done.stderr  # runs of milliseconds beside other tests: their spread is no matter here
    folders = [tmp_path / "out" / f"round-{number}" / "sleepy" / "fastdeploy" for number in (1, 2)]
    tables = [pd.read_csv(folder / "cold.csv") for folder in folders]
    orders = [list(table[table["arm"] == "baseline"]["batch_size"]) for table in tables]
    assert orders == [[64, 1, 8], [64, 8, 1]]
    for table in tables:
        # The example itself is one input, so a server has met that size before its first request.
        new = table[table["batch_size"] > 1]
        assert (new["first_s"] - new["steady_s"] > 0.9 * SLEEP_S).all()
        assert sorted(new["arm"]) == ["baseline", "baseline", "served", "served"]
    table = pd.read_csv(tmp_path / "out" / "table.csv")
    large = table[table["batch_size"] > 1]
    assert (large[["baseline_cold_s", "served_cold_s"]].min() > 0.9 * SLEEP_S).all()
    assert large["overhead_s"].max() * 128 / 10_000 < SLEEP_S / 2
