"""An experiment is a loop over its pairs: in the planned order, one arm at a time, and failures do not end it."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

from servecost.bench import run as runner
from servecost.bench import store
from servecost.bench.arms.protocol import ArmFailed, Timed
from servecost.bench.processes.pauses import Use
from servecost.bench.progress import Display, Journal
from servecost.bench.results_folder import ResultsFolderError
from servecost.bench.run import Slicing
from servecost.bench.runs import UNFINISHED_SUFFIX, Kind, Part, Run
from servecost.core import csv_files, layout, recipe
from servecost.core.verdicts import VALID, Verdict
from tests.unit.bench.fakes import TOTAL_S, WORK_S, FakeArms, Step, experiment, of_kind, planned

KILLED = Verdict("server", "its loop process ended")
BOTH = {layout.BASELINE, layout.SERVED}
SLICING = Slicing(slice_s=1.0, seed=1)


@pytest.fixture
def arms(monkeypatch: pytest.MonkeyPatch) -> FakeArms:
    """Return arms that work by the bench's clock, which is the test's."""
    made = FakeArms()
    monkeypatch.setattr(runner, "time", made.clock)
    return made


def make(parts: list[Part], arms: FakeArms, out: Path, slicing: Slicing = SLICING) -> list[str]:
    """Make the pending pairs of these parts; return the failures."""
    missing = store.pending(parts)
    runs = [run for each in missing for run in each.runs]
    with Display(runs, Console(file=io.StringIO())) as display:
        journal = Journal(out, display)
        runner.make(missing, arms, slicing, journal)
    return [str(failure) for failure in journal.failures]


def again(arms: FakeArms) -> FakeArms:
    """Return arms that have done nothing yet, with the same clock."""
    return FakeArms(arms.clock)


def one_pair(out: Path, **changes: object) -> tuple[Part, Run]:
    """Return the one pair of a part."""
    part = planned(out, **{"batch_sizes": [8], "concurrencies": [4], **changes})[0]
    return part, part.runs[0]


def all_labels(parts: list[Part]) -> list[str]:
    """Return what the runs are called."""
    return [run.label for part in parts for run in part.runs]


def failure_of(run: Run) -> dict[str, str]:
    """Return what is kept of a run that failed."""
    return dict(json.loads((run.failed_place / layout.FAILURE_JSON).read_text()))


def test_pairs_are_made_in_the_order_of_the_plan(arms: FakeArms, tmp_path: Path):
    """Each part has arms of its own."""
    parts = planned(tmp_path)
    assert {part.kind for part in parts} == set(Kind)
    assert make(parts, arms, tmp_path) == []
    assert arms.labels("begin") == arms.labels("finish") == all_labels(parts)
    assert arms.parts == [f"{what} {part.folder}" for part in parts for what in ("begin", "end")]
    assert store.pending(parts) == []


@pytest.mark.parametrize("number", [1, 2])
def test_both_arms_are_warmed_before_either_begins_and_the_one_that_begins_is_warmed_last(
    arms: FakeArms, tmp_path: Path, number: int
):
    """Neither has rested for long when its clock starts."""
    part = of_kind(planned(tmp_path), Kind.PAIR)[number - 1]
    make([part], arms, tmp_path)
    for run in part.runs:
        methods = [step.method for step in arms.steps if step.run == run]
        assert methods[:4] == ["warm", "warm", "begin", "begin"]
        assert set(methods[4:-3]) == {"advance"}
        assert methods[-3:] == ["finish", "finish", "after"]
        first = SLICING.first(part, run)
        assert [step.arm for step in arms.of(run, "warm")][-1] == arms.of(run, "advance")[0].arm == first
        for method in ("warm", "begin", "finish"):
            assert {step.arm for step in arms.of(run, method)} == BOTH
    assert [step.method for step in arms.steps].count("ready") == 2 * len(part.runs)


def test_another_arm_begins_in_the_other_round_of_two_in_every_cell(tmp_path: Path):
    """So no cell has one arm begin more often than the other; which one it is in odd rounds, is by chance."""
    parts = planned(tmp_path, batch_sizes=[1, 8, 32, 64], concurrencies=[1, 4, 8], rounds=12)
    by_round: dict[tuple[str, int, int], dict[int, str]] = {}
    for part in [*of_kind(parts, Kind.PAIR), *of_kind(parts, Kind.SAME)]:
        for run in part.runs:
            cell = part.kind.value, run.batch_size, run.concurrency
            by_round.setdefault(cell, {})[part.round] = SLICING.first(part, run)
    assert len(by_round) == 4 * 3 + 1
    for firsts in by_round.values():
        assert all({firsts[number], firsts[number + 1]} == BOTH for number in range(1, 12, 2))
    odd = [firsts[number] for firsts in by_round.values() for number in range(1, 12, 2)]
    assert 0.3 < odd.count(layout.BASELINE) / len(odd) < 0.7


def test_another_arm_begins_in_the_next_pair_of_a_cell(tmp_path: Path):
    """So that orders balance within a round, too."""
    by_cell: dict[tuple[int, int], list[str]] = {}
    for part in of_kind(planned(tmp_path, rounds=1, pairs=4), Kind.PAIR):
        for run in part.runs:
            by_cell.setdefault((run.batch_size, run.concurrency), []).append(SLICING.first(part, run))
    for first in by_cell.values():
        assert {first.count(arm) for arm in BOTH} == {2}


def test_the_seed_decides_which_arm_begins_and_how_long_slices_are(tmp_path: Path):
    """The same seed gives the same slices again."""
    part, run = one_pair(tmp_path)
    expected_s = dict(WORK_S)

    def first_slice(seed: int) -> tuple[str, float]:
        return Slicing(1.0, seed).turns(part, run, expected_s).take()

    assert first_slice(1) == first_slice(1)
    assert len({first_slice(seed)[1] for seed in range(20)}) == 20
    assert {first_slice(seed)[0] for seed in range(20)} == BOTH


def test_arms_take_turns_and_come_to_their_end_together(arms: FakeArms, tmp_path: Path):
    """Each one's run is cut into slices, between which the other runs."""
    part, run = one_pair(tmp_path)
    make([part], arms, tmp_path)
    order = [step.arm for step in arms.of(run, "advance")]
    assert len(order) >= 2 * 6
    assert all(one != next_one for one, next_one in pairwise(order))
    rows = csv_files.rows(run.place / layout.SLICES_CSV)
    ends = {arm: max(int(row["end_ns"]) for row in rows if row["arm"] == arm) for arm in BOTH}
    assert abs(ends[layout.BASELINE] - ends[layout.SERVED]) / 1e9 <= 0.1 * sum(WORK_S.values())


