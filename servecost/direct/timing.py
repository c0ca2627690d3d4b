"""Times the direct arm: one ``predictor(inputs, batch_size=b)`` call with all inputs of a run, decoding included.

Also times separate calls of few inputs, which tell what the calls that a server makes cost directly. All of it is warm:
the same work has been done untimed, at the same size, until it was steady. Owns the baseline's clock, which does not
run while the process is stopped. Needs the standard library and the recipe only; knows nothing of serving, nor of
files.
"""

from __future__ import annotations

import importlib
import math
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List, NamedTuple, Sequence

from servecost.core import answers, call_log, plain, stops
from servecost.core.example import search_path
from servecost.core.overhead import WARM_UPS
from servecost.core.recipe import Recipe
from servecost.core.warming import LIMIT_S, Cold, Warming

Predictor = Callable[..., List[Any]]

# Every size is called at least so often, and all of them together until they have taken so long, within these limits.
ROUNDS_LEAST, ROUNDS_MOST, ROUNDS_S = 2, 200, 0.2
# A further example is timed in a call of several batches: of ever more by this factor, until it takes so long. A batch
# that takes so long by itself is timed beside two of them, unless that is too long to tell what a call adds to it.
SEVERAL_S, SEVERAL_FACTOR, SEVERAL_MOST = 0.25, 4, 256
TWO_MOST_S = 5.0
# A reference call has as many batches as take so long, and of whose seconds at most this part is what a call costs by
# itself: that part is known less well than the rest, and is a smaller one of the whole run.
REFERENCE_S, OWN_PART = 0.1, 0.2


class SeparateCall(NamedTuple):
    """A call of few inputs, and the reference call before it.

    Attributes:
        inputs: how many inputs it had.
        batch_size: what it was given as its batch size.
        call_s: how long it took.
        reference_inputs: how many inputs of the run take as long as the reference call should, which has more or fewer
            of them as its calls cost by themselves: the run pays that once.
        reference_s: how long the reference call took.
    """

    inputs: int
    batch_size: int
    call_s: float
    reference_inputs: float
    reference_s: float


class Direct:
    """A recipe's predictor in this process, its calls logged as they are when it is served.

    Attributes:
        predictor: the predictor, in the wrapper that a served one has, too.
        expected: its answers to the example.
        log: start and end in ns, inputs and batch size of each call.
    """

    def __init__(self, folder: Path, example: list[Any], limit_s: float = LIMIT_S) -> None:
        """Import the predictor from within its folder, as a server does, and call it on the example, untimed.

        ``limit_s``: for about so long work of one size is repeated until it is steady. Raises ValueError if the answers
        to the example are none.
        """
        sys.path[:] = search_path(folder)
        os.chdir(str(folder))
        self.log: list[tuple[int, int, int, int]] = []
        predictor = importlib.import_module("predictor").predictor
        self.predictor = call_log.logged(predictor, lambda *call: self.log.append(call))
        self.expected = warm_up(self.predictor, example)
        self.log.clear()
        self._limit_s = limit_s
        self._steady: dict[tuple[int, int], float] = {}
        self._further: dict[int, float] = {}

    def call_s(self, inputs: list[Any], batch_size: int) -> float:
        """Return the seconds of a call, from its entry in the log. Raises ValueError if an answer is wrong."""
        count = len(inputs)  # a predictor may use its list up
        given = self.predictor(inputs, batch_size=batch_size)
        start_ns, end_ns, _, _ = self.log.pop()
        check_answers(given, count, batch_size, self.expected)
        return float(end_ns - start_ns) / 1e9

    def warm(self, chosen: Recipe, size: int, batch_size: int) -> Cold:
        """Call the predictor with ``size`` inputs, untimed, until that is steady; return what the first call cost."""
        inputs = chosen.inputs.take(size)
        warming = Warming(self._steady.get((size, batch_size)), self._limit_s)
        while not warming.add(self.call_s(inputs, batch_size)):
            pass
        self._steady[size, batch_size] = warming.found.steady_s
        return warming.found

    def further_s(self, chosen: Recipe, batch_size: int) -> float:
        """Return the seconds of each further example in a call of several batches, found once for each batch size.

        A call may cost something by itself, which the call of a single batch cannot tell from what its examples cost.
        """
        if batch_size not in self._further:
            one = batch_size, batch_size
            batches, one_s = 1, self._steady[one] if one in self._steady else self.warm(chosen, *one).steady_s
            several_s = one_s
            most = 1 if one_s >= TWO_MOST_S else SEVERAL_MOST
            while (batches == 1 or several_s < SEVERAL_S) and batches < most:
                batches *= SEVERAL_FACTOR if one_s < SEVERAL_S else 2
                several_s = self.call_s(chosen.inputs.take(batches * batch_size), batch_size)
            by_difference = batches > 1 and several_s > one_s
            further = ((several_s - one_s) / (batches - 1) if by_difference else several_s / batches) / batch_size
            self._further[batch_size] = further
        return self._further[batch_size]

    def reference(self, chosen: Recipe, batch_size: int, examples: int) -> tuple[int, float]:
        """Return how many inputs a reference call has, and how many inputs of a run take as long."""
        if examples <= batch_size:
            return examples, examples
        further_s = self.further_s(chosen, batch_size)
        own_s = self._steady[batch_size, batch_size] - batch_size * further_s
        due_s = max(REFERENCE_S - own_s, own_s * (1 - OWN_PART) / OWN_PART)
        inputs = min(batch_size * max(1, math.ceil(due_s / (batch_size * further_s))), examples)
        return inputs, examples * (own_s + inputs * further_s) / (own_s + examples * further_s)


