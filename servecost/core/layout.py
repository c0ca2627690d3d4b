"""The names by which the parts meet in files: columns, file names, and the name of a run in Locust's CSV.

Owns the formats' names only; who writes and reads the files is each stage's own matter.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA_VERSION = 4

BASELINE_CSV = "baseline.csv"
DIRECT_CALLS_CSV = "direct_calls.csv"
DIRECT_CALLS_COLUMNS = ("recipe", "inputs", "batch_size", "call_s")
BASELINE_COLUMNS = ("recipe", "batch_size", "run", "examples", "total_s")

PLAN_CSV = "plan.csv"
PLAN_COLUMNS = (
    "round",
    "recipe",
    "system",
    "system_label",
    "batch_size",
    "concurrency",
    "examples",  # of the served run
    "baseline_examples",
    "order",  # the run's place among all of the experiment's runs, of both arms
    "baseline_order",  # that of the baseline run that it is compared with
)

WALL_CSV = "wall.csv"  # where an experiment's time went: since the step before, and of that on a clock
WALL_COLUMNS = ("step", "wall_s", "timed_s")

EXPERIMENT_JSON = "experiment.json"
EXPECTED_JSON = "expected.json"
MANIFEST_JSON = "manifest.json"
FAILURE_JSON = "failure.json"
BASELINE_FAILURE_JSON = "baseline-b{}.failure.json"

LOCUST_PREFIX = "locust"
LOCUST_STATS_CSV = LOCUST_PREFIX + "_stats.csv"
RUN_TYPE = "RUN"
REQUESTS_SUFFIX = "_requests.csv"
LOCUST_REQUESTS_CSV = LOCUST_PREFIX + REQUESTS_SUFFIX
REQUESTS_COLUMNS = ("request", "worker", "user", "examples", "sent_ns", "answered_ns", "failure")
LEDGER_SUFFIX = "_ledger.csv"
LOCUST_LEDGER_CSV = LOCUST_PREFIX + LEDGER_SUFFIX
LEDGER_COLUMNS = (
    "worker",  # its number, and total for all of them
    "name",
    "users",
    "requests_issued",
    "requests_answered",
    "requests_failed",
    "examples_issued",
    "examples_answered",
    "examples_failed",
    "span_s",  # from the release to the last answer: a worker's by its own clock, the total by the master's
    "cpu_share",  # seconds of CPU per second of the run, and in the kernel's queue for a core; of a worker only
    "wait_share",
    "server_seen",  # requests, in total only; empty if the server keeps no count
    "server_seen_least",
    "server_seen_most",
    "fault",
)
TOTAL = "total"
RUN_SUFFIX = "_run.json"
LOCUST_RUN_JSON = LOCUST_PREFIX + RUN_SUFFIX

CALLS_CSV = "calls.csv"  # the served predictor's calls, by servecost.core.call_log.COLUMNS
SERVER_STAGES_CSV = "server_stages.csv"  # when each request reached each of the system's stages, since the release
SERVER_STAGES_COLUMNS = ("request", "stage", "at_ns")
IDLE_CSV = "idle.csv"  # the CPU time that the server used while the direct arm was timed
IDLE_COLUMNS = ("batch_size", "elapsed_s", "server_cpu_s")
INSTRUMENT = "instrument"  # the folder of the runs on the null system
NULL_SYSTEM = "null"
# The files that a served run must have, and all that it may have.
REQUIRED_RUN_FILES = (LOCUST_RUN_JSON, LOCUST_STATS_CSV, LOCUST_REQUESTS_CSV, LOCUST_LEDGER_CSV)
RUN_FILES = (*REQUIRED_RUN_FILES, CALLS_CSV, SERVER_STAGES_CSV)


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
        return f"{self.recipe} batch_size={self.batch_size} users={self.users} examples={self.examples}"


def round_folder(number: int) -> str:
    """Return the folder of a round within a results folder."""
    return f"round-{number}"


def cell_folder(batch_size: int, concurrency: int) -> str:
    """Return the folder of a served run within its system's folder."""
    return f"b{batch_size}-c{concurrency}"