def test_undivided_runs_are_made_one_after_the_other(arms: FakeArms, tmp_path: Path):
    """The arm that begins comes to its end first."""
    part, run = one_pair(tmp_path, slice_s=0)
    slicing = Slicing(0.0, seed=1)
    make([part], arms, tmp_path, slicing)
    first = slicing.first(part, run)
    assert [step.arm for step in arms.of(run, "advance")] == [first, *BOTH - {first}]


@pytest.mark.parametrize(("arm", "rule"), [(layout.BASELINE, "baseline"), (layout.SERVED, "server")])
@pytest.mark.parametrize("slice_s", [0.0, 1.0])
def test_a_run_that_does_not_end_is_given_up(arms: FakeArms, tmp_path: Path, arm: str, rule: str, slice_s: float):
    """Whether its arm is stopped meanwhile or not; an hour, and many times what was expected, are enough."""
    part, _ = one_pair(tmp_path, slice_s=slice_s)
    arms.guess_s, arms.work_s[arm] = dict(WORK_S), 10 * runner.RUN_LEAST_LIMIT_S
    begun_s = arms.clock.now_s
    (failure,) = make([part], arms, tmp_path, Slicing(slice_s, seed=1))
    assert f"INVALID({rule}): its run was not over after 3.6e+03 s; it was expected to take " in failure
    assert arms.clock.now_s - begun_s < 1.1 * runner.RUN_LEAST_LIMIT_S
    assert arms.times_given_up == 1


