"""Whether Locust's own statistics of a run say the same as its ledger.

Owns the comparison: the numbers of requests, and the mean number of requests in flight.
"""

from locust.stats import RequestStats

from servecost.core.verdicts import VALID, Verdict
from servecost.load.outcome import Outcome

# So far the two means may be apart, in part of the ledger's and in requests.
MEANS_APART, MEANS_APART_REQUESTS = 0.01, 0.01


def check_statistics(stats: RequestStats, outcome: Outcome) -> Verdict:
    """Return whether the statistics of a run that is valid so far agree with its ledger."""
    counted, total = stats.total, outcome.ledger.total
    ended = total.requests_answered + total.requests_failed
    if (counted.num_requests, counted.num_failures) != (ended, total.requests_failed):
        problem = f"Locust's statistics count {counted.num_requests} requests, {counted.num_failures} failed"
        return Verdict("statistics", f"{problem}; the ledger {ended}, {total.requests_failed}")
    mean, total_s = outcome.times.mean_in_flight, outcome.total_s
    if mean is None or not total_s:
        return VALID
    by_locust = counted.avg_response_time * counted.num_requests / (total_s * 1000)
    if abs(by_locust - mean) > max(MEANS_APART * mean, MEANS_APART_REQUESTS):
        reason = f"{mean:.3f} requests were in flight on the mean, {by_locust:.3f} by Locust's statistics"
        return Verdict("littles-law", reason)
    return VALID
