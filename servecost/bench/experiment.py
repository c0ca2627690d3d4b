"""An experiment file: which recipes, systems, batch sizes, concurrencies, how many examples and rounds.

Owns reading and checking it. Every problem becomes one line that names the key and what would be right.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from servecost.core import systems, threads
from servecost.core.recipe import Recipe, load


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise ValueError("something is named twice; name each once")
    return values


Count = Annotated[int, Field(ge=1)]
Counts = Annotated[list[Count], Field(min_length=1), AfterValidator(_distinct)]
Names = Annotated[list[str], Field(min_length=1), AfterValidator(_distinct)]
LEAST_TIMEOUT_S = 480
# Four times what an example of the slowest recipe takes: the last request in the queue waits for all the others.
TIMEOUT_S_PER_EXAMPLE = 0.2


class ExperimentError(ValueError):
    """An experiment file cannot be used; each line of the message says what is wrong, where, and what is right."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Overrides(_Table):
    """``[recipe.NAME]``: what differs for one recipe; what is left out is as for all."""

    batch_sizes: Counts | None = None
    concurrencies: Counts | None = None
    examples: Count | None = None
    max_examples: Count | None = None


class Experiment(_Table):
    """The content of an experiment file.

    Attributes:
        recipes: names of this project's recipes, or paths of recipe folders, relative to the file.
        systems: names of serving systems.
        batch_sizes: examples in one request; for the baseline, the ``batch_size`` of the predictor call.
        concurrencies: numbers of Locust users.
        examples: examples in one run.
        max_examples: upper limit when a cell needs extra examples to give every user a request; by default, no cell has
            extra examples.
        rounds: how often every cell is repeated.
        seed: of the order in which batch sizes and concurrencies are run.
        request_timeout_s: seconds after which a request has failed; by default reckoned from the largest cell.
        threads: threads that the model library computes with, in both arms; by default as the shell says, or one for
            each core that this process may use.
        environment: variables set for both arms alike, such as malloc settings.
        environment_files: files of such variables, a line ``NAME=VALUE`` each, relative to the experiment file;
            ``environment`` comes first.
        recipe: overrides by recipe name.
        system: settings of a system that differ from its defaults, by system name.
    """

    recipes: Names
    systems: Names = Field(default_factory=lambda: [systems.default()])
    batch_sizes: Counts
    concurrencies: Counts
    examples: Count
    max_examples: Count | None = None
    rounds: Count = 1
    seed: int = 1
    request_timeout_s: Count | None = None
    threads: Count | None = None
    environment: dict[str, str] = {}
    environment_files: list[str] = []
    recipe: dict[str, Overrides] = {}
    system: dict[str, dict[str, str]] = {}

    def batch_sizes_of(self, recipe: str) -> list[int]:
        """Return the batch sizes for one recipe."""
        return self._own(recipe).batch_sizes or self.batch_sizes

    def concurrencies_of(self, recipe: str) -> list[int]:
        """Return the concurrencies for one recipe."""
        return self._own(recipe).concurrencies or self.concurrencies

    def examples_of(self, recipe: str) -> int:
        """Return the examples per run for one recipe: of every baseline run, and of a served one if they suffice."""
        return self._own(recipe).examples or self.examples

    def examples_of_cell(self, recipe: str, batch_size: int, concurrency: int) -> int:
        """Return the examples of a served run: more than other runs have, if it takes more for a request per user."""
        examples, in_flight = self.examples_of(recipe), batch_size * concurrency
        most = self._own(recipe).max_examples or self.max_examples or examples
        return in_flight if examples < in_flight <= most else examples

    def variables(self) -> dict[str, str]:
        """Return the environment variables that are set for both arms alike."""
        return {**threads.variables(self.threads), **self.environment}

    def settings_of(self, system: str) -> dict[str, str]:
        """Return the settings of a system that differ from its defaults."""
        return self.system.get(system, {})

    def timeout_s_of(self, recipe: str) -> int:
        """Return after how many seconds a request of this recipe has failed: ample for its largest cell."""
        in_flight = max(self.batch_sizes_of(recipe)) * max(self.concurrencies_of(recipe))
        return self.request_timeout_s or LEAST_TIMEOUT_S + round(in_flight * TIMEOUT_S_PER_EXAMPLE)

    def _own(self, recipe: str) -> Overrides:
        return self.recipe.get(recipe, Overrides())