def test_a_run_without_a_baseline_is_undivided(arms: FakeArms, tmp_path: Path):
    """There is no arm to take turns with."""
    (part,) = of_kind(planned(tmp_path), Kind.LOAD)
    assert make([part], arms, tmp_path) == []
    for run in part.runs:
        assert [step.arm for step in arms.of(run, "advance")] == [layout.SERVED]


def test_an_arms_seconds_are_those_of_its_own_clock(arms: FakeArms, tmp_path: Path):
    """They are not the time that it was given, which has more in it."""
    part, run = one_pair(tmp_path)
    with arms(part) as pair:
        store.make_room(run)
        timed = runner.make_pair(pair, part, run, SLICING)
    assert {name: each.total_s for name, each in timed.items()} == TOTAL_S
    assert {name: each.verdict for name, each in timed.items()} == dict.fromkeys(TOTAL_S, VALID)
    given_s = {name: sum(each.end_ns - each.begin_ns for each in arm.use.slices) / 1e9 for name, arm in timed.items()}
    assert given_s == pytest.approx(WORK_S)


def test_when_each_arm_ran_is_kept_and_what_it_used_while_it_rested(arms: FakeArms, tmp_path: Path):
    """Slices are in the order of time, and none overlaps another."""
    arms.idle_cpu_s = {layout.SERVED: 0.02}
    part, run = one_pair(tmp_path)
    make([part], arms, tmp_path)
    rows = csv_files.rows(run.place / layout.SLICES_CSV)
    assert tuple(rows[0]) == layout.SLICES_COLUMNS
    edges = [int(row[column]) for row in rows for column in ("begin_ns", "end_ns")]
    assert edges == sorted(edges)
    for arm, work_s in WORK_S.items():
        own = [int(row["end_ns"]) - int(row["begin_ns"]) for row in rows if row["arm"] == arm]
        assert sum(own) / 1e9 == pytest.approx(work_s)
    idle = {row["arm"]: row for row in csv_files.rows(run.place / layout.IDLE_CSV)}
    assert idle.keys() == BOTH
    assert {arm: row["cpu_s"] for arm, row in idle.items()} == {layout.BASELINE: "0.0", layout.SERVED: "0.02"}
    assert all(float(row["rested_s"]) > 3 and row["memory_mib"] == "128.0" for row in idle.values())


@pytest.mark.parametrize("method", ["ready", "warm", "begin", "advance"])
@pytest.mark.parametrize("arm", sorted(BOTH))
def test_an_arm_that_fails_costs_its_pair_and_no_other(arms: FakeArms, tmp_path: Path, method: str, arm: str):
    """It is noted with its verdict, and made again later; the server, which may hold a run of it, is ended."""
    parts = of_kind(planned(tmp_path), Kind.PAIR)[:1]
    failing = parts[0].runs[1]

    def disturb(step: Step) -> None:
        readies = [each for each in arms.steps if (each.arm, each.method) == (arm, "ready")]
        is_due = len(readies) == 2 if method == "ready" else step.run is failing
        if (step.arm, step.method) == (arm, method) and is_due:
            raise ArmFailed(KILLED)

    arms.disturb = disturb
    assert make(parts, arms, tmp_path) == [f"{failing.label}: {KILLED}"]
    assert arms.times_given_up == 1
    assert arms.labels("finish") == [run.label for run in parts[0].runs if run is not failing]
    assert failure_of(failing) == {"rule": KILLED.rule, "reason": KILLED.reason}
    remade = again(arms)
    assert make(parts, remade, tmp_path) == []
    assert remade.labels("begin") == [failing.label]
    assert store.pending(parts) == []
    assert not list(tmp_path.rglob("*.failed"))


