"""The load generator takes little: its memory stays what it is, however long a run, however large a payload."""

import time
from contextlib import suppress
from pathlib import Path

import psutil

from servecost.core import answers, recipe
from tests.support import rows, served_by, start_locust, write_recipe

MIB = 2**20
COUNTS = "def predictor(inputs, batch_size=1):\n    return [len(given) for given in inputs]\n"


def memory_of(host: str, folder: Path, expected: Path, tmp_path: Path, *options: object) -> list[int]:
    """Return the resident memory of a Locust from its release to its end, in bytes, some readings a second."""
    readings: list[int] = []
    port = int(host.rpartition(":")[2])
    headless = "--headless", "--only-summary", "--host", host, "--csv", tmp_path / "out"
    started = start_locust(*headless, *options, RECIPE=str(folder), EXPECTED_ANSWERS=str(expected))
    process = psutil.Process(started.pid)
    while started.poll() is None:
        with suppress(psutil.Error):  # it ends meanwhile
            if is_connected(process, port):
                readings.append(process.memory_info().rss)
        time.sleep(0.02)
    return readings


def is_connected(process: psutil.Process, port: int) -> bool:
    """Say whether a process has a connection to that port."""
    return any(found.raddr and found.raddr.port == port for found in process.net_connections("tcp"))


def test_memory_stays_flat_over_a_long_run(tmp_path: Path):
    """What is kept of a request is 40 bytes; nothing else grows."""
    folder, expected, requests = write_recipe(tmp_path / "short"), tmp_path / "expected.json", 40_000
    answers.write(expected, ["a"])
    with served_by("null", recipe.load(folder), logs=tmp_path) as server:
        used = memory_of(server.address, folder, expected, tmp_path, "-u", 8, "--examples", requests)
    assert len(rows(tmp_path / "out_requests.csv")) == requests
    early, late = used[len(used) // 4], used[-len(used) // 4]
    assert late - early < 40 * requests + 4 * MIB


def test_a_large_payload_is_there_once(tmp_path: Path):
    """However many users send it: it is neither copied nor encoded anew for a request."""
    size, batch_size = 100_000, 512
    example = f"import random\nexample = [random.Random(1).randbytes({size})]\n"
    folder, expected = write_recipe(tmp_path / "large", example, COUNTS), tmp_path / "expected.json"
    answers.write(expected, [size])
    with served_by("null", recipe.load(folder), [size], logs=tmp_path) as server:
        options = "--batch-size", batch_size, "--examples", 40 * batch_size, "-u", 16
        used = memory_of(server.address, folder, expected, tmp_path, *options)
    assert len(rows(tmp_path / "out_requests.csv")) == 40
    assert max(used) - used[0] < size * batch_size / 2