def read(path: Path) -> tuple[Experiment, list[Recipe]]:
    """Return an experiment file's content and its recipes. Raises ExperimentError with a line for each problem."""
    try:
        content = tomllib.loads(path.read_text())
        experiment = _with_environment_files(Experiment.model_validate(content), path.parent)
    except FileNotFoundError as error:
        raise ExperimentError(f"{path}: there is no such file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ExperimentError(f"{path}: {error}") from error
    except ExperimentError as error:
        raise ExperimentError(f"{path}: {error}") from error
    except ValidationError as error:
        raise ExperimentError("\n".join(f"{path}: {problem(details)}" for details in error.errors())) from error
    try:
        return experiment, _check_names(experiment, path.parent)
    except ValueError as error:
        raise ExperimentError(f"{path}: {error}") from error


def _with_environment_files(experiment: Experiment, base: Path) -> Experiment:
    """Return the experiment with the variables of its files, so that what is recorded is what is set."""
    variables: dict[str, str] = {}
    for name in experiment.environment_files:
        variables |= read_variables(base / name)
    return experiment.model_copy(update={"environment": {**variables, **experiment.environment}})


def read_variables(path: Path) -> dict[str, str]:
    """Return the variables of a file with a line ``NAME=VALUE`` each; empty lines and ``#`` comments are skipped.

    It is the format of Docker's ``env_file``. Raises ExperimentError if the file cannot be read or has another format.
    """
    variables = {}
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"environment_files: {path} cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            name, equals, value = line.partition("=")
            if not equals or not name.strip():
                raise ExperimentError(f"line {number} of {path.name}: {line!r} is not NAME=VALUE")
            variables[name.strip()] = value.strip()
    return variables


def _check_names(experiment: Experiment, base: Path) -> list[Recipe]:
    for name in experiment.systems:
        systems.load(name)
    for name, settings in experiment.system.items():
        _check_settings(experiment, name, settings)
    recipes = [load(name, base) for name in experiment.recipes]
    names = [recipe.name for recipe in recipes]
    if len(set(names)) != len(names):  # two paths may end in the same name, which is what results are kept under
        raise ExperimentError(f"recipes: two are called the same ({', '.join(names)}); rename one's folder")
    for name in experiment.recipe:
        if name not in names:
            raise ExperimentError(f"[recipe.{name}]: not one of this experiment's recipes: {', '.join(names)}")
    return recipes


def _check_settings(experiment: Experiment, name: str, settings: Mapping[str, str]) -> None:
    if name not in experiment.systems:
        raise ExperimentError(f"[system.{name}]: not one of this experiment's systems: {', '.join(experiment.systems)}")
    known = systems.load(name).settings
    for setting in settings:
        if setting not in known:
            raise ExperimentError(
                f"[system.{name}]: unknown setting '{setting}'; valid settings: {', '.join(sorted(known)) or 'none'}"
            )


def problem(details: Any) -> str:
    """Return one problem that pydantic found as a line: the key, what is wrong, and what would be right."""
    place = ".".join(map(str, details["loc"]))
    if details["type"] == "extra_forbidden":
        model = Overrides if details["loc"][0] == "recipe" else Experiment
        return f"unknown key '{place}'; valid keys: {', '.join(sorted(model.model_fields))}"
    if details["type"] == "missing":
        return f"key '{place}' is missing"
    return f"{place} = {details['input']!r}: {details['msg'][0].lower()}{details['msg'][1:]}"
