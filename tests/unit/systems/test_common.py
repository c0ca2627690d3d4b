"""What several systems share: the V2 protocol, forms, counters."""

from __future__ import annotations

import sys

import pytest

from servecost.core import systems
from servecost.core.system import BadAnswer

METRICS = """# TYPE mosec_service_throughput_total counter
mosec_service_throughput_total{code="200",endpoint="/predict"} 41
mosec_service_throughput_total{code="500",endpoint="/predict"} 1.0
mosec_service_throughput_total{code="200",endpoint="/metrics"} 7
mosec_service_throughput_total_other{code="200",endpoint="/predict"} 9
"""


def test_requests_of_any_outcome_are_counted():
    """Those of another path are not; a page without the counter has no count."""
    count = systems.load("mosec").request_count
    assert count is not None
    assert (count.read(METRICS), count.read("# nothing yet")) == (42, None)
    assert count.remembered_s is None


@pytest.mark.parametrize("files", [[b"abc"], [b"", b"\r\n--x\r\n", b"--"], [bytes(range(256))] * 3])
def test_a_form_has_a_part_for_each_file(files: list[bytes]):
    """Whatever is in them; the same files make the same bytes."""
    wire = systems.load("bentoml").wire("msgpack")
    body = wire.body(files)
    assert wire.inputs(body.content) == files
    assert body == wire.body(files)
    boundary = body.content_type.partition("boundary=")[2].encode()
    assert body.content.count(b"--" + boundary) == len(files) + 1


@pytest.mark.parametrize(
    "answer",
    [
        b'{"outputs": []}',
        b'{"outputs": [{"name": "other", "data": []}]}',
        b'{"outputs": [{"name": "predictions", "data": ["{"]}]}',
        b'{"outputs": [{"name": "predictions"}]}',
        b'{"outputs": 1}',
    ],
)
def test_an_answer_without_the_tensor_is_no_answer(answer: bytes):
    """One line says what it is instead."""
    for name in ("mlserver", "pytriton"):
        with pytest.raises(BadAnswer) as refused:
            systems.load(name).wire("json").predictions(200, answer, "id")
        assert "\n" not in str(refused.value)


def test_batching_has_the_same_limit_and_window_wherever_both_can_be_set():
    """Else rows could not be compared."""
    common = sys.modules["systems._common.batching"]
    for name in systems.available():
        system = systems.load(name)
        if system.variant == "batch" and "BATCH_WINDOW_MS" in system.settings:
            assert {key: system.settings[key] for key in common.OFF} == {"MAX_BATCH_SIZE": "32", "BATCH_WINDOW_MS": "5"}
        elif "BATCH_WINDOW_MS" in system.settings:
            assert {key: system.settings[key] for key in common.OFF} == common.OFF


@pytest.mark.parametrize("name", [name for name in systems.available() if "+" not in name])
def test_every_setting_is_public(name: str):
    """The page in the folder names it, or system.py says beside it what it is."""
    folder = systems.folder_of(name)
    if not (folder / "README.md").exists():
        assert name in ("null", "delay")
        return
    lines = (folder / "README.md").read_text().splitlines()
    assert 8 <= len(lines) <= 25
    assert lines[0].startswith("# ")
