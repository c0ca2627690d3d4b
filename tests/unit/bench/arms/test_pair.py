"""The two arms of a pair share an interpreter, and the server waits for the direct arm's answers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from servecost.bench import run as runner
from servecost.bench import store
from servecost.bench.arms import pair
from servecost.bench.arms.direct import DirectArm
from servecost.bench.arms.pair import SERVER_TIMEOUT_S, Arms, ArmsFactory, NoArm, all_valid
from servecost.bench.arms.protocol import Arm, ArmFailed, Timed
from servecost.bench.arms.served import ServedArm
from servecost.bench.arms.server import ServerSpec
from servecost.bench.conditions import Subject
from servecost.bench.environments import EnvironmentRefused
from servecost.bench.experiment import Experiment
from servecost.bench.progress import Display, Failure, Journal
from servecost.bench.run import Slicing
from servecost.bench.runs import Kind, Part, Run
from servecost.core import answers, call_log, csv_files, layout, manifest, systems
from servecost.core.serving import ServerFailed
from servecost.core.verdicts import VALID, Verdict
from tests.unit.bench.fakes import FakeInstalled, experiment, of_kind, planned, write_pair

REFUSED = "echo and it cannot be installed together: no such version"


class Answering(DirectArm):
    """A direct arm without a process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.verdict = VALID
        self.asked: list[tuple[Sequence[tuple[int, int]], float]] = []

    def ready(self) -> list[Any]:
        if not self.verdict.is_valid:
            raise ArmFailed(self.verdict)
        return [f"of the {self.name} arm"]

    def time_calls(self, sizes: Sequence[tuple[int, int]], total_s: float) -> list[dict[str, str]]:
        self.asked.append((sizes, total_s))
        columns = layout.DIRECT_CALLS_COLUMNS
        return [
            dict(zip(columns, ("echo", str(size), str(given), "0.25", "8", "0.5"), strict=True))
            for size, given in sizes
        ]

    def check_warm(self, total_s: float, calls: Sequence[Mapping[str, str]]) -> Verdict:
        return self.verdict


@dataclass
class Factory:
    """Makes arms whose processes are fake; an environment may be refused.

    Attributes:
        subjects: what direct arms were made of.
        specs: what servers would be started of.
        expected: what each server would wait for.
        direct: the direct arms.
    """

    is_refused: bool = False
    experiment: Experiment = field(default_factory=experiment)
    subjects: list[Subject] = field(default_factory=list)
    specs: list[ServerSpec] = field(default_factory=list)
    expected: list[Callable[[], list[Any]]] = field(default_factory=list)
    direct: list[Answering] = field(default_factory=list)

    def python_for(self, chosen: object, system: object) -> str:
        if self.is_refused:
            raise EnvironmentRefused(REFUSED)
        return "own/python"

    def tick(self) -> None:
        """Do nothing."""

    @property
    def arms_of(self) -> ArmsFactory:
        return ArmsFactory(self.experiment, cast(Any, self), self.tick)

    @contextmanager
    def direct_arm(self, name: str, part: Part, subject: Subject, tick: object) -> Iterator[DirectArm]:
        self.subjects.append(subject)
        self.direct.append(Answering(name))
        yield self.direct[-1]

    def serve(self, spec: ServerSpec, expected: Callable[[], list[Any]], tick: object) -> AbstractContextManager[Any]:
        self.specs.append(spec)
        self.expected.append(expected)
        raise ServerFailed("fake")


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch, installed: FakeInstalled) -> Factory:
    """Return a factory of arms."""
    made = Factory()
    monkeypatch.setattr(pair, "direct_arm", made.direct_arm)
    monkeypatch.setattr(pair, "serve", made.serve)
    return made


def part_of(kind: Kind, out: Path) -> Part:
    return of_kind(planned(out), kind)[0]


def try_to_serve(arms: Arms) -> None:
    with pytest.raises(ArmFailed, match="fake"):
        arms.by_name[layout.SERVED].ready()


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        (Kind.PAIR, {layout.BASELINE: Answering, layout.SERVED: ServedArm}),
        (Kind.SAME, {layout.BASELINE: Answering, layout.SERVED: Answering}),
        (Kind.LOAD, {layout.SERVED: ServedArm}),
    ],
)
def test_a_part_has_the_arms_of_its_kind(factory: Factory, tmp_path: Path, kind: Kind, types: dict[str, type]):
    """The direct arm comes first; two baselines are two processes."""
    with factory.arms_of(part_of(kind, tmp_path)) as arms:
        assert {name: type(arm) for name, arm in arms.by_name.items()} == types
        assert list(arms.by_name) == list(types)
        assert [arm.name for arm in factory.direct] == [name for name, made in types.items() if made is Answering]
    assert arms.subject is not None
    assert arms.slice_s == factory.experiment.slice_s


