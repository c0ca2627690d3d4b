"""The sections of a report, in their order, which the HTML report and the notebook both show.

Owns their titles, their explanations, and what each shows: text in Markdown, plots, tables. How that is shown is the
reader's matter.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from servecost.report.computed import Computed
from servecost.report.read import results
from servecost.report.write import claims, plots, wording
from servecost.report.write.caption import caption, idleness, wall
from servecost.report.write.notes import under_table
from servecost.report.write.pictures import Picture

Block = str | Picture | pd.DataFrame


@dataclass(frozen=True)
class Section:
    """A section of a report.

    Attributes:
        title: its heading.
        text: what it shows and how to read that, in Markdown.
        blocks: yields its content from a report's numbers.
    """

    title: str
    text: str
    blocks: Callable[[Computed], Iterator[Block]]


def _table(numbers: Computed) -> Iterator[Block]:
    for cells in numbers.systems:
        yield wording.markdown(wording.published_table(cells))
        yield under_table(cells, numbers.found.asked)
    yield caption(numbers)
    yield idleness(numbers.found.idle)
    yield wall(numbers.found.wall)


def _parts(numbers: Computed) -> Iterator[Block]:
    for cells in numbers.systems:
        yield wording.markdown(wording.attribution_table(cells))
        yield claims.listed(cells)
        title = "The served seconds of each decided cell as 100 %: the baseline and the three parts of the overhead"
        yield Picture("where-the-seconds-go", title, plots.where_the_seconds_go, cells)


def _machine(numbers: Computed) -> Iterator[Block]:
    for cells in numbers.systems:
        yield wording.markdown(wording.machine_table(cells))


def _per_request(numbers: Computed) -> Iterator[Block]:
    for cells in numbers.systems:
        yield wording.markdown(wording.per_request_table(cells))
        title = "The overhead of one request in ms, by batch size and concurrency"
        yield Picture("overhead-per-request", title, plots.overhead_per_request, cells)
    yield wording.request_costs(numbers.request_costs)


def _response_times(numbers: Computed) -> Iterator[Block]:
    times = results.not_withdrawn(numbers.found, numbers.found.response_times)
    yield wording.markdown(wording.quantile_table(times))


def _stages(numbers: Computed) -> Iterator[Block]:
    yield wording.markdown(wording.quantile_table(results.not_withdrawn(numbers.found, numbers.found.stages)))


def _against_baseline(numbers: Computed) -> Iterator[Block]:
    for cells in numbers.systems:
        title = "Seconds per 10,000 examples, called directly and served, by batch size and concurrency"
        yield Picture("served-against-baseline", title, plots.served_against_baseline, cells)


def _every_pair(numbers: Computed) -> Iterator[Block]:
    yield numbers.pairs.drop(columns=["system_label", "reason"]).round(4)


SECTIONS = [
    Section("The overhead table", "", _table),
    Section(
        "Where the seconds go",
        "The overhead is the sum of three parts, exactly, each with an interval. *Call pattern*: what the server's "
        "calls of the predictor cost directly, less the baseline's one call: what batching gained or lost, and what "
        "the model library takes for each call. *Contention*: how much longer the same calls took when served, because "
        "client and server share the machine. *Serving path*: the seconds in which the predictor stood idle: "
        "transport, queueing, encoding. *Instrument* is not a fourth part: it is what the same requests take on a "
        "server that answers at once, the client's and the loopback's share of the serving path: at concurrency 1 a "
        "lower bound of it. Each decided row has a line; nothing is said of the others.",
        _parts,
    ),
    Section(
        "What else it takes",
        "Seconds of CPU per 10,000 examples of each arm's own processes; how many processes the server had, and in how "
        "many of them the predictor was called (*workers*); the peak of their memory; the seconds from their start to "
        "the first right answer; and what the first call of a size cost beyond a steady one, paid once "
        "by every process and never scaled. *In flight*: how many requests were under way on average.",
        _machine,
    ),
    Section(
        "Overhead of one request, in ms",
        "Served minus baseline, for each request of the run. A negative overhead is real: the server merges waiting "
        "requests into larger batches, and some models run those faster. *Fixed* and *per MiB*, where three batch "
        "sizes allow it: a line through the serving path of a request at concurrency 1, by the size of its payload.",
        _per_request,
    ),
    Section(
        "Response times, in ms",
        "Of every request, unrounded, from the first byte sent to the complete answer, less the stops; each quantile "
        "is a value that was observed, and a dash where there were too few requests to tell.",
        _response_times,
    ),
    Section(
        "Where a request waits, in ms",
        "By the server's own records, joined by the request's id. A stage lies between two times: the client notes "
        "*sent* and *arrived*, the server all others, by names of its own. The stages sum to the response time. Where "
        "a server forgets its requests, only the last ones of a long run are counted.",
        _stages,
    ),
    Section("Served against baseline", "", _against_baseline),
    Section("Every run", "", _every_pair),
]
