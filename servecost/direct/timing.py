"""Times the direct arm: one ``predictor(inputs, batch_size=b)`` call with all inputs of a run, decoding included.

Also times separate calls of few inputs, which tell what the calls that a server makes cost directly. Owns the
baseline's clock. Needs the standard library and the recipe only; knows nothing of serving, nor of files.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator, List

from servecost.core import answers, call_log
from servecost.core.overhead import WARM_UPS
from servecost.core.recipe import Recipe

Predictor = Callable[..., List[Any]]

# A size's calls are repeated until they have taken this long together and are this many, unless they take very long.
CALLS_S, CALLS_LEAST, CALLS_MOST, CALLS_LIMIT_S = 0.5, 3, 1000, 3.0


class Direct:
    """A recipe's predictor in this process, its calls logged as they are when it is served.

    Attributes:
        predictor: the predictor, in the wrapper that a served one has, too.
        log: start and end in ns, inputs and batch size of each call.
    """

    def __init__(self, folder: Path) -> None:
        """Import the predictor from within its folder, as a server does."""
        sys.path.insert(0, str(folder))
        os.chdir(str(folder))
        self.log: list[tuple[int, int, int, int]] = []
        predictor = importlib.import_module("predictor").predictor
        self.predictor = call_log.logged(predictor, lambda *call: self.log.append(call))

    def call_s(self, inputs: list[Any], batch_size: int) -> float:
        """Return the seconds of a call, from its entry in the log."""
        self.predictor(inputs, batch_size=batch_size)
        start_ns, end_ns, _, _ = self.log.pop()
        return float(end_ns - start_ns) / 1e9


def warm_up(predictor: Predictor, example: list[Any]) -> list[Any]:
    """Call the predictor on the example, untimed, and return its answers, which are printed for the reader to check."""
    for _ in range(WARM_UPS):
        answer = predictor(example)
    print("Warmed up with {} calls. The example's answer:".format(WARM_UPS))
    print(answer, flush=True)
    return answer


def time_call(predictor: Predictor, inputs: list[Any], batch_size: int, expected: list[Any]) -> float:
    """Return the seconds of one call with all ``inputs``. Raises ValueError when an answer differs from the example's.

    The answers are checked after the clock has stopped.
    """
    start_ns = time.perf_counter_ns()
    given = predictor(inputs, batch_size=batch_size)
    total_s = (time.perf_counter_ns() - start_ns) / 1e9
    if len(given) != len(inputs):
        raise ValueError("the predictor gave {} answers to {} inputs".format(len(given), len(inputs)))
    for index, answer in enumerate(given):
        if not answers.same(expected[index % len(expected)], answer):
            raise ValueError(
                "batch size {}: answer {} differs from the example's: {!r}".format(batch_size, index, answer)
            )
    return total_s


def time_calls(direct: Direct, chosen: Recipe, size: int, batch_size: int) -> Iterator[float]:
    """Yield the seconds of separate calls of ``size`` inputs."""
    spent_s, count, inputs = 0.0, 0, chosen.inputs.take(size)
    while (spent_s < CALLS_S or count < CALLS_LEAST) and spent_s < CALLS_LIMIT_S:
        seconds = direct.call_s(inputs, batch_size)
        spent_s, count = spent_s + seconds, count + 1
        yield seconds
        if count >= CALLS_MOST:
            return
