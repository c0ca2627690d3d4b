"""The names by which stages meet in files: columns, file names, and the name of a run in Locust's CSV.

Owns the formats' names only; who writes and reads the files is each stage's own matter.
"""

import re
from dataclasses import dataclass

SCHEMA_VERSION = 1

BASELINE_CSV = "baseline.csv"
BASELINE_COLUMNS = ("recipe", "batch_size", "run", "examples", "total_s")

PLAN_CSV = "plan.csv"
PLAN_COLUMNS = ("round", "recipe", "system", "system_label", "batch_size", "concurrency", "examples")

EXPERIMENT_JSON = "experiment.json"
EXPECTED_JSON = "expected.json"
MANIFEST_JSON = "manifest.json"
FAILURE_TXT = "failure.txt"

LOCUST_PREFIX = "locust"
LOCUST_STATS_CSV = LOCUST_PREFIX + "_stats.csv"
RUN_TYPE = "RUN"
REQUESTS_SUFFIX = "_requests.csv"
LOCUST_REQUESTS_CSV = LOCUST_PREFIX + REQUESTS_SUFFIX
REQUESTS_COLUMNS = ("request", "user", "examples", "sent_ns", "answered_ns", "failure")

_RUN_NAME = re.compile(
    r"(?P<recipe>\S+) batch_size=(?P<batch_size>\d+) users=(?P<users>\d+) examples=(?P<examples>\d+)"
)


@dataclass(frozen=True)
class RunName:
    """What a served run is called in Locust's CSV.

    Attributes:
        recipe: the recipe's name.
        batch_size: examples in one request.
        users: Locust users, the request concurrency.
        examples: examples in the whole run.
    """

    recipe: str
    batch_size: int
    users: int
    examples: int

    def __str__(self) -> str:
        return "{0.recipe} batch_size={0.batch_size} users={0.users} examples={0.examples}".format(self)

    @classmethod
    def parse(cls, text: str) -> "RunName":
        """Return the parts of a name that ``str`` made. Raises ValueError for any other text."""
        match = _RUN_NAME.fullmatch(text)
        if match is None:
            raise ValueError("not the name of a run: {!r}".format(text))
        return cls(match["recipe"], int(match["batch_size"]), int(match["users"]), int(match["examples"]))


def round_folder(number: int) -> str:
    """Return the folder of a round within a results folder."""
    return "round-{}".format(number)


def cell_folder(batch_size: int, concurrency: int) -> str:
    """Return the folder of a served run within its system's folder."""
    return "b{}-c{}".format(batch_size, concurrency)
