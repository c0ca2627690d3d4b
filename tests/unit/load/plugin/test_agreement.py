"""Whether Locust's statistics say the same as the ledger."""

import pytest
from locust.stats import RequestStats

from servecost.core.layout import RunName
from servecost.load.ledger import Ledger
from servecost.load.outcome import Outcome
from servecost.load.payloads import Load
from servecost.load.plugin.agreement import check_statistics
from servecost.load.records import Record, Records
from servecost.load.tally import Tally

MS = 1_000_000


def outcome() -> Outcome:
    """Return the outcome of two requests of 50 ms each, at the same time."""
    ledger = Ledger(["w0"])
    entry = ledger.entries["w0"]
    entry.tally = Tally(2, 2, 0, 4, 4, 0)
    entry.records = Records(Record(number, number, 2, 0, 50 * MS, "") for number in range(2))
    entry.end_ns = entry.span_ns = 50 * MS
    return Outcome(RunName("echo", 2, 2, 4), Load(2, 4), 0, ledger)


def stats(*response_times_ms: float) -> RequestStats:
    made = RequestStats()
    for each in response_times_ms:
        made.log_request("POST", "echo", each, 10)  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(
    ("response_times_ms", "word", "reason"),
    [
        ((50, 50), "VALID", ""),
        ((50.2, 50.2), "VALID", ""),
        ((50,), "INVALID(statistics)", "Locust's statistics count 1 requests, 0 failed; the ledger 2, 0"),
        (
            (51, 51),
            "INVALID(littles-law)",
            "2.000 requests were in flight on the mean, 2.040 by Locust's statistics",
        ),
        ((50, 30), "INVALID(littles-law)", "2.000 requests were in flight on the mean, 1.600 by Locust's statistics"),
    ],
)
def test_statistics_agree_or_the_run_is_invalid(response_times_ms, word, reason):
    """By their number, and by the mean number in flight."""
    found = check_statistics(stats(*response_times_ms), outcome())
    assert (found.word, found.reason) == (word, reason)
