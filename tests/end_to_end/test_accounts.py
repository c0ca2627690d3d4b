"""The accounts of distributed runs that are very short, and of one that is longer than the server's memory."""

import random
from math import ceil

import pytest

from servecost.bench.arms.server import Server
from servecost.core import recipe
from tests.end_to_end.accounts import assert_accounts_agree, processes
from tests.support import Command, assert_ends_as, rows, rule_for, served_by, write_recipe

SHORT_RUNS = 4


def test_the_accounts_agree_in_every_one_of_many_short_runs(locust: Command, echo_server: Server, tmp_path):
    """Locust alone loses the last second of a short run, in the CSV and between worker and master."""
    for number in range(SHORT_RUNS):
        seeded = random.Random(number)
        users, batch_size, examples = seeded.randint(1, 12), seeded.randint(1, 9), seeded.randint(1, 400)
        prefix = tmp_path / f"run-{number}"
        load = "-u", users, "--batch-size", batch_size, "--examples", examples, "--csv", prefix
        done = locust("echo", echo_server.address, *processes(2 + number % 2), *load)
        assert_ends_as(done, rule_for(ceil(examples / batch_size), users))
        assert_accounts_agree(prefix, users, batch_size, examples)


@pytest.mark.long
def test_a_run_longer_than_the_server_s_memory_is_checked_by_its_last_half_minute(locust: Command, tmp_path):
    """FastDeploy forgets a request some 40 s after its answer."""
    slow = "import time\ndef predictor(inputs, batch_size=1):\n    time.sleep(0.5)\n    return list(inputs)\n"
    chosen = recipe.load(write_recipe(tmp_path / "slow", predictor=slow))
    with served_by("fastdeploy", chosen, logs=tmp_path) as server:
        options = *processes(2), "-u", 2, "--examples", 160, "--csv", tmp_path / "out"
        done = locust(chosen.folder, server.address, *options)
    assert_ends_as(done)
    total = rows(tmp_path / "out_ledger.csv")[-1]
    assert float(total["span_s"]) > 38
    least, seen, most = (int(total[column]) for column in ("server_seen_least", "server_seen", "server_seen_most"))
    assert 0 < least <= seen <= most < 160
    assert most - least <= 4  # the requests in flight half a minute ago