def warm_up(predictor: Predictor, example: list[Any]) -> list[Any]:
    """Call the predictor on the example, untimed, and return its answers, which are printed for the reader to check.

    Raises ValueError if they are no list of plain values, or if the predictor has changed its inputs, which it would be
    given again.
    """
    before = plain.digest(example)
    for _ in range(WARM_UPS):
        given = list(example)
        answer = predictor(given)
        answers.check(answer, len(example))
        if plain.digest(given) != before:
            raise ValueError("the predictor changes the inputs that it is given, or their list; have it work on a copy")
    print("Warmed up with {} calls. The example's answer:".format(WARM_UPS))
    print(answer, flush=True)
    return list(answer)


class Span(NamedTuple):
    """When a call began and ended, in ns of the monotonic clock, and its seconds less the stops between."""

    begin_ns: int
    end_ns: int
    total_s: float


def time_call(predictor: Predictor, inputs: list[Any], batch_size: int, expected: list[Any]) -> Span:
    """Time one call with all ``inputs``. Raises ValueError when an answer differs from the example's.

    The answers are checked after the clock has stopped.
    """
    count = len(inputs)  # a predictor may use its list up
    start_ns = time.perf_counter_ns()
    given = predictor(inputs, batch_size=batch_size)
    end_ns = time.perf_counter_ns()
    check_answers(given, count, batch_size, expected)
    return Span(start_ns, end_ns, stops.own().between_ns(start_ns, end_ns) / 1e9)


def check_answers(given: list[Any], count: int, batch_size: int, expected: list[Any]) -> None:
    """Raise ValueError unless the answers to ``count`` inputs are the example's, over and over."""
    answers.check_count(given, count)
    for index, answer in enumerate(given):
        if not answers.same(expected[index % len(expected)], answer):
            raise ValueError(
                "batch size {}: answer {} differs from the example's: {!r}".format(batch_size, index, answer)
            )


def time_calls(
    direct: Direct,
    chosen: Recipe,
    sizes: Sequence[tuple[int, int]],
    run: tuple[int, int],
    limit_s: float,
) -> Iterator[SeparateCall]:
    """Yield separate calls of these numbers of inputs and batch sizes, all of them in turn, after a reference call.

    ``run``: the batch size and number of inputs of the run that has just been made. The reference is that run in small:
    the quotient of the two does not feel a machine that becomes slower or faster. They take about ``limit_s`` in all,
    but each size is called at least once.
    """
    batch_size, examples = run
    reference, worth = direct.reference(chosen, batch_size, examples)
    for size, given in sizes:
        direct.warm(chosen, size, given)
    begin_s = time.perf_counter()
    for number in range(ROUNDS_MOST):
        spent_s = time.perf_counter() - begin_s
        if number and spent_s * (number + 1) / number > limit_s and (number >= ROUNDS_LEAST or spent_s > ROUNDS_S):
            return
        reference_s = direct.call_s(chosen.inputs.take(reference), batch_size)
        for size, given in sizes:
            yield SeparateCall(size, given, direct.call_s(chosen.inputs.take(size), given), worth, reference_s)