def test_separate_calls_that_fail_cost_their_pair(arms: FakeArms, tmp_path: Path):
    """Without them, nobody could say where its seconds go."""
    part, run = one_pair(tmp_path)

    def disturb(step: Step) -> None:
        if step.method == "after":
            raise ArmFailed(Verdict("baseline", "it ended"))

    arms.disturb = disturb
    assert len(make([part], arms, tmp_path)) == 1
    assert failure_of(run)["rule"] == "baseline"


@pytest.mark.parametrize("arm", sorted(BOTH))
def test_a_pair_of_which_one_arm_breaks_a_rule_is_kept_as_a_failure_with_its_files(
    arms: FakeArms, tmp_path: Path, arm: str
):
    """The files show why; the other pairs go on."""
    parts = of_kind(planned(tmp_path), Kind.PAIR)[:1]
    failing = parts[0].runs[0]
    arms.verdicts = {(failing.label, arm): Verdict("failures", "2 of 60 requests failed")}
    (failure,) = make(parts, arms, tmp_path)
    assert failure.startswith(f"{failing.label}: INVALID(failures): 2 of 60 requests failed. Remedy: ")
    assert failure_of(failing)["rule"] == "failures"
    kept = {path.name for path in failing.failed_place.iterdir()}
    assert {layout.LOCUST_RUN_JSON, layout.BASELINE_CSV, layout.SLICES_CSV, layout.IDLE_CSV} < kept
    assert not failing.place.exists()
    assert store.pending(parts) == [store.Pending(parts[0], [failing])]


def test_a_broken_rule_that_another_run_would_break_again_is_final(arms: FakeArms, tmp_path: Path):
    """The pair is a failure now, but it is not made again."""
    part, failing = one_pair(tmp_path)
    arms.verdicts = {(failing.label, layout.SERVED): Verdict("concurrency", "1 request for 4 users")}
    assert len(make([part], arms, tmp_path)) == 1
    assert failing.place.is_dir()
    assert store.pending([part]) == []


@pytest.mark.parametrize(("kind", "is_valid"), [(Kind.LOAD, True), (Kind.PAIR, False)])
def test_a_rule_is_tolerated_where_a_part_says_so(arms: FakeArms, tmp_path: Path, kind: Kind, is_valid: bool):
    """On the null system the client reaches its limit, which is its purpose."""
    part = of_kind(planned(tmp_path), kind)[0]
    arms.verdicts = {(part.runs[0].label, layout.SERVED): Verdict("client-cpu", "99%")}
    assert (make([part], arms, tmp_path) == []) is is_valid


@pytest.mark.parametrize("arm", sorted(BOTH))
def test_an_arm_that_works_while_the_other_is_timed_makes_the_pair_invalid(arms: FakeArms, tmp_path: Path, arm: str):
    """The other arm's seconds would hold some of its work."""
    part, run = one_pair(tmp_path)
    arms.idle_cpu_s = {arm: 2.0}
    (failure,) = make([part], arms, tmp_path)
    assert f"INVALID(not-idle): the {arm} arm used " in failure
    assert failure_of(run)["rule"] == "not-idle"


@pytest.mark.parametrize(
    ("used_s", "rested_s", "is_idle"), [(0, 10, True), (1.0, 10, True), (1.2, 10, False), (0.05, 0, True)]
)
def test_an_arm_rests_below_a_tenth_of_a_core(used_s: float, rested_s: float, is_idle: bool):
    """The verdict says how much it used; a few ticks of the kernel's clock are nothing."""
    verdict = runner.check_idle(layout.SERVED, Timed(0.5, use=Use(rested_s=rested_s, idle_cpu_s=used_s)))
    assert verdict.is_valid == is_idle
    said = "the served arm used 12% of a core while it was stopped and the other was timed"
    assert is_idle or verdict == Verdict("not-idle", said)


