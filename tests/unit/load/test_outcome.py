"""The outcome of a run, in one line and an exit code."""

import re
from pathlib import Path

import pytest

from servecost.core.layout import RunName
from servecost.core.recipe import ROOT
from servecost.core.verdicts import RULES, Verdict
from servecost.load.cpu_use import CpuUse
from servecost.load.ledger import Ledger, ServerCount
from servecost.load.outcome import Outcome
from servecost.load.payloads import Load
from servecost.load.records import Record, Records
from servecost.load.tally import WRONG_ANSWER, Tally

NAME = RunName("echo", 2, 3, 6)


def ledger_of(*failures: str, issued: int | None = None, workers: int = 1) -> Ledger:
    """Return the ledger of requests of two examples each, taken by workers in turns."""
    ledger = Ledger([f"w{number}" for number in range(workers)])
    for place, entry in enumerate(ledger.entries.values()):
        entry.records = Records(
            Record(number, 0, 2, 1_000_000 * number, 5_000_000 + 1_000_000 * number, failure)
            for number, failure in enumerate(failures)
            if number % workers == place
        )
        ended, failed = len(entry.records), sum(bool(record.failure) for record in entry.records)
        sent = ended if issued is None else issued
        entry.tally = Tally(sent, ended - failed, failed, 2 * sent, 2 * (ended - failed), 2 * failed)
        entry.end_ns = max((record.answered_ns for record in entry.records), default=None)
    return ledger


def outcome_of(ledger: Ledger, **more: object) -> Outcome:
    return Outcome(NAME, Load(2, 6), 0, ledger, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize(
    ("failures", "exit_code", "line"),
    [
        (["", "", ""], 0, "VALID: {}: 0.007 s for 3 requests, every answer right"),
        (["", "HTTP 500", ""], 1, "INVALID(failures): {}: 1 of 3 requests failed; 1 × HTTP 500"),
        (["lie", "lie", "HTTP 500"], 1, "INVALID(failures): {}: 3 of 3 requests failed; 2 × lie; 1 × HTTP 500"),
        (["", WRONG_ANSWER, ""], 1, "INVALID(answers): {}: 1 of 3 requests failed; 1 × wrong answer"),
        (["", ""], 1, "INVALID(interrupted): {}: ended after 2 of 3 requests"),
        (["", "reset"], 1, "INVALID(failures): {}: ended after 2 of 3 requests; 1 × reset"),
    ],
)
def test_the_last_line_says_what_failed_and_how_often(failures, exit_code, line, workers):
    """Valid, wrong, cut short: the line and the exit code agree, however many workers there were."""
    outcome = outcome_of(ledger_of(*failures, workers=workers))
    assert outcome.exit_code == exit_code
    assert outcome.line() == line.format("echo batch_size=2 users=3 examples=6")


def test_a_request_without_a_record_makes_the_run_invalid():
    """A part of a run is never taken for the whole."""
    assert outcome_of(ledger_of("", "", "", issued=4)).line().endswith("ended after 3 of 3 requests")
    twice = ledger_of("", "", "")
    first, second, _ = twice.entries["w0"].records
    twice.entries["w0"].records = Records([first, second, second])
    assert not outcome_of(twice).is_valid


def test_connections_that_were_opened_anew_are_said():
    """Whoever stops a server, or lets it wait, sees whether it has closed connections meanwhile."""
    ledger = ledger_of("", "", "")
    ledger.entries["w0"].tally = ledger.entries["w0"].tally._replace(reconnections=2)
    outcome = outcome_of(ledger)
    assert outcome.is_valid
    assert outcome.line().endswith("; the server closed 2 connections, which were opened anew")


def test_only_so_many_kinds_of_failure_are_named():
    """The line stays a line."""
    outcome = Outcome(NAME, Load(2, 10), 0, ledger_of("a", "a", "b", "c", "d"))
    assert outcome.line().endswith("5 of 5 requests failed; 2 × a; 1 × b; 1 × c; 1 other kinds")


@pytest.mark.parametrize(("is_misuse", "exit_code"), [(True, 2), (False, 1)])
def test_a_host_that_does_not_answer_is_a_wrong_option(is_misuse, exit_code):
    """A run that could not start says why; only a wrong address is a wrong option."""
    outcome = outcome_of(Ledger(["w0"]), refusal=Verdict("host", "no warm-up at http://nowhere"), is_misuse=is_misuse)
    assert (outcome.exit_code, outcome.line()) == (exit_code, f"INVALID(host): {NAME}: no warm-up at http://nowhere")


def test_a_run_that_was_cut_short_says_why_and_how_far_it_was():
    """The name of the lost worker, and how many requests had ended."""
    outcome = outcome_of(ledger_of("", ""), refusal=Verdict("workers", "worker 1 was lost"))
    assert outcome.line() == f"INVALID(workers): {NAME}: worker 1 was lost (after 2 of 3 requests)"


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (ServerCount(3, 3, 3, ""), "VALID"),
        (ServerCount(None, 0, 0, "the server keeps no count"), "VALID"),
        (ServerCount(2, 1, 2, ""), "VALID"),
        (ServerCount(5, 3, 3, ""), "the server received 5 requests where 3 were sent"),
        (ServerCount(0, 1, 2, ""), "the server received 0 requests where 1 to 2 were sent"),
    ],
)
def test_the_server_s_count_has_to_agree(count, says):
    """A request that never reached the server, or that somebody else sent, makes the number wrong."""
    ledger = ledger_of("", "", "")
    ledger.server_count = count
    assert says in outcome_of(ledger).line()


