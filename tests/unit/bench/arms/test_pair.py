"""The two arms of a part share an interpreter, and the server waits for the direct arm's answers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
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
from servecost.bench.arms.pair import SERVER_TIMEOUT_S, ArmsFactory, NoArm
from servecost.bench.arms.protocol import ArmFailed
from servecost.bench.arms.served import ServedArm
from servecost.bench.arms.server import ServerSpec
from servecost.bench.conditions import Subject
from servecost.bench.environments import EnvironmentRefused
from servecost.bench.experiment import Experiment
from servecost.bench.progress import Display, Journal
from servecost.bench.runs import Kind, Part
from servecost.core import answers, layout, manifest, systems
from servecost.core.serving import ServerFailed
from servecost.core.verdicts import Verdict
from tests.unit.bench.fakes import FakeInstalled, experiment, planned

REFUSED = "echo and it cannot be installed together: no such version"


@dataclass
class Factory:
    """Makes arms whose processes are fake; an environment may be refused.

    Attributes:
        subjects: what direct arms were made of.
        specs: what servers would be started of.
        expected: what each server would wait for.
    """

    is_refused: bool = False
    experiment: Experiment = field(default_factory=experiment)
    subjects: list[Subject] = field(default_factory=list)
    specs: list[ServerSpec] = field(default_factory=list)
    expected: list[Callable[[], list[Any]]] = field(default_factory=list)
    direct: DirectArm | None = None

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
    def direct_arm(self, part: Part, subject: Subject, tick: object) -> Iterator[DirectArm]:
        self.subjects.append(subject)

        class Answering(NoArm):
            def ready(self) -> list[Any]:
                return ["of the direct arm"]

        self.direct = cast(Any, Answering(Verdict("baseline", "fake")))
        yield cast(DirectArm, self.direct)

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


def try_to_serve(arms: pair.Arms) -> None:
    with pytest.raises(ArmFailed, match="fake"):
        arms[Kind.SERVED].ready()


def test_the_direct_arm_makes_baseline_runs_and_separate_calls(factory: Factory, tmp_path: Path):
    """Its manifest is written when it is started."""
    part = planned(tmp_path)[0]
    with factory.arms_of(part) as arms:
        assert arms[Kind.BASELINE] is arms[Kind.CALLS] is factory.direct
        assert isinstance(arms[Kind.SERVED], ServedArm)
        content = manifest.read(part.folder)
    assert (content["arm"], content["round"], content["system"]) == ("baseline", 1, part.system)


def test_both_arms_have_the_same_interpreter_and_variables(factory: Factory, tmp_path: Path):
    """A server's time-out is longer than any time for which it is stopped."""
    part = planned(tmp_path)[0]
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
    with factory.arms_of(planned(tmp_path)[0]) as arms:
        try_to_serve(arms)
    (expected,) = factory.expected
    assert expected() == ["of the direct arm"]
    object.__setattr__(factory.direct, "ready", NoArm(Verdict("baseline", "ended")).ready)
    with pytest.raises(ServerFailed, match="the baseline gave no answers that could be expected of the server"):
        expected()


def test_without_a_direct_arm_the_answers_of_the_first_part_are_expected(factory: Factory, tmp_path: Path):
    """The instrument's own runs have no baseline process."""
    compared, instrument = planned(tmp_path)[:2]
    with factory.arms_of(instrument) as arms:
        assert arms.keys() == {Kind.SERVED}
        try_to_serve(arms)
    (expected,) = factory.expected
    with pytest.raises(ServerFailed, match="the baseline gave no answers"):
        expected()
    answers.write(compared.expected_json, ["of the first part"])
    assert expected() == ["of the first part"]
    assert factory.subjects == []


def test_a_recipe_and_a_system_that_cannot_be_had_together_cost_their_own_runs(factory: Factory, tmp_path: Path):
    """Every run of theirs has the reason, the experiment goes on, and the next command tries again."""
    factory.is_refused = True
    parts = planned(tmp_path, rounds=1)[:1]
    missing = store.pending(parts)
    with Display(missing[0].runs, Console(file=io.StringIO())) as display:
        journal = Journal(tmp_path, display)
        runner.make(missing, factory.arms_of, journal)
    verdict = Verdict("environment", REFUSED)
    assert journal.failures == [f"{run.label}: {verdict}" for run in missing[0].runs]
    assert len(list(tmp_path.rglob(layout.FAILURE_JSON))) == len(parts[0].served)
    assert store.pending(parts) == missing


def test_an_arm_that_cannot_be_had_fails_with_the_reason():
    """It uses nothing."""
    arm = NoArm(Verdict("environment", REFUSED))
    run = planned(Path("out"))[0].runs[0]
    for call in (arm.ready, lambda: arm.begin(run), lambda: arm.advance(0.0)):
        with pytest.raises(ArmFailed) as failed:
            call()
        assert failed.value.verdict == arm.verdict
    assert (arm.finish().verdict, arm.cpu_s()) == (arm.verdict, 0.0)
