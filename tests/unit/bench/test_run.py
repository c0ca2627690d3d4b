"""An experiment is a loop over its runs: in the planned order, one arm at a time, and failures do not end it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from servecost.bench import run as runner
from servecost.bench import store
from servecost.bench.arms.protocol import ArmFailed
from servecost.bench.progress import Display, Journal
from servecost.bench.results_folder import ResultsFolderError
from servecost.bench.runs import Kind, Part, Run
from servecost.core import csv_files, layout, recipe
from servecost.core.verdicts import VALID, Verdict
from tests.unit.bench.fakes import FakeArms, Step, experiment, planned

KILLED = Verdict("server", "its loop process ended")


def make(parts: list[Part], arms: FakeArms, out: Path) -> list[str]:
    """Make the pending runs of these parts; return the failures."""
    missing = store.pending(parts)
    runs = [run for each in missing for run in each.runs]
    with Display(runs, Console(file=io.StringIO())) as display:
        journal = Journal(out, display)
        runner.make(missing, arms, journal)
    return journal.failures


def all_labels(parts: list[Part]) -> list[str]:
    """Return what the runs are called, separate calls included."""
    return [run.label for part in parts for run in [*part.runs, *([part.calls_run] if part.has_direct_arm else [])]]


def run_of(parts: list[Part], kind: Kind, place: int = 0) -> Run:
    """Return a run of a kind, by its place among those of the first part."""
    return [run for run in parts[0].runs if run.kind is kind][place]


def test_runs_are_made_in_the_order_of_the_plan(tmp_path: Path):
    """Each part has arms of its own, and its separate calls come last."""
    parts, arms = planned(tmp_path), FakeArms()
    assert make(parts, arms, tmp_path) == []
    assert arms.labels("begin") == arms.labels("finish") == all_labels(parts)
    assert arms.parts == [f"{what} {part.folder}" for part in parts for what in ("begin", "end")]
    assert store.pending(parts) == []


def test_the_other_arm_is_ready_and_at_rest_before_a_run(tmp_path: Path):
    """Both are ready before the run begins, and only its own arm works until the run is over."""
    parts, arms = planned(tmp_path, rounds=1), FakeArms()
    make(parts[:1], arms, tmp_path)
    by_run = len(parts[0].runs) + 1
    assert len(arms.steps) == by_run * (2 + 1 + arms.advances + 1)
    while arms.steps:
        first, second, *own = [arms.steps.pop(0) for _ in range(2 + 1 + arms.advances + 1)]
        assert (first.method, second.method) == ("ready", "ready")
        assert {first.arm, second.arm} == {"direct", "served"}
        assert [step.method for step in own] == ["begin", *["advance"] * arms.advances, "finish"]
        assert {step.arm for step in own} == {second.arm}
        assert own[0].run is not None
        assert (second.arm == "served") == (own[0].run.kind is Kind.SERVED)


@pytest.mark.parametrize("advances", [1, 2, 7])
def test_an_arm_advances_until_its_run_has_ended(tmp_path: Path, advances: int):
    """However often it says that there is more to do."""
    parts, arms = planned(tmp_path, rounds=1), FakeArms(advances=advances)
    make(parts, arms, tmp_path)
    first = run_of(parts, Kind.BASELINE).label
    assert arms.labels("advance").count(first) == advances


def test_what_a_run_amounts_to_has_the_time_that_its_arm_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """And the CPU seconds that the resting arm used meanwhile."""
    parts, arms = planned(tmp_path), FakeArms(cpu_s_of_rest=0.25)
    readings = iter([10.0, 90.0])
    monkeypatch.setattr("servecost.bench.run.time", SimpleNamespace(monotonic=lambda: next(readings)))
    with arms(parts[0]) as pair:
        timed = runner.time_run(pair, run_of(parts, Kind.BASELINE))
    assert (timed.total_s, timed.elapsed_s, timed.idle_cpu_s, timed.verdict) == (0.5, 80.0, 0.75, VALID)


@pytest.mark.parametrize("method", ["ready", "begin", "advance"])
@pytest.mark.parametrize(("kind", "arm"), [(Kind.BASELINE, "direct"), (Kind.SERVED, "served")])
def test_an_arm_that_fails_costs_its_run_and_no_other(tmp_path: Path, method: str, kind: Kind, arm: str):
    """The run is noted with its verdict, in the journal and where the report looks; the next command makes it again."""
    parts = planned(tmp_path, rounds=1)
    failing = run_of(parts, kind)
    place = parts[0].runs.index(failing) + 1  # each run makes each arm ready once

    def disturb(step: Step) -> None:
        readies = [each for each in arms.steps if (each.arm, each.method) == (arm, "ready")]
        is_due = step.run is failing if method != "ready" else len(readies) == place
        if (step.arm, step.method) == (arm, method) and is_due:
            raise ArmFailed(KILLED)

    arms = FakeArms(disturb=disturb)
    assert make(parts, arms, tmp_path) == [f"{failing.label}: {KILLED}"]
    assert set(all_labels(parts)) - set(arms.labels("finish")) == {failing.label}
    assert failure_of(failing) == {"rule": KILLED.rule, "reason": KILLED.reason}
    again = FakeArms()
    assert make(parts, again, tmp_path) == []
    assert again.labels("begin") == [failing.label, parts[0].calls_run.label]
    assert store.pending(parts) == []
    assert not list(tmp_path.rglob("*.failed"))
    assert not list(tmp_path.rglob("*failure.json"))


def test_a_run_does_not_need_the_other_arm(tmp_path: Path):
    """A server that cannot be started costs the served runs, and the baseline runs are made."""

    def disturb(step: Step) -> None:
        if step.arm == "served":
            raise ArmFailed(KILLED)

    parts = planned(tmp_path, rounds=1)
    failures = make(parts[:1], FakeArms(disturb=disturb), tmp_path)
    assert failures == [f"{run.label}: {KILLED}" for run in parts[0].served]
    assert [run.kind for run in store.pending(parts[:1])[0].runs] == [Kind.SERVED] * 4 + [Kind.CALLS]


def failure_of(run: Run) -> dict[str, str]:
    """Return what is kept of a run that failed."""
    name = layout.BASELINE_FAILURE_JSON.format(run.batch_size)
    path = store.failed_folder(run) / layout.FAILURE_JSON if run.kind is Kind.SERVED else run.place / name
    return dict(json.loads(path.read_text()))


def test_a_run_that_breaks_a_rule_is_kept_as_a_failure_with_its_files(tmp_path: Path):
    """The files show why; the other runs go on."""
    parts = planned(tmp_path, rounds=1)
    failing = run_of(parts, Kind.SERVED)
    arms = FakeArms(verdicts={failing.label: Verdict("failures", "2 of 60 requests failed")})
    (failure,) = make(parts, arms, tmp_path)
    assert failure.startswith(f"{failing.label}: INVALID(failures): 2 of 60 requests failed. Remedy: ")
    assert failure_of(failing)["rule"] == "failures"
    assert (store.failed_folder(failing) / layout.LOCUST_RUN_JSON).is_file()
    assert not failing.place.exists()
    assert [each.runs for each in store.pending(parts)] == [[failing, parts[0].calls_run]]


def test_a_broken_rule_that_another_run_would_break_again_is_final(tmp_path: Path):
    """The run is a failure now, but it is not made again."""
    parts = planned(tmp_path, rounds=1)
    failing = run_of(parts, Kind.SERVED)
    arms = FakeArms(verdicts={failing.label: Verdict("concurrency", "1 request for 4 users")})
    assert len(make(parts, arms, tmp_path)) == 1
    assert failing.place.is_dir()
    assert store.pending(parts) == []


def test_complete_runs_are_not_made_again(tmp_path: Path):
    """A run whose files were changed since counts as missing."""
    parts = planned(tmp_path)
    make(parts, FakeArms(), tmp_path)
    arms = FakeArms()
    make(parts, arms, tmp_path)
    assert (arms.steps, arms.parts) == ([], [])
    damaged = run_of(parts, Kind.SERVED, 1)
    (damaged.place / layout.LOCUST_STATS_CSV).write_text("cut sho")
    make(parts, arms, tmp_path)
    assert arms.labels("begin") == [damaged.label, parts[0].calls_run.label]
    assert store.pending(parts) == []


@pytest.mark.parametrize(
    ("place", "method"), [*((place, "advance") for place in range(7)), (0, "begin"), (1, "begin"), (1, "finish")]
)
def test_an_interrupted_experiment_goes_on_where_it_stopped(tmp_path: Path, place: int, method: str):
    """Complete runs are kept, the run under way is lost, and the next command makes it and the rest."""
    parts = planned(tmp_path, rounds=1)
    labels = all_labels(parts)

    def disturb(step: Step) -> None:
        if step.run and step.run.label == labels[place] and step.method == method:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(parts, FakeArms(disturb=disturb), tmp_path)
    arms = FakeArms()
    assert make(parts, arms, tmp_path) == []
    expected = labels[place:]
    if place < len(parts[0].runs) and parts[0].calls_run.label not in expected:
        expected.append(parts[0].calls_run.label)
    assert arms.labels("begin") == expected
    assert store.pending(parts) == []
    assert not list(tmp_path.rglob(f"*{store.UNFINISHED_SUFFIX}"))


def test_a_server_that_works_while_the_direct_arm_is_timed_makes_that_run_invalid(tmp_path: Path):
    """The direct arm's seconds would hold some of the server's."""
    parts = planned(tmp_path, rounds=1)
    failures = make(parts, FakeArms(cpu_s_of_rest=0.5), tmp_path)
    assert len(failures) == 2
    assert all("baseline, batch size" in line and "INVALID(server-not-idle)" in line for line in failures)
    assert csv_files.rows(parts[0].baseline_csv) == []
    assert failure_of(run_of(parts, Kind.BASELINE))["rule"] == "server-not-idle"


@pytest.mark.parametrize(("used_s", "elapsed_s", "is_idle"), [(0, 10, True), (1.0, 10, True), (1.2, 10, False)])
def test_a_server_is_idle_below_a_tenth_of_a_core(used_s: float, elapsed_s: float, is_idle: bool):
    """The verdict says how much the server used."""
    verdict = runner.check_idle(used_s, elapsed_s)
    assert verdict.is_valid == is_idle
    assert is_idle or verdict == Verdict(
        "server-not-idle", "the server used 12% of a core while the direct arm was timed"
    )


def test_the_wall_time_of_each_step_is_kept(tmp_path: Path):
    """The parts of it that were on a clock stand beside it."""
    parts = planned(tmp_path, rounds=1)
    make(parts, FakeArms(), tmp_path)
    rows = csv_files.rows(tmp_path / layout.WALL_CSV)
    timed = {row["step"]: float(row["timed_s"]) for row in rows}
    assert [row["step"] for row in rows if row["step"] in all_labels(parts)] == all_labels(parts)
    assert timed[run_of(parts, Kind.SERVED).label] == 0.5
    assert all(float(row["wall_s"]) >= 0 for row in rows)


@pytest.mark.usefixtures("installed")
def test_an_experiment_is_planned_claimed_and_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A second command finds every run there, and another experiment is refused."""
    arms, out = FakeArms(), tmp_path / "out"
    monkeypatch.setattr(runner, "ArmsFactory", lambda *_: arms)
    recipes = [recipe.load("echo")]
    assert runner.run(experiment(), recipes, out) == []
    assert {layout.PLAN_CSV, layout.WALL_CSV, layout.EXPERIMENT_JSON} < {path.name for path in out.iterdir()}
    made = len(arms.steps)
    capsys.readouterr()
    assert runner.run(experiment(), recipes, out) == []
    assert len(arms.steps) == made
    said = "to measure anew, remove it or choose another with --out"
    assert capsys.readouterr().out == f"every run is in {out} already; {said}\n"
    with pytest.raises(ResultsFolderError, match=r"different experiment \(examples differ\)"):
        runner.run(experiment(examples=61), recipes, out)
