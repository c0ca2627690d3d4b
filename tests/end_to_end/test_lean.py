"""The load generator takes little: its memory stays what it is, however long a run, however large a payload."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from servecost.bench.arms.server import serving
from servecost.bench.processes.process import free_port
from servecost.core import answers, recipe, systems
from servecost.core.recipe import ROOT
from tests.support import rows, write_recipe

MIB = 2**20
COUNTS = "def predictor(inputs, batch_size=1):\n    return [len(given) for given in inputs]\n"


def memory_of(host: str, folder: Path, expected: Path, tmp_path: Path, *options: object) -> list[int]:
    """Return the resident memory of a Locust from its release to its end, in bytes, some readings a second."""
    command = [sys.executable, "-m", "locust", "-f", "locustfiles/generic.py", "--headless", "--only-summary"]
    command += map(str, ["--host", host, "--csv", tmp_path / "out", *options])
    variables = {**os.environ, "RECIPE": str(folder), "EXPECTED_ANSWERS": str(expected)}
    server_before = connections_of(host)
    readings = []
    with subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.DEVNULL) as started:
        process = psutil.Process(started.pid)
        while started.poll() is None:
            if connections_of(host) > server_before:
                readings.append(process.memory_info().rss)
            time.sleep(0.02)
    return readings


def connections_of(host: str) -> int:
    """Return how many connections a server has."""
    port = int(host.rpartition(":")[2])
    return sum(
        found.laddr.port == port and found.status == psutil.CONN_ESTABLISHED for found in psutil.net_connections("tcp")
    )


def null_server(folder: Path, expected: list[object], logs: Path):
    return serving(recipe.load(str(folder)), systems.load("null"), lambda: expected, free_port(), 480, {}, logs)


def test_memory_stays_flat_over_a_long_run(tmp_path: Path):
    """What is kept of a request is 40 bytes; nothing else grows."""
    folder, expected, requests = write_recipe(tmp_path / "short"), tmp_path / "expected.json", 100_000
    answers.write(expected, ["a"])
    with null_server(folder, ["a"], tmp_path) as server:
        used = memory_of(server.address, folder, expected, tmp_path, "-u", 8, "--examples", requests)
    assert len(rows(tmp_path / "out_requests.csv")) == requests
    early, late = used[len(used) // 4], used[-len(used) // 4]
    assert late - early < 40 * requests + 4 * MIB


@pytest.mark.parametrize("users", [1, 16])
def test_a_large_payload_is_there_once(tmp_path: Path, users: int):
    """However many users send it: it is neither copied nor encoded anew for a request."""
    size, batch_size = 100_000, 512
    example = f"import random\nexample = [random.Random(1).randbytes({size})]\n"
    folder, expected = write_recipe(tmp_path / "large", example, COUNTS), tmp_path / "expected.json"
    answers.write(expected, [size])
    with null_server(folder, [size], tmp_path) as server:
        options = "--batch-size", batch_size, "--examples", 100 * batch_size, "-u", users
        used = memory_of(server.address, folder, expected, tmp_path, *options)
    assert len(rows(tmp_path / "out_requests.csv")) == 100
    assert max(used) - used[0] < size * batch_size / 2
