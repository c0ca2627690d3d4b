"""The arms of a part, with everything that they need: started at the same time, ended together.

Owns how the two depend on each other: the server's predictor waits for the direct arm's answers.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from servecost.bench import conditions
from servecost.bench.arms.direct import DirectArm, direct_arm
from servecost.bench.arms.protocol import Arm, ArmFailed, Timed
from servecost.bench.arms.served import ServedArm, served_arm
from servecost.bench.arms.server import Server, ServerSpec, serve
from servecost.bench.arms.server_on_demand import ServerOnDemand
from servecost.bench.conditions import Subject
from servecost.bench.environments import EnvironmentRefused, Environments
from servecost.bench.experiment import Experiment
from servecost.bench.runs import Kind, Part, Run
from servecost.core import answers, systems
from servecost.core.verdicts import Verdict

# A server is stopped while the direct arm is timed. It must not take that for a worker that hangs, or a late request.
SERVER_TIMEOUT_S = 24 * 3600

Arms = Mapping[Kind, Arm]


@dataclass(frozen=True)
class NoArm:
    """Stands for an arm that cannot be had: every use of it fails with the reason."""

    verdict: Verdict

    def ready(self) -> list[Any]:
        """Fail."""
        raise ArmFailed(self.verdict)

    def begin(self, run: Run) -> None:
        """Fail."""
        raise ArmFailed(self.verdict)

    def advance(self, until_s: float) -> bool:
        """Fail."""
        raise ArmFailed(self.verdict)

    def finish(self) -> Timed:
        """Return the reason."""
        return Timed(0.0, self.verdict)

    def cpu_s(self) -> float:
        """Return nothing used."""
        return 0.0


@dataclass(frozen=True)
class ArmsFactory:
    """Makes the arms of each part of an experiment.

    Attributes:
        experiment: what both arms are given: variables, settings, time-outs.
        environments: finds the interpreter of both.
        tick: called often while an arm works.
    """

    experiment: Experiment
    environments: Environments
    tick: Callable[[], None]

    @contextmanager
    def __call__(self, part: Part) -> Iterator[Arms]:
        """Have the arms of a part, by the kind of run that each makes, for as long as the ``with`` block lasts."""
        part.folder.mkdir(parents=True, exist_ok=True)
        try:
            python = self.environments.python_for(part.recipe, systems.load(part.system))
        except EnvironmentRefused as error:
            yield dict.fromkeys(Kind, NoArm(Verdict("environment", str(error))))
            return
        subject = Subject(part.recipe, part.system, python, self.experiment.variables())
        with ExitStack() as stack:
            if not part.has_direct_arm:
                yield {Kind.SERVED: stack.enter_context(self._served(part, subject, None))}
                return
            conditions.write(part.folder, subject, arm="baseline", round=part.round, system=part.system)
            direct = stack.enter_context(direct_arm(part, subject, self.tick))
            served = stack.enter_context(self._served(part, subject, direct))
            yield {Kind.BASELINE: direct, Kind.CALLS: direct, Kind.SERVED: served}

    def _served(self, part: Part, subject: Subject, direct: DirectArm | None) -> AbstractContextManager[ServedArm]:
        timeout_s = self.experiment.timeout_s_of(part.recipe.name)

        def expected() -> list[Any]:
            if direct is not None:
                return direct.ready()
            try:
                return answers.read(part.expected_json)
            except OSError as error:
                raise ArmFailed(Verdict("baseline", "it gave no answers that could be expected of a server")) from error

        def start() -> AbstractContextManager[Server]:
            spec = ServerSpec(
                part.recipe,
                systems.load(part.system),
                subject.python,
                part.folder,
                max(SERVER_TIMEOUT_S, timeout_s),
                subject.environment,
                self.experiment.settings_of(part.system),
            )
            return serve(spec, expected, self.tick)

        return served_arm(ServedArm(part, subject, timeout_s, ServerOnDemand(start, self.tick), self.tick))
