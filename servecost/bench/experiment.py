"""An experiment file: which recipes, systems, batch sizes, concurrencies, how many examples and rounds.

Owns reading and checking it. Every problem becomes one line that names the key and what would be right.
"""

import io
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
)

from servecost.core import systems, threads
from servecost.core.overhead import EQUAL_WITHIN, LEAST_ROUNDS
from servecost.core.reasons import printable
from servecost.core.recipe import Recipe, load
from servecost.core.system import LOOPBACK, Served, System
from servecost.core.warming import LIMIT_S


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("something is named twice; name each once")
    return values


Count = Annotated[int, Field(ge=1)]
SLICE_S = 1.0
Counts = Annotated[list[Count], Field(min_length=1), AfterValidator(_distinct)]
Names = Annotated[list[str], Field(min_length=1), AfterValidator(_distinct)]
_REFERENCE = re.compile(r"\$[\w{]")
LEAST_TIMEOUT_S = 480
# Eight times what an example of the slowest recipe takes: the last request in the queue waits for all the others, and
# half of the time the arm is stopped.
TIMEOUT_S_PER_EXAMPLE = 0.4


class ExperimentError(ValueError):
    """An experiment file cannot be used; each line of the message says what is wrong, where, and what is right."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Overrides(_Table):
    """``[recipe.NAME]``: the keys that differ for one recipe; a missing key has the value for all."""

    batch_sizes: Counts | None = None
    concurrencies: Counts | None = None
    examples: Count | None = None
    max_examples: Count | None = None
    min_requests: Count | None = None
    examples_total: Count | None = None
    system: dict[str, dict[str, str]] = {}


class Experiment(_Table):
    """The content of an experiment file.

    Attributes:
        recipes: names of this project's recipes, or paths of recipe folders, relative to the file.
        systems: names of serving systems.
        batch_sizes: examples in one request; for the baseline, the ``batch_size`` of the predictor call.
        concurrencies: numbers of Locust users.
        examples: examples in each arm of a pair.
        max_examples: upper limit when a cell needs extra examples (``min_requests``, or a request for every user);
            by default, no cell has extra examples.
        min_requests: how many requests a run has at least: large batches of a fast recipe would be over in no time.
        rounds: how often every cell is repeated, at most; an even number lets each arm begin as often as the other.
        pairs: how many pairs a cell has in each round, with the same processes: the interval of an experiment of one
            round is made of them.
        examples_total: as many rounds as give a cell so many examples in each arm suffice, but no fewer than
            LEAST_ROUNDS; by default, every cell has all rounds.
        precision: half the width of the 95 % interval, as a part of the larger arm's seconds, 0.03 for 3 %, that is
            asked for: rows with a wider one are named.
        equal_within: a row whose interval lies within this part of the larger arm's seconds, 0.05 for 5 %, is equal to
            the baseline.
        slice_s: for how many seconds one arm of a pair runs while the other is stopped; 0 for undivided runs.
        warm_s: after so many seconds untimed work of a cell's batch size is repeated no more, steady or not.
        instrument: whether each cell is also measured on the null system, once: what the client itself takes.
        aa: whether each recipe's baseline is also paired with itself in each round: what this machine can tell apart.
        seed: of the order in which batch sizes and concurrencies are run.
        request_timeout_s: seconds after which a request has failed; by default, estimated from the largest cell.
        threads: threads that the model library computes with, in both arms; by default as the shell says, or one for
            each core that this process may use.
        environment: variables set for both arms alike, such as malloc settings.
        environment_files: files of such variables, as Compose's ``env_file`` has them, relative to the experiment file;
            ``environment`` comes first.
        hold_choices: whether what a system chooses at its first start holds for all others: of fastDeploy's, say, the
            batch size. Else rounds with different choices are rows of their own.
        recipe: overrides by recipe name.
        system: settings of a system that differ from its defaults, by system name; those of one recipe are in
            ``[recipe.NAME.system.SYSTEM]``.
    """

    recipes: Names
    systems: Names = Field(default_factory=lambda: [systems.default()])
    batch_sizes: Counts
    concurrencies: Counts
    examples: Count
    max_examples: Count | None = None
    min_requests: Count = 1
    rounds: Count = 2
    pairs: Count = 1
    examples_total: Count | None = None
    precision: Annotated[float, Field(gt=0, lt=1)] | None = None
    equal_within: Annotated[float, Field(gt=0, lt=1)] = EQUAL_WITHIN
    slice_s: Annotated[float, Field(ge=0)] = SLICE_S
    warm_s: Annotated[int, Field(ge=0)] = LIMIT_S
    instrument: bool = True
    aa: bool = True
    seed: int = 1
    request_timeout_s: Count | None = None
    threads: Count | None = None
    environment: dict[str, str] = {}
    environment_files: list[str] = []
    hold_choices: bool = True
    recipe: dict[str, Overrides] = {}
    system: dict[str, dict[str, str]] = {}

    def batch_sizes_of(self, recipe: str) -> list[int]:
        """Return the batch sizes for one recipe."""
        return self._own(recipe).batch_sizes or self.batch_sizes

    def concurrencies_of(self, recipe: str) -> list[int]:
        """Return the concurrencies for one recipe."""
        return self._own(recipe).concurrencies or self.concurrencies

    def examples_of(self, recipe: str) -> int:
        """Return the examples in each arm of a pair of one recipe, if they suffice for a request of every user."""
        return self._own(recipe).examples or self.examples

    def examples_of_cell(self, recipe: str, batch_size: int, concurrency: int) -> int:
        """Return the examples in each arm of a cell's pair: extra ones for all requests that it needs, if it may."""
        own, examples = self._own(recipe), self.examples_of(recipe)
        most = own.max_examples or self.max_examples or examples
        in_flight, needed = batch_size * concurrency, batch_size * (own.min_requests or self.min_requests)
        examples = max(examples, min(needed, most))
        return in_flight if examples < in_flight <= most else examples

    def rounds_of_cell(self, recipe: str, batch_size: int, concurrency: int) -> int:
        """Return in how many rounds a cell is measured."""
        total = self._own(recipe).examples_total or self.examples_total
        if total is None:
            return self.rounds
        needed = -(-total // (self.pairs * self.examples_of_cell(recipe, batch_size, concurrency)))
        return min(self.rounds, max(LEAST_ROUNDS, needed))

    def variables(self) -> dict[str, str]:
        """Return the environment variables that are set for both arms alike."""
        return {**threads.variables(self.threads), **self.environment}

    def settings_of(self, system: str, recipe: str) -> dict[str, str]:
        """Return the settings of a system that differ from its defaults, with one recipe."""
        return {**self.system.get(system, {}), **self._own(recipe).system.get(system, {})}

    def timeout_s_of(self, recipe: str) -> int:
        """Return the request time-out of a recipe in seconds, ample for its largest cell: stops count, too."""
        in_flight = max(self.batch_sizes_of(recipe)) * max(self.concurrencies_of(recipe))
        return self.request_timeout_s or LEAST_TIMEOUT_S + round(in_flight * TIMEOUT_S_PER_EXAMPLE)

    def _own(self, recipe: str) -> Overrides:
        return self.recipe.get(recipe, Overrides())


def read(path: Path, instead: Sequence[str] = ()) -> tuple[Experiment, list[Recipe]]:
    """Return an experiment file's content and its recipes. Raises ExperimentError with a line for each problem.

    ``instead``: the systems that take the place of the file's.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors begin a file with a mark
        experiment = _with_environment_files(Experiment.model_validate(content), path.parent)
    except FileNotFoundError as error:
        raise ExperimentError(f"{path}: there is no such file") from error
    except UnicodeDecodeError as error:
        raise ExperimentError(f"{path}: it is not UTF-8, which TOML is written in; save it as that") from error
    except (OSError, tomllib.TOMLDecodeError, ExperimentError) as error:
        raise ExperimentError(printable(f"{path}: {error}")) from error
    except ValidationError as error:
        lines = (printable(f"{path}: {problem(details)}") for details in error.errors())
        raise ExperimentError("\n".join(lines)) from error
    try:
        recipes = _check_names(experiment, path.parent)
    except ValueError as error:
        raise ExperimentError(printable(f"{path}: {error}")) from error
    return (_with_systems(experiment, instead) if instead else experiment), recipes


def _with_systems(experiment: Experiment, names: Sequence[str]) -> Experiment:
    """Return the experiment with other systems, and what it says of those. Raises ExperimentError."""
    chosen = list(dict.fromkeys(names))

    def of_chosen(settings: Mapping[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        return {name: own for name, own in settings.items() if name in chosen}

    recipe = {name: own.model_copy(update={"system": of_chosen(own.system)}) for name, own in experiment.recipe.items()}
    changed = {"systems": chosen, "system": of_chosen(experiment.system), "recipe": recipe}
    found = experiment.model_copy(update=changed)
    try:
        for name in chosen:
            _check_variables(found, systems.load(name))
    except ValueError as error:
        raise ExperimentError(printable(f"--system: {error}")) from error
    return found


def _with_environment_files(experiment: Experiment, base: Path) -> Experiment:
    """Return the experiment with the variables of its files, so that what is recorded is what is set."""
    variables: dict[str, str] = {}
    for name in experiment.environment_files:
        variables |= read_variables(base / name)
    return experiment.model_copy(update={"environment": {**variables, **experiment.environment}})


def read_variables(path: Path) -> dict[str, str]:
    """Return the variables of a file in the format of Docker Compose's ``env_file``: ``export``, quotes, comments.

    A value that would be made of other variables is refused: a shell's would decide it. Raises ExperimentError if the
    file cannot be read or has another format.
    """
    variables = {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"environment_files: {path} cannot be read: {error}") from error
    for binding in parse_stream(io.StringIO(text)):
        written = binding.original.string.lstrip("\n")
        line = written.rstrip("\n")
        number = binding.original.line + len(binding.original.string) - len(written)
        if binding.error or (binding.key is not None and binding.value is None):
            raise ExperimentError(f"line {number} of {path.name}: {line!r} is not NAME=VALUE")
        if binding.key is None or binding.value is None:
            continue
        if _REFERENCE.search(binding.value) and f"'{binding.value}'" not in line:
            remedy = "write the value itself, or put it in single quotes if it is meant as it stands"
            raise ExperimentError(f"line {number} of {path.name}: {line!r} names another variable; {remedy}")
        variables[binding.key] = binding.value
    return variables


def _check_names(experiment: Experiment, base: Path) -> list[Recipe]:
    for name in experiment.systems:
        _check_variables(experiment, systems.load(name))
    _check_settings(experiment, experiment.system)
    for recipe, overrides in experiment.recipe.items():
        _check_settings(experiment, overrides.system, f"recipe.{recipe}.")
    recipes = [load(name, base) for name in experiment.recipes]
    for chosen in recipes:
        _check_batches(experiment, chosen.name)
    names = [recipe.name for recipe in recipes]
    if len(set(names)) != len(names):  # two paths may end in the same name, which is what results are kept under
        raise ExperimentError(f"recipes: two are called the same ({', '.join(names)}); rename one's folder")
    for name in experiment.recipe:
        if name not in names:
            raise ExperimentError(f"[recipe.{name}]: not one of this experiment's recipes: {', '.join(names)}")
    return recipes


def _check_batches(experiment: Experiment, recipe: str) -> None:
    """Raise ExperimentError if no request of a run would have its batch size."""
    for batch_size in experiment.batch_sizes_of(recipe):
        for concurrency in experiment.concurrencies_of(recipe):
            if batch_size > (examples := experiment.examples_of_cell(recipe, batch_size, concurrency)):
                instead = f"ask for examples = {batch_size} at least, or set max_examples"
                raise ExperimentError(
                    f"batch_sizes: {recipe} has {examples} examples, less than {batch_size}; {instead}"
                )


def _check_variables(experiment: Experiment, system: System) -> None:
    """Raise ExperimentError if a variable is one that a system sets itself: its value would be recorded, and not be."""
    example = Served(Path("recipe"), "python", LOOPBACK, tuple(range(1, system.ports + 1)), 1, dict(system.settings))
    own = {name for process in system.processes(example) for name in process.environment}
    for name in own & experiment.environment.keys():
        instead = f"write it under [system.{system.name}]" if name in system.settings else "leave it out"
        raise ExperimentError(f"[environment] {name}: the system {system.name} sets that itself; {instead}")


def _check_settings(experiment: Experiment, own: Mapping[str, Mapping[str, str]], place: str = "") -> None:
    """Raise ExperimentError unless settings by system are of this experiment's systems; ``place``: where they stand."""
    for name, settings in own.items():
        table, there_are = f"[{place}system.{name}]", ", ".join(experiment.systems)
        if name not in experiment.systems:
            raise ExperimentError(f"{table}: not one of this experiment's systems: {there_are}")
        known = systems.load(name).settings
        for setting in settings:
            if setting not in known:
                valid = ", ".join(sorted(known)) or "none"
                raise ExperimentError(f"{table}: unknown setting '{setting}'; valid settings: {valid}")


def problem(details: Any) -> str:
    """Return one problem that pydantic found as a line: the key, what is wrong, and what would be right."""
    parts = [str(part) for part in details["loc"]]
    place, message = ".".join(parts), details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        model: type[BaseModel] = Overrides if parts[1:] and parts[0] == "recipe" else Experiment
        return f"unknown key '{place}'; valid keys: {', '.join(sorted(model.model_fields))}"
    if details["type"] == "missing":
        return f"key '{place}' is missing"
    said = f"{message[0].lower()}{message[1:]}"
    return f"{place} = {details['input']!r}: {said}" if place else said
