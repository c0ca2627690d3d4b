"""The arms of a part's pairs, with everything that they need: started at the same time, ended together.

Owns how the two depend on each other: a server's predictor waits for the direct arm's answers, and the separate direct
calls are of the sizes that the server has made.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from servecost.bench import conditions, held
from servecost.bench.arms.direct import DirectArm, direct_arm
from servecost.bench.arms.protocol import Arm, ArmFailed, Timed
from servecost.bench.arms.records import call_sizes
from servecost.bench.arms.served import ServedArm, served_arm
from servecost.bench.arms.server import Server, ServerSpec, serve
from servecost.bench.arms.server_on_demand import ServerOnDemand
from servecost.bench.conditions import Subject
from servecost.bench.environments import EnvironmentRefused, Environments
from servecost.bench.experiment import Experiment
from servecost.bench.runs import Kind, Part, Run
from servecost.core import answers, csv_files, layout, systems
from servecost.core.verdicts import Verdict

# A server is stopped while the direct arm is timed. It must not take that for a worker that hangs, or a late request.
SERVER_TIMEOUT_S = 24 * 3600


@dataclass(frozen=True)
class Arms:
    """The arms of a part.

    Attributes:
        by_name: each arm, by ``layout.BASELINE`` and ``layout.SERVED``; the direct arm comes first.
        subject: the recipe and its conditions; None if there are no arms.
        slice_s: the seconds of a slice.
    """

    by_name: Mapping[str, Arm]
    subject: Subject | None = None
    slice_s: float = 0.0

    def after(self, run: Run, folder: Path, timed: dict[str, Timed]) -> None:
        """Have the direct arm time separate calls as the server has made them, beside a pair whose arms are valid.

        They also tell whether the baseline was warm.
        """
        direct = self.by_name.get(layout.BASELINE)
        sizes = call_sizes(folder)
        if run.kind is Kind.PAIR and isinstance(direct, DirectArm) and sizes and all_valid(timed):
            baseline = timed[layout.BASELINE]
            rows = direct.time_calls(sizes, baseline.total_s)
            timed[layout.BASELINE] = replace(baseline, verdict=direct.check_warm(baseline.total_s, rows))
            columns = layout.DIRECT_CALLS_COLUMNS
            csv_files.write_table(
                folder / layout.DIRECT_CALLS_CSV, columns, [[row[name] for name in columns] for row in rows]
            )

    def give_up(self) -> None:
        """End a server that holds a run which will not be made."""
        served = self.by_name.get(layout.SERVED)
        if isinstance(served, ServedArm):
            served.end()

    def write_manifest(self, folder: Path, part: Part, run: Run, timed: Mapping[str, Timed], verdict: Verdict) -> None:
        """Write the manifest of a pair, which covers the files of both arms."""
        if self.subject is None:
            return
        served = timed.get(layout.SERVED)
        begins = [(each.use.slices[0].begin_ns, name) for name, each in timed.items() if each.use.slices]
        conditions.write(
            folder,
            self.subject,
            self.slice_s,
            names=layout.PAIR_FILES,
            kind=run.kind.value,
            first=min(begins)[1] if begins else None,
            round=part.round,
            system=part.system,
            server=served.facts if served else {},
            resources={name: value for each in timed.values() for name, value in each.resources.items()},
            batch_size=run.batch_size,
            concurrency=run.concurrency,
            pair=run.pair,
            examples=run.examples,
            verdict=asdict(verdict),
        )


def all_valid(timed: Mapping[str, Timed]) -> bool:
    """Return whether both arms' numbers count."""
    return all(each.verdict.is_valid for each in timed.values())


@dataclass(frozen=True)
class NoArm:
    """Stands for an arm that cannot be had: every use of it fails with the reason."""

    verdict: Verdict

    def ready(self) -> list[Any]:
        """Fail."""
        raise ArmFailed(self.verdict)

    def warm(self, run: Run) -> float:
        """Fail."""
        raise ArmFailed(self.verdict)

    def begin(self, run: Run, folder: Path) -> None:
        """Fail."""
        raise ArmFailed(self.verdict)

    def advance(self, until_s: float) -> bool:
        """Fail."""
        raise ArmFailed(self.verdict)

    def expected_s(self) -> float | None:
        """Return None."""
        return None

    def finish(self) -> Timed:
        """Return the reason."""
        return Timed(0.0, self.verdict)


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
        """Have the arms of a part for as long as the ``with`` block lasts."""
        part.folder.mkdir(parents=True, exist_ok=True)
        try:
            python = self.environments.python_for(part.recipe, systems.load(part.system))
        except EnvironmentRefused as error:
            yield Arms({layout.SERVED: NoArm(Verdict("environment", str(error)))})
            return
        subject = Subject(part.recipe, part.system, python, self.experiment.variables(), self.experiment.warm_s)
        with ExitStack() as stack:

            def direct(name: str) -> DirectArm:
                return stack.enter_context(direct_arm(name, part, subject, self.tick))

            arms: dict[str, Arm] = {}
            if part.kind is Kind.LOAD:
                arms[layout.SERVED] = stack.enter_context(self._served(part, subject, None))
            elif part.kind is Kind.SAME:
                arms = {layout.BASELINE: direct(layout.BASELINE), layout.SERVED: direct(layout.SERVED)}
            else:
                baseline = direct(layout.BASELINE)
                arms = {
                    layout.BASELINE: baseline,
                    layout.SERVED: stack.enter_context(self._served(part, subject, baseline)),
                }
            yield Arms(arms, subject, self.experiment.slice_s)

    def _settings(self, part: Part) -> dict[str, str]:
        """Return the settings of a part's system: what it chose at its first start holds, if nothing else is fixed."""
        holds = self.experiment.hold_choices and part.kind is Kind.PAIR
        chosen = held.settings(part.folder.parents[2], part.recipe.name, systems.load(part.system)) if holds else {}
        return {**chosen, **self.experiment.settings_of(part.system, part.recipe.name)}

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
                self._settings(part),
            )
            return serve(spec, expected, self.tick)

        return served_arm(ServedArm(part, subject, timeout_s, ServerOnDemand(start, self.tick), self.tick))
