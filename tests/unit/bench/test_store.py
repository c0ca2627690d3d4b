"""A results folder holds complete runs in their places, and failed or unfinished ones beside them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from servecost.bench import store
from servecost.bench.arms.protocol import DirectCall, Timed
from servecost.bench.runs import Kind, Part, Run
from servecost.core import call_log, csv_files, layout
from servecost.core.verdicts import Verdict
from tests.unit.bench.fakes import planned, write_run

FAILED = Verdict("failures", "2 of 60 requests failed")
LASTING = Verdict("concurrency", "1 request for 4 users")


@pytest.fixture
def part(tmp_path: Path) -> Part:
    """Return a part of which nothing is made."""
    return planned(tmp_path, rounds=1)[0]


def of_kind(part: Part, kind: Kind) -> list[Run]:
    return [run for run in part.runs if run.kind is kind]


def complete(part: Part, *runs: Run) -> None:
    """Make runs of a part as an experiment does."""
    for run in runs:
        store.make_room(run)
        if run.kind is Kind.SERVED:
            write_run(store.unfinished_folder(run), run)
        if run.kind is Kind.CALLS:
            wanted = store.untimed_calls(part)
            calls = [DirectCall(size, inputs, 0.001) for size, sizes in wanted.items() for inputs in sizes]
            store.keep(part, run, Timed(0.001, calls=tuple(calls)))
        else:
            store.keep(part, run, Timed(0.5, elapsed_s=0.75, idle_cpu_s=0.01))


def write_calls(run: Run, calls: list[tuple[int, int]]) -> None:
    """Have a run's server make calls of these inputs and batch sizes."""
    run.place.mkdir(parents=True, exist_ok=True)
    rows = [(0, 1, inputs, batch_size) for inputs, batch_size in calls]
    csv_files.write_table(run.place / layout.CALLS_CSV, call_log.COLUMNS, rows)


def test_everything_of_a_new_folder_is_pending_in_its_order(part: Part):
    """The separate calls come last."""
    assert store.pending([part]) == [store.Pending(part, [*part.runs, part.calls_run])]


def test_a_complete_part_is_left_out(part: Part):
    """Nothing is started for it."""
    complete(part, *part.runs, part.calls_run)
    assert store.pending([part]) == []


@pytest.mark.parametrize("place", range(6))
def test_one_run_that_is_missing_is_made_with_the_separate_calls(part: Part, place: int):
    """Calls of new sizes may come with it."""
    complete(part, *(run for at, run in enumerate(part.runs) if at != place), part.calls_run)
    assert store.pending([part]) == [store.Pending(part, [part.runs[place], part.calls_run])]


def test_separate_calls_that_are_missing_are_made_alone(part: Part):
    """The runs themselves are complete."""
    complete(part, *part.runs)
    assert store.pending([part]) == [store.Pending(part, [part.calls_run])]


def test_a_part_without_a_direct_arm_has_no_separate_calls(tmp_path: Path):
    """There is no baseline process that could make them."""
    instrument = planned(tmp_path)[1]
    assert store.pending([instrument]) == [store.Pending(instrument, list(instrument.runs))]
    complete(instrument, *instrument.runs)
    assert store.pending([instrument]) == []


def test_a_baseline_run_is_complete_once_its_row_is_whole(part: Part):
    """A row that was cut short may be of another batch size."""
    run = next(run for run in of_kind(part, Kind.BASELINE) if run.batch_size == 8)
    complete(part, run)
    assert store.is_complete(part, run)
    text = part.baseline_csv.read_text()
    part.baseline_csv.write_text(text.rstrip()[:-2])
    assert not store.is_complete(part, run)


@pytest.mark.parametrize("name", [layout.MANIFEST_JSON, *layout.REQUIRED_RUN_FILES])
def test_a_served_run_is_complete_with_every_file_that_it_needs(part: Part, name: str):
    """A file that is missing or was changed makes the run missing."""
    run = part.served[0]
    complete(part, run)
    assert store.is_complete(part, run)
    content = (run.place / name).read_bytes()
    (run.place / name).write_bytes(content[:-3])
    assert not store.is_complete(part, run)
    (run.place / name).unlink()
    assert not store.is_complete(part, run)


def test_the_direct_arms_seconds_and_the_servers_idleness_are_kept(part: Part):
    """Numbers are kept unrounded, in the formats of the baseline scripts."""
    run = of_kind(part, Kind.BASELINE)[0]
    store.keep(part, run, Timed(0.1 + 0.2, elapsed_s=0.75, idle_cpu_s=0.01))
    assert csv_files.rows(part.baseline_csv) == [
        {
            "recipe": "echo",
            "batch_size": str(run.batch_size),
            "run": "1",
            "examples": "60",
            "total_s": "0.30000000000000004",
        }
    ]
    assert csv_files.rows(part.folder / layout.IDLE_CSV) == [
        {"batch_size": str(run.batch_size), "elapsed_s": "0.75", "server_cpu_s": "0.01"}
    ]