def test_both_arms_have_the_same_interpreter_and_variables(factory: Factory, tmp_path: Path):
    """A server's time-out is longer than any time for which it is stopped."""
    part = part_of(Kind.PAIR, tmp_path)
    setting = next(iter(systems.load(part.system).settings))
    factory.experiment = experiment(threads=3, system={part.system: {setting: "7"}})
    with factory.arms_of(part) as arms:
        try_to_serve(arms)
    (subject,), (spec,) = factory.subjects, factory.specs
    assert (subject.python, spec.python) == ("own/python", "own/python")
    assert subject.environment == spec.environment == factory.experiment.variables()
    assert (spec.system, spec.recipe, spec.logs) == (systems.load(part.system), part.recipe, part.folder)
    assert (spec.settings, spec.request_timeout_s) == ({setting: "7"}, SERVER_TIMEOUT_S)


def test_the_server_is_expected_to_answer_as_the_direct_arm_does(factory: Factory, tmp_path: Path):
    """A direct arm that has failed leaves nothing to expect, and the server is not started."""
    with factory.arms_of(part_of(Kind.PAIR, tmp_path)) as arms:
        try_to_serve(arms)
    (expected,), (direct,) = factory.expected, factory.direct
    assert expected() == ["of the baseline arm"]
    direct.verdict = Verdict("baseline", "ended")
    with pytest.raises(ArmFailed, match=r"INVALID\(baseline\): ended"):  # the reason, not its effect
        expected()


def test_without_a_direct_arm_the_answers_of_the_first_part_are_expected(factory: Factory, tmp_path: Path):
    """The instrument's own runs have no baseline process."""
    instrument = part_of(Kind.LOAD, tmp_path)
    with factory.arms_of(instrument) as arms:
        try_to_serve(arms)
    (expected,) = factory.expected
    with pytest.raises(ArmFailed, match=r"INVALID\(baseline\): it gave no answers"):
        expected()
    answers.write(part_of(Kind.PAIR, tmp_path).expected_json, ["of the first part"])
    assert expected() == ["of the first part"]
    assert factory.subjects == []


def test_a_recipe_and_a_system_that_cannot_be_had_together_cost_their_own_pairs(factory: Factory, tmp_path: Path):
    """Each has the reason, the experiment goes on, and the next command tries again."""
    factory.is_refused = True
    parts = of_kind(planned(tmp_path), Kind.PAIR)[:1]
    missing = store.pending(parts)
    with Display(missing[0].runs, Console(file=io.StringIO())) as display:
        journal = Journal(tmp_path, display)
        runner.make(missing, factory.arms_of, Slicing(1.0, 1), journal)
    verdict = Verdict("environment", REFUSED)
    assert journal.failures == [Failure(run.label, verdict) for run in missing[0].runs]
    assert len(list(tmp_path.rglob(layout.FAILURE_JSON))) == len(parts[0].runs)
    assert store.pending(parts) == missing


def test_no_run_is_begun_for_which_there_is_no_time(factory: Factory, tmp_path: Path):
    """Neither is a part none of whose runs has any; the others are made."""
    factory.is_refused = True
    missing = store.pending(of_kind(planned(tmp_path), Kind.PAIR))
    wanted = missing[1].runs[1]
    with Display([run for _, runs in missing for run in runs], Console(file=io.StringIO())) as display:
        journal = Journal(tmp_path, display)
        runner.make(missing, factory.arms_of, Slicing(1.0, 1), journal, lambda run: run == wanted)
        assert not display.is_done
    assert [failure.label for failure in journal.failures] == [wanted.label]
    assert not (tmp_path / layout.round_folder(1)).exists()


def test_an_arm_that_cannot_be_had_fails_with_the_reason(tmp_path: Path):
    """It does nothing else."""
    arm: Arm = NoArm(Verdict("environment", REFUSED))
    run = planned(tmp_path)[0].runs[0]
    for call in (arm.ready, lambda: arm.warm(run), lambda: arm.begin(run, tmp_path), lambda: arm.advance(0.0)):
        with pytest.raises(ArmFailed) as failed:
            call()
        assert failed.value.verdict.rule == "environment"
    assert (arm.finish().verdict.rule, arm.expected_s()) == ("environment", None)


def made_pair(out: Path, kind: Kind = Kind.PAIR) -> tuple[Part, Run, Path]:
    """Return a run whose arms have come to their end, and the folder of its files."""
    part = part_of(kind, out)
    run = part.runs[0]
    folder = store.make_room(run)
    write_pair(folder, run)
    return part, run, folder


def timed_both(**verdicts: Verdict) -> dict[str, Timed]:
    return {
        name: Timed(total_s, verdicts.get(name, VALID), resources={f"{name}_cpu_s": total_s})
        for name, total_s in ((layout.BASELINE, 2.0), (layout.SERVED, 3.0))
    }


def arms_with(direct: Arm) -> Arms:
    return Arms({layout.BASELINE: direct, layout.SERVED: cast(Arm, NoArm(VALID))})