def test_the_total_is_from_the_release_to_the_last_answer_of_all():
    """The last answer counts, not the answer to the last request."""
    ledger = Ledger(["w0", "w1", "w2"])
    ledger.entries["w0"].end_ns, ledger.entries["w1"].end_ns = 900, 30
    assert Outcome(NAME, Load(2, 6), 5, ledger).times.total_ns == 895


SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("used", "says"),
    [
        (CpuUse(SECOND, SECOND // 2, SECOND // 10), "VALID"),
        (CpuUse(SECOND // 10, SECOND // 50, SECOND // 20), "VALID"),  # a moment
        (CpuUse(SECOND, SECOND * 95 // 100, 0), "INVALID(client-cpu): {}: client process 0 (w0) used 95% of a core"),
        (
            CpuUse(SECOND, SECOND // 10, SECOND * 6 // 10),
            "INVALID(client-cpu): {}: client process 0 (w0) waited for a core 60% of the time",
        ),
    ],
)
def test_a_client_that_is_itself_the_limit_makes_the_run_invalid(used, says):
    """Because it works all the time, or because it waits for a core."""
    ledger = ledger_of("", "", "")
    ledger.entries["w0"].cpu_use = used
    assert outcome_of(ledger).line().startswith(says.format(NAME))


def test_fewer_requests_than_users_are_not_the_concurrency_that_the_run_is_named_for():
    """Another run would have the same outcome."""
    outcome = Outcome(RunName("echo", 2, 4, 6), Load(2, 6), 0, ledger_of("", "", ""))
    assert outcome.verdict.word == "INVALID(concurrency)"
    assert outcome.verdict.is_lasting
    assert outcome.exit_code == 1


def test_a_clock_that_was_set_makes_the_run_invalid():
    """Or a machine that slept: the monotonic clock stands still meanwhile."""
    assert outcome_of(ledger_of("", "", ""), clock_step_ns=50_000_000).is_valid
    assert outcome_of(ledger_of("", "", ""), clock_step_ns=-SECOND).verdict.word == "INVALID(clock)"
    backwards = ledger_of("", "", "")
    backwards.entries["w0"].records = Records([Record(number, 0, 2, 500, 400, "") for number in range(3)])
    assert outcome_of(backwards).verdict.word == "INVALID(clock)"


def test_more_requests_in_flight_than_users_make_the_run_invalid():
    """Some time is not what it is said to be."""
    ledger = ledger_of("", "", "")
    ledger.entries["w0"].records = Records([Record(number, 0, 2, 0, 1_000_000, "") for number in range(3)])
    ledger.entries["w0"].end_ns = 1_000_000
    assert outcome_of(ledger).is_valid
    crowded = Outcome(RunName("echo", 2, 2, 6), Load(2, 6), 0, ledger)
    assert crowded.verdict == Verdict("littles-law", "3.000 requests were in flight on the mean, with 2 users")


def run_of(*block_s: float, requests: int = 100, users: int = 1) -> Outcome:
    """Return the outcome of a run with one user after the other, whose tenths take so long."""
    ledger, now_ns = Ledger(["w0"]), 0
    entry = ledger.entries["w0"]
    entry.tally = Tally(requests, requests, 0, requests, requests, 0)
    for number in range(requests):
        sent_ns, now_ns = now_ns, now_ns + int(block_s[number * 10 // requests] * 10 / requests * SECOND)
        entry.records.append(Record(number, 0, 1, sent_ns, now_ns, ""))
    entry.end_ns = entry.span_ns = now_ns
    return Outcome(RunName("echo", 1, users, requests), Load(1, requests), 0, ledger)


COLD, STEADY = (2.0, *[1.0] * 9), [1.0] * 10


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (run_of(*STEADY), ""),
        (run_of(*COLD), "the first tenth took 2 s, the median tenth 1 s"),
        (run_of(1.0, *[0.9, 1.1] * 4, 1.0), ""),
        (run_of(*[0.02 * seconds for seconds in COLD]), ""),  # in a run of 0.2 s
        (run_of(*COLD, requests=19), ""),
        (run_of(*COLD, users=10), "the first tenth took 2 s, the median tenth 1 s"),
        (run_of(*COLD, users=11), ""),
    ],
    ids=["steady", "cold", "noise", "short", "few requests", "enough for each user", "few for each user"],
)
def test_a_run_that_began_cold_is_invalid(outcome, reason):
    """Where there are enough requests to tell: the first answers to many users come late in any run."""
    assert outcome.verdict == (Verdict("warm", reason) if reason else Verdict())


def test_every_rule_has_a_demand_and_a_remedy_and_no_other_rule_is_named():
    """There is one list of rules."""
    assert all(rule.demand and rule.remedy for rule in RULES.values())
    folders = ("servecost", "systems")
    code = "\n".join(path.read_text() for folder in folders for path in Path(ROOT, folder).rglob("*.py"))
    named = set(re.findall(r"""Verdict\(\s*"([a-z-]+)\"""", code))
    assert named <= RULES.keys()
    assert {"failures", "client-cpu", "workers"} <= RULES.keys()