def test_separate_calls_are_kept_each(part: Part):
    """Calls of a run that failed are none."""
    store.keep(part, part.calls_run, Timed(0.0, Verdict("baseline", "ended")))
    assert not part.direct_calls_csv.exists()
    store.keep(part, part.calls_run, Timed(0.3, calls=(DirectCall(8, 3, 0.1), DirectCall(8, 3, 0.2))))
    rows = csv_files.rows(part.direct_calls_csv)
    assert tuple(rows[0]) == layout.DIRECT_CALLS_COLUMNS
    assert [(row["inputs"], row["batch_size"], row["call_s"]) for row in rows] == [("3", "8", "0.1"), ("3", "8", "0.2")]


def test_a_baseline_run_that_failed_leaves_its_reason_and_no_row(part: Part):
    """The reason goes when the run is made again."""
    run = of_kind(part, Kind.BASELINE)[0]
    store.keep(part, run, Timed(0.5, Verdict("server-not-idle", "the server used 50% of a core")))
    path = part.folder / layout.BASELINE_FAILURE_JSON.format(run.batch_size)
    assert json.loads(path.read_text()) == {"rule": "server-not-idle", "reason": "the server used 50% of a core"}
    assert not part.baseline_csv.exists()
    complete(part, run)
    assert not path.exists()


def test_a_served_run_is_renamed_when_it_is_whole(part: Part):
    """Until then, its files are in a folder that nobody takes for a run."""
    run = part.served[0]
    write_run(store.unfinished_folder(run), run)
    assert not store.is_complete(part, run)
    store.keep(part, run, Timed(0.5))
    assert store.is_complete(part, run)
    assert [path.name for path in part.folder.iterdir()] == [run.place.name]


def test_a_failed_served_run_is_kept_aside_until_it_is_made_again(part: Part):
    """Its files and its reason stand together."""
    run = part.served[0]
    write_run(store.unfinished_folder(run), run)
    store.keep(part, run, Timed(0.5, FAILED))
    failed = store.failed_folder(run)
    assert [path.name for path in part.folder.iterdir()] == [failed.name]
    assert json.loads((failed / layout.FAILURE_JSON).read_text())["rule"] == "failures"
    assert (failed / layout.LOCUST_RUN_JSON).is_file()
    complete(part, run)
    assert [path.name for path in part.folder.iterdir()] == [run.place.name]


def test_a_served_run_that_never_began_leaves_its_reason_alone(part: Part):
    """There are no files where the server could not be started."""
    run = part.served[0]
    store.keep(part, run, Timed(0.0, Verdict("server", "its loop process ended")))
    assert [path.name for path in store.failed_folder(run).iterdir()] == [layout.FAILURE_JSON]


def test_a_broken_rule_that_lasts_takes_the_runs_place(part: Part):
    """Its verdict is in its manifest, and an earlier failure of the same run goes."""
    run = part.served[0]
    write_run(store.failed_folder(run), run)
    write_run(store.unfinished_folder(run), run)
    store.keep(part, run, Timed(0.5, LASTING))
    assert [path.name for path in part.folder.iterdir()] == [run.place.name]
    assert store.final_folder(run, LASTING) == run.place
    assert store.final_folder(run, FAILED) == store.failed_folder(run)


def test_a_damaged_run_is_kept_aside_until_it_is_made_again(part: Part):
    """What is left of an attempt that was interrupted goes at once."""
    run = part.served[0]
    complete(part, run)
    write_run(store.unfinished_folder(run), run)
    store.make_room(run)
    assert [path.name for path in part.folder.iterdir()] == [store.failed_folder(run).name]
    store.make_room(run)
    assert list(part.folder.iterdir()) == []


def test_room_for_a_baseline_run_leaves_the_other_runs(part: Part):
    """It has no folder of its own."""
    complete(part, *part.runs)
    before = sorted(part.folder.rglob("*"))
    store.make_room(of_kind(part, Kind.BASELINE)[0])
    assert sorted(part.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("sizes", "timed"),
    [
        ({3}, [3]),
        ({1, 5, 64}, [1, 5, 64]),
        (set(range(3, 21)), [3, 4, 8, 16, 20]),
        (set(range(1, 257)), [1, 2, 4, 8, 16, 32, 64, 128, 256]),
    ],
)
def test_few_sizes_of_calls_are_timed_each_and_many_at_powers_of_two(sizes: set[int], timed: list[int]):
    """The least and the most always are, so that none has to be guessed beyond them."""
    assert store.grid(sizes) == timed


def test_the_calls_to_be_timed_are_those_that_the_server_made(part: Part):
    """Each size is timed once for each batch size that the predictor was given; timed calls are left out."""
    one, two, *_ = part.served
    write_calls(one, [(3, 8), (8, 8), (3, 8)])
    write_calls(two, [(3, 8), (1, 1)])
    assert store.untimed_calls(part) == {8: [3, 8], 1: [1]}
    store.keep(part, part.calls_run, Timed(0.2, calls=(DirectCall(8, 3, 0.1), DirectCall(1, 1, 0.1))))
    assert store.untimed_calls(part) == {8: [8]}
    shutil.rmtree(one.place)
    assert store.untimed_calls(part) == {}