def test_complete_pairs_are_not_made_again(arms: FakeArms, tmp_path: Path):
    """A pair whose files were changed since counts as missing, both arms of it."""
    parts = planned(tmp_path)
    make(parts, arms, tmp_path)
    second = again(arms)
    make(parts, second, tmp_path)
    assert (second.steps, second.parts) == ([], [])
    damaged = parts[0].runs[1]
    (damaged.place / layout.BASELINE_CSV).write_text("cut sho")
    make(parts, second, tmp_path)
    assert second.labels("begin", layout.BASELINE) == second.labels("begin") == [damaged.label]
    assert store.pending(parts) == []


@pytest.mark.parametrize("method", ["warm", "begin", "advance", "finish", "after"])
@pytest.mark.parametrize("place", [0, 2])
def test_a_pair_that_was_interrupted_is_made_again_whole(arms: FakeArms, tmp_path: Path, place: int, method: str):
    """Both arms are of one sitting; complete pairs are kept, and the next command makes this one and the rest."""
    parts = of_kind(planned(tmp_path), Kind.PAIR)[:1]
    labels = all_labels(parts)

    def disturb(step: Step) -> None:
        steps = arms.of(parts[0].runs[place], method)
        if step in steps and (len(steps) == 3 or method in ("finish", "after", "begin", "warm")):
            raise KeyboardInterrupt

    arms.disturb = disturb
    with pytest.raises(KeyboardInterrupt):
        make(parts, arms, tmp_path)
    remade = again(arms)
    assert make(parts, remade, tmp_path) == []
    assert remade.labels("begin", layout.BASELINE) == remade.labels("begin") == labels[place:]
    assert store.pending(parts) == []
    assert not list(tmp_path.rglob(f"*{UNFINISHED_SUFFIX}"))
    for run in parts[0].runs:
        assert len(csv_files.rows(run.place / layout.BASELINE_CSV)) == 1


def test_the_wall_time_of_each_step_is_kept(arms: FakeArms, tmp_path: Path):
    """What both arms' clocks show stands beside it."""
    parts = planned(tmp_path)
    make(parts, arms, tmp_path)
    rows = csv_files.rows(tmp_path / layout.WALL_CSV)
    timed = {row["step"]: float(row["timed_s"]) for row in rows}
    assert [row["step"] for row in rows if row["step"] in all_labels(parts)] == all_labels(parts)
    assert timed[parts[0].runs[0].label] == sum(TOTAL_S.values())
    assert all(float(row["wall_s"]) >= 0 for row in rows)


@pytest.fixture
def out(arms: FakeArms, installed: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a results folder for an experiment whose arms are fake."""
    monkeypatch.setattr(runner, "ArmsFactory", lambda *_: arms)
    return tmp_path / "out"


def test_an_experiment_is_planned_claimed_and_made(arms: FakeArms, out: Path, capsys: pytest.CaptureFixture[str]):
    """A second command finds every pair there, and another experiment is refused."""
    recipes = [recipe.load("echo")]
    assert runner.run(experiment(), recipes, out) == ([], False)
    assert {layout.PLAN_CSV, layout.WALL_CSV, layout.EXPERIMENT_JSON} < {path.name for path in out.iterdir()}
    made = len(arms.steps)
    capsys.readouterr()
    assert runner.run(experiment(), recipes, out) == ([], False)
    assert len(arms.steps) == made
    said = "to measure anew, remove it or choose another with --out"
    assert capsys.readouterr().out == f"every pair is in {out} already; {said}\n"
    with pytest.raises(ResultsFolderError, match=r"different experiment \(examples differ\)"):
        runner.run(experiment(examples=61), recipes, out)
