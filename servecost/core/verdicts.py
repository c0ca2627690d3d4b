"""The rules that a number has to pass, each with its remedy, and the verdict on a run or a row.

Owns the list of rules: nothing is called invalid for a reason that is not in it. The load, the bench and the report
each check the rules whose facts they have.
"""

from __future__ import annotations

from dataclasses import dataclass

# Above this part of a core, the client may be the bottleneck, and the total says nothing about the server.
CLIENT_CPU_MAX = 0.9
# Above this part of the run spent waiting for a core, the client did not drive the load. A wait of less than so many
# seconds is ignored: short runs are noisy.
CLIENT_WAIT_MAX, CLIENT_WAIT_NEGLIGIBLE_S = 0.2, 0.5
# Above this part of a core, a resting arm takes time from the other while that is timed.
IDLE_CPU_MAX = 0.1
# The slowest round over the fastest, of either arm: above this, the machine has changed between rounds.
# The wall clock against the monotonic one, over a run: above this, a clock was set, or the machine slept.
CLOCK_STEP_MAX_S = 0.1
# The rule that a recipe breaks under a system, whatever the machine does.
UNSENDABLE = "unsendable"
MISSING = "missing"


@dataclass(frozen=True)
class Rule:
    """A condition that a run or a row has to meet.

    Attributes:
        name: the name that verdicts use.
        demand: the condition, in a few words.
        remedy: what to do when it is broken.
        is_lasting: whether another run would break it again.
    """

    name: str
    demand: str
    remedy: str
    is_lasting: bool = False


_ALL = (
    Rule("count", "every example is sent exactly once, in one request", "run it again; if it recurs, report it"),
    Rule("failures", "every request is answered", "see the failures in locust_requests.csv and the server's logs"),
    Rule("answers", "every answer is the direct arm's", "see whether the predictor's answers depend on the batch"),
    Rule("server-count", "the server counts as many requests as were sent", "keep others away from the server"),
    Rule("busy", "nobody else uses the server", "keep others away from the server"),
    Rule("server", "the server starts, answers and lives", "see the end of the server's logs"),
    Rule(
        UNSENDABLE,
        "the system has a form for the predictor's answers",
        "have the predictor return what can be sent, or serve the recipe with another system",
    ),
    Rule("server-restarted", "the server's processes are the same all the time", "see why in the server's logs"),
    Rule(
        "not-idle",
        f"an arm uses next to nothing (below {IDLE_CPU_MAX:.0%} of a core) while it is stopped and the other is timed",
        "see which of its processes was not stopped; run it again",
    ),
    Rule(
        "warm",
        "a run takes no longer at its beginning than later, and a baseline no longer than calls beside it",
        "see what is slow at first; run it again, with a larger warm_s",
    ),
    Rule("pair", "both arms of a pair are made in one sitting", "run the same command again"),
    Rule(
        "littles-law",
        "the mean number of requests in flight is the rate times the mean response time, and at most the users",
        "run it again; if it recurs, report it",
    ),
    Rule(
        "client-cpu",
        f"no client process uses above {CLIENT_CPU_MAX:.0%} of a core, "
        f"or waits for one above {CLIENT_WAIT_MAX:.0%} of the time",
        "send from more processes (locust --processes 2) or from another machine, and stop what else runs here",
    ),
    Rule("workers", "every worker takes part from beginning to end", "start it again; see its own output"),
    Rule("users", "as many users are ready as were asked for", "see why they could not start or did not stay"),
    Rule(
        "concurrency",
        "there are at least as many requests as users",
        "ask for more examples, smaller batches or fewer users",
        is_lasting=True,
    ),
    Rule("host", "the server can be reached and answers the example correctly", "start it, or give its right address"),
    Rule("interrupted", "the run is not broken off", "let it come to its end"),
    Rule("statistics", "Locust's statistics count what the ledger counts", "do not reset them during a run"),
    Rule("clock", "no clock is set during the run, and no time is negative", "stop what sets it; run it again"),
    Rule("calls", "the predictor's calls in the run had all its examples", "see the server's log; run it again"),
    Rule("baseline", "the direct arm runs and gives an answer for each input", "see the end of baseline.log"),
    Rule(
        "environment",
        "what the recipe and the system require can be installed together",
        "serve the recipe with another system, or change its requirements",
    ),
    Rule(
        "memory",
        "at least 5 % of memory stays free and at most 64 MiB are swapped out",
        "take smaller batches, fewer users or more memory",
    ),
    Rule("disk", "there is disk space left", "free some space, also where temporary files are kept; run it again"),
    Rule("files", "the run's files are whole and can be read", "free some space if there is none; run it again"),
    Rule("noise", "the interval is as narrow as the experiment asks", "measure more rounds, or longer runs"),
    Rule(MISSING, "every planned run is there", "run the same command again"),
    Rule("withdrawn", "a published number is not known to be wrong", "measure it again, with this version"),
)
RULES = {rule.name: rule for rule in _ALL}


@dataclass(frozen=True)
class Verdict:
    """Whether a number counts.

    Attributes:
        rule: the name of the rule that it breaks, or nothing if it is valid.
        reason: what was found, in one line.
    """

    rule: str = ""
    reason: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether no rule is broken."""
        return not self.rule

    @property
    def is_lasting(self) -> bool:
        """Whether another run would come to the same."""
        return self.is_valid or RULES[self.rule].is_lasting

    @property
    def remedy(self) -> str:
        """What to do about it, or nothing."""
        return RULES[self.rule].remedy if self.rule else ""

    @property
    def word(self) -> str:
        """``VALID``, or ``INVALID`` with the rule."""
        return f"INVALID({self.rule})" if self.rule else "VALID"

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}. Remedy: {self.remedy}" if self.rule else self.word


VALID = Verdict()
