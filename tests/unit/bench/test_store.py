"""A results folder holds complete pairs in their places, and failed or unfinished ones beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from servecost.bench import store
from servecost.bench.runs import Kind, Part, Run
from servecost.core import layout
from servecost.core.verdicts import VALID, Verdict
from tests.unit.bench.fakes import of_kind, planned, write_pair

FAILED = Verdict("failures", "2 of 60 requests failed")
LASTING = Verdict("concurrency", "1 request for 4 users")
FILES = [(kind, name) for kind in Kind for name in (layout.MANIFEST_JSON, *kind.required_files)]


@pytest.fixture
def part(tmp_path: Path) -> Part:
    """Return a part of which nothing is made."""
    return planned(tmp_path)[0]


@pytest.fixture
def run(part: Part) -> Run:
    """Return its first pair."""
    return part.runs[0]


def complete(*runs: Run) -> None:
    """Make runs as an experiment does."""
    for run in runs:
        write_pair(store.make_room(run), run)
        store.keep(run, VALID)


def names_in(part: Part) -> list[str]:
    return [path.name for path in part.folder.iterdir()]


def test_everything_of_a_new_folder_is_pending_in_its_order(tmp_path: Path):
    """Nothing is left out."""
    parts = planned(tmp_path)
    assert store.pending(parts) == [store.Pending(part, list(part.runs)) for part in parts]


def test_a_complete_part_is_left_out(part: Part):
    """Nothing is started for it."""
    complete(*part.runs)
    assert store.pending([part]) == []


@pytest.mark.parametrize("place", range(4))
def test_one_pair_that_is_missing_is_made_alone(part: Part, place: int):
    """The others keep their arms' numbers, which were made beside each other."""
    complete(*(run for at, run in enumerate(part.runs) if at != place))
    assert store.pending([part]) == [store.Pending(part, [part.runs[place]])]


def test_what_has_failed_before_is_tried_last(part: Part):
    """It may take the process of its part with it."""
    store.make_room(part.runs[0])
    store.keep(part.runs[0], FAILED)
    ((_, runs),) = store.pending([part])
    assert runs == [*part.runs[1:], part.runs[0]]


@pytest.mark.parametrize(("kind", "name"), FILES, ids=[f"{kind.value}-{name}" for kind, name in FILES])
def test_a_run_is_complete_with_every_file_that_it_needs(tmp_path: Path, kind: Kind, name: str):
    """A file that is missing or was changed makes the run missing, whichever arm's it is."""
    run = of_kind(planned(tmp_path), kind)[0].runs[0]
    complete(run)
    assert store.is_complete(run)
    content = (run.place / name).read_bytes()
    (run.place / name).write_bytes(content[:-3])
    assert not store.is_complete(run)
    (run.place / name).unlink()
    assert not store.is_complete(run)


def test_a_run_is_renamed_when_it_is_whole(part: Part, run: Run):
    """Until then, its files are in a folder that nobody takes for a run."""
    write_pair(store.make_room(run), run)
    assert not store.is_complete(run)
    store.keep(run, VALID)
    assert store.is_complete(run)
    assert names_in(part) == [run.place.name]


def test_a_failed_pair_is_kept_aside_until_it_is_made_again(part: Part, run: Run):
    """Its files and its reason stand together."""
    write_pair(store.make_room(run), run)
    store.keep(run, FAILED)
    failed = run.failed_place
    assert names_in(part) == [failed.name]
    assert json.loads((failed / layout.FAILURE_JSON).read_text()) == {"rule": "failures", "reason": FAILED.reason}
    assert {layout.LOCUST_RUN_JSON, layout.BASELINE_CSV} < {path.name for path in failed.iterdir()}
    complete(run)
    assert names_in(part) == [run.place.name]


def test_a_pair_that_never_began_leaves_its_reason_alone(run: Run):
    """There are no files where the server could not be started."""
    store.make_room(run)
    store.keep(run, Verdict("server", "its loop process ended"))
    assert [path.name for path in run.failed_place.iterdir()] == [layout.FAILURE_JSON]


def test_a_pair_that_fails_again_leaves_the_later_reason(part: Part, run: Run):
    """What is left of the failure before goes."""
    for verdict in (FAILED, Verdict("server", "its loop process ended")):
        store.make_room(run)
        store.keep(run, verdict)
    assert names_in(part) == [run.failed_place.name]
    assert json.loads((run.failed_place / layout.FAILURE_JSON).read_text())["rule"] == "server"


def test_a_broken_rule_that_lasts_takes_the_pairs_place(part: Part, run: Run):
    """Its verdict is in its manifest, and an earlier failure of the same pair goes."""
    write_pair(run.failed_place, run)
    write_pair(run.unfinished_place, run)
    store.keep(run, LASTING)
    assert names_in(part) == [run.place.name]
    assert run.place_for(LASTING) == run.place
    assert run.place_for(FAILED) == run.failed_place


def test_a_damaged_pair_is_kept_aside_until_it_is_made_again(part: Part, run: Run):
    """What is left of an attempt that was interrupted goes at once."""
    complete(run)
    write_pair(run.unfinished_place, run)
    assert list(store.make_room(run).iterdir()) == []
    assert set(names_in(part)) == {run.failed_place.name, run.unfinished_place.name}
    store.make_room(run)
    assert names_in(part) == [run.unfinished_place.name]


def test_room_for_a_pair_leaves_the_others(part: Part, run: Run):
    """Each has a folder of its own."""
    complete(*part.runs[1:])
    before = sorted(part.folder.rglob("*"))
    folder = store.make_room(run)
    assert sorted(part.folder.rglob("*")) == sorted([*before, folder])
