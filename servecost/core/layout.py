"""The names by which the parts meet in files: columns, file names, and the name of a run in Locust's CSV.

Owns the formats' names only; who writes and reads the files is each stage's own matter.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA_VERSION = 5

BASELINE_CSV = "baseline.csv"
DIRECT_CALLS_CSV = "direct_calls.csv"
# Of each separate call, what the reference call took that was made before it, and how many inputs of the baseline's
# run take as long.
DIRECT_CALLS_COLUMNS = ("recipe", "inputs", "batch_size", "call_s", "reference_inputs", "reference_s")
BASELINE_COLUMNS = ("recipe", "batch_size", "run", "examples", "total_s")

PLAN_CSV = "plan.csv"
PLAN_COLUMNS = (
    "round",
    "recipe",
    "system",
    "system_label",
    "batch_size",
    "concurrency",
    "pair",  # its number in the round
    "examples",  # of each arm
    "order",  # the pair's place among all of the experiment's pairs
)
# The pair of the baseline with itself stands in the plan as a system of this name, at concurrency 0.
SAME = "_same"
SAME_LABEL = "baseline again"

ABSENT_CSV = "absent.csv"  # which recipes and systems of the experiment cannot be had together, and why
ABSENT_COLUMNS = ("recipe", "system", "system_label", "reason")


WALL_CSV = "wall.csv"  # where an experiment's time went: since the step before, and of that on a clock
WALL_COLUMNS = ("step", "wall_s", "timed_s")

# Names, in Locust's environment, the file that releases a run: until it is there, a run that is warm is held.
HOLD_UNTIL = "HOLD_UNTIL"

# Names, in Locust's environment, the digest of the inputs that the direct arm has answered.
INPUTS = "EXPECTED_INPUTS"

# A results folder may have published tables of the same experiment in it, whose pairs count as done.
EARLIER = "earlier"
# Of published results: what the runs were made with, and the tables that say which runs there are.
MADE_WITH_JSON = "made_with.json"
SERVED_TABLE_CSV = "served.csv"
SAME_TABLE_CSV = "same.csv"
INSTRUMENT_TABLE_CSV = "instrument.csv"

EXPERIMENT_JSON = "experiment.json"
EXPECTED_JSON = "expected.json"
MANIFEST_JSON = "manifest.json"
FAILURE_JSON = "failure.json"

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
    "reconnections",
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
WARM_SUFFIX = "_warm.json"  # what the first request of the batch size took, and a steady one
LOCUST_WARM_JSON = LOCUST_PREFIX + WARM_SUFFIX

CALLS_CSV = "calls.csv"  # the served predictor's calls, by servecost.core.call_log.COLUMNS
SERVER_STAGES_CSV = "server_stages.csv"  # when each request reached each of the system's stages, since the release
SERVER_STAGES_COLUMNS = ("request", "stage", "at_ns")
SLICES_CSV = "slices.csv"  # when each arm of a pair ran, on the monotonic clock; the other was stopped
SLICES_COLUMNS = ("arm", "begin_ns", "end_ns")
RUNS_CSV = "runs.csv"  # when each arm's run began and ended, on the same clock, stops included
RUNS_COLUMNS = ("arm", "begin_ns", "end_ns")
# Of a baseline process that works on request.
DIRECT_RUNS_COLUMNS = ("batch_size", "examples", "begin_ns", "end_ns", "total_s")
COLD_CSV = "cold.csv"  # of a part: what each arm's first work of a size took, and steady work of that size
COLD_COLUMNS = ("arm", "batch_size", "first_s", "steady_s", "calls")
# Of a baseline process that works on request: also whether calls became steady (1) or were given up (0), and the
# seconds of each further example in a call of several batches.
WARM_COLUMNS = (*COLD_COLUMNS, "is_steady", "further_s")
IDLE_CSV = "idle.csv"  # what each arm of a pair used while it was stopped
IDLE_COLUMNS = ("arm", "rested_s", "cpu_s", "memory_mib")
BASELINE, SERVED = "baseline", "served"  # the arms
_ROUND = "round-"
INSTRUMENT = "instrument"  # the folder of the runs on the null system
NULL_SYSTEM = "null"
# The files that a pair must have, and all that it may have; a run on the null system has no baseline.
LOCUST_RUN_FILES = (LOCUST_RUN_JSON, LOCUST_STATS_CSV, LOCUST_REQUESTS_CSV, LOCUST_LEDGER_CSV)
REQUIRED_PAIR_FILES = (*LOCUST_RUN_FILES, BASELINE_CSV, SLICES_CSV, IDLE_CSV)
REQUIRED_SAME_FILES = (BASELINE_CSV, SLICES_CSV, IDLE_CSV)
PAIR_FILES = (*REQUIRED_PAIR_FILES, RUNS_CSV, LOCUST_WARM_JSON, CALLS_CSV, DIRECT_CALLS_CSV, SERVER_STAGES_CSV)


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


ROUND_FOLDERS = "round-*"


def round_folder(number: int) -> str:
    """Return the folder of a round within a results folder."""
    return f"{_ROUND}{number}"


def is_of_runs(folder: str) -> bool:
    """Say whether a folder in a results folder, by its name, is that of a round, or of the runs on the null system."""
    return folder == INSTRUMENT or (folder.startswith(_ROUND) and folder[len(_ROUND) :].isdigit())


def cell_folder(batch_size: int, concurrency: int, pair: int = 1) -> str:
    """Return the folder of a pair within its system's folder; ``pair``: its number in the round."""
    return f"b{batch_size}-c{concurrency}" + (f"-p{pair}" if pair > 1 else "")