def test_separate_calls_are_of_the_sizes_that_the_server_made(tmp_path: Path):
    """They are made after the pair, and take a part of the baseline's seconds."""
    _, run, folder = made_pair(tmp_path)
    csv_files.write_table(folder / layout.CALLS_CSV, call_log.COLUMNS, [(0, 1, 3, 8), (1, 2, 5, 8), (2, 3, 3, 8)])
    direct, timed = Answering(layout.BASELINE), timed_both()
    arms_with(direct).after(run, folder, timed)
    assert direct.asked == [([(3, 8), (5, 8)], 2.0)]
    rows = csv_files.rows(folder / layout.DIRECT_CALLS_CSV)
    assert tuple(rows[0]) == layout.DIRECT_CALLS_COLUMNS
    assert [(row["inputs"], row["call_s"], row["reference_s"]) for row in rows] == [
        ("3", "0.25", "0.5"),
        ("5", "0.25", "0.5"),
    ]
    assert all_valid(timed)


def test_separate_calls_tell_whether_the_baseline_was_warm(tmp_path: Path):
    """If it was not, the pair does not count; its seconds are kept."""
    _, run, folder = made_pair(tmp_path)
    direct, timed = Answering(layout.BASELINE), timed_both()
    direct.verdict = Verdict("warm", "it took 2 s where 1 s was due")
    arms_with(direct).after(run, folder, timed)
    assert (timed[layout.BASELINE].verdict, timed[layout.BASELINE].total_s) == (direct.verdict, 2.0)
    assert timed[layout.SERVED].verdict == VALID


@pytest.mark.parametrize("arm", [layout.BASELINE, layout.SERVED])
def test_a_pair_that_does_not_count_has_no_separate_calls(tmp_path: Path, arm: str):
    """Nobody would ask for them."""
    _, run, folder = made_pair(tmp_path)
    direct = Answering(layout.BASELINE)
    arms_with(direct).after(run, folder, timed_both(**{arm: Verdict("failures", "2 of 60")}))
    assert direct.asked == []


@pytest.mark.parametrize("kind", [Kind.SAME, Kind.LOAD])
def test_without_a_server_or_a_baseline_there_are_no_separate_calls(tmp_path: Path, kind: Kind):
    """There is nothing to divide."""
    _, run, folder = made_pair(tmp_path, kind)
    direct = Answering(layout.BASELINE)
    arms_with(direct).after(run, folder, timed_both())
    assert direct.asked == []


def test_a_server_that_makes_no_calls_has_none_to_repeat(tmp_path: Path):
    """A system may answer without the predictor."""
    _, run, folder = made_pair(tmp_path)
    (folder / layout.CALLS_CSV).unlink()
    direct = Answering(layout.BASELINE)
    arms_with(direct).after(run, folder, timed_both())
    assert (direct.asked, (folder / layout.DIRECT_CALLS_CSV).exists()) == ([], False)


@pytest.mark.usefixtures("installed")
def test_the_manifest_of_a_pair_covers_the_files_of_both_arms(tmp_path: Path):
    """It has the conditions, what the system has chosen, and what both took of the machine."""
    part, run, folder = made_pair(tmp_path)
    timed = timed_both()
    timed[layout.SERVED].facts["size"] = 4.0
    arms = Arms({}, Subject(part.recipe, part.system, "own/python", {}), 1.0)
    arms.write_manifest(folder, part, run, timed, Verdict("concurrency", "1 request for 4 users"))
    content = manifest.checked(folder, run.kind.required_files)
    assert {*layout.REQUIRED_PAIR_FILES, layout.CALLS_CSV} == content["files"].keys()
    assert content["conditions"]["slice_s"] == 1.0
    assert {name: content[name] for name in ("kind", "round", "system", "batch_size", "concurrency", "examples")} == {
        "kind": "pair",
        "round": 1,
        "system": part.system,
        "batch_size": run.batch_size,
        "concurrency": run.concurrency,
        "examples": 60,
    }
    assert (content["server"], content["resources"]) == ({"size": 4.0}, {"baseline_cpu_s": 2.0, "served_cpu_s": 3.0})
    assert content["verdict"] == {"rule": "concurrency", "reason": "1 request for 4 users"}


def test_arms_that_cannot_be_had_write_no_manifest(tmp_path: Path):
    """There are no conditions without an interpreter."""
    part, run, folder = made_pair(tmp_path)
    (folder / layout.MANIFEST_JSON).unlink()
    Arms({}).write_manifest(folder, part, run, {}, VALID)
    assert not (folder / layout.MANIFEST_JSON).exists()


def test_a_server_that_holds_a_run_is_ended_when_the_pair_is_given_up(tmp_path: Path):
    """Whatever stands for a server is left alone."""
    ended: list[str] = []

    class Ending(ServedArm):
        def __init__(self) -> None:
            """Have nothing."""

        def end(self) -> None:
            ended.append("served")

    Arms({layout.SERVED: Ending()}).give_up()
    Arms({layout.SERVED: NoArm(VALID)}).give_up()
    Arms({}).give_up()
    assert ended == ["served"]
