"""What a system chose at its first start holds for all others."""

import json
from pathlib import Path

import pytest

from servecost.bench import held
from servecost.core import layout, systems

FASTDEPLOY = systems.load("fastdeploy")


def keep(results: Path, place: str, **facts: float) -> None:
    folder = results / place
    folder.mkdir(parents=True)
    (folder / layout.MANIFEST_JSON).write_text(json.dumps({"server": facts}))


@pytest.mark.parametrize(("chosen", "setting"), [(2, "2"), (64.0, "64"), (1048576, "1048576")])
def test_a_choice_becomes_a_setting(tmp_path: Path, chosen: float, setting: str):
    """As the system takes it. What it measured is none."""
    keep(tmp_path, "round-1/echo/fastdeploy/b8-c1", optimal_batch_size=chosen, time_per_example_s=0.1)
    assert held.settings(tmp_path, "echo", FASTDEPLOY) == {"OPTIMAL_BATCH_SIZE": setting}


def test_before_the_first_pair_nothing_is_held(tmp_path: Path):
    """Nor is what was chosen with another recipe, or by a variant, or where no server said anything."""
    assert held.settings(tmp_path, "echo", FASTDEPLOY) == {}
    keep(tmp_path, "round-1/other/fastdeploy/b8-c1", optimal_batch_size=2)
    keep(tmp_path, "round-1/echo/fastdeploy+batch/b8-c1", optimal_batch_size=32)
    keep(tmp_path, "round-1/echo/fastdeploy/b8-c1")
    keep(tmp_path, "round-1/echo/fastdeploy/b1-c1")
    (tmp_path / "round-1/echo/fastdeploy/b1-c1" / layout.MANIFEST_JSON).write_text("{")  # cut short
    assert held.settings(tmp_path, "echo", FASTDEPLOY) == {}


def test_a_system_that_chooses_nothing_is_held_to_nothing(tmp_path: Path):
    """Whatever it says of itself."""
    keep(tmp_path, "round-1/echo/litserve/b8-c1", optimal_batch_size=2)
    assert held.settings(tmp_path, "echo", systems.load("litserve")) == {}
