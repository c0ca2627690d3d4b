"""The counts of a run: how many requests and examples were issued, answered and failed.

Owns the counts that every process keeps; those of all processes add up to the run's.
"""

from typing import NamedTuple

# The failure of a request begins with this if its answer differs from the direct arm's.
WRONG_ANSWER = "wrong answer"


class Tally(NamedTuple):
    """How much of a run is done.

    Attributes:
        requests_issued: requests that users have taken to send.
        requests_answered: those of them that got a correct answer.
        requests_failed: those of them that did not.
        examples_issued: the examples in the requests issued.
        examples_answered: the examples in the requests answered.
        examples_failed: the examples in the requests failed.
        reconnections: how often a user's connection was opened anew, because the server had closed it.
    """

    requests_issued: int = 0
    requests_answered: int = 0
    requests_failed: int = 0
    examples_issued: int = 0
    examples_answered: int = 0
    examples_failed: int = 0
    reconnections: int = 0
