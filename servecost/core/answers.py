"""Compares answers: the direct arm's own answer to an input is the only right one.

Owns the file in which the direct arm leaves its answers, and the comparison. Knows nothing of transport.
"""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

from servecost.core import csv_files, plain

# Batches of another size round floats differently in the last digits: on CPUs, far below these.
RELATIVE_TOLERANCE = 1e-3
# What is a rounding error beside the largest number of an answer; and beside zero, of a number that stands alone.
ROUNDING, ZERO = 1e-6, 1e-9
# How the file marks what JSON has no form for: bytes, and dicts with keys that are bytes, or one of these marks.
_BYTES, _ITEMS = "base64", "items of a dict"


def same(expected: Any, answer: Any) -> bool:
    """Say whether two answers are equal: floats within tolerance, tuples as lists, and everything else exactly.

    The tolerance is relative to each number, and to the largest of the whole answer.
    """
    return _same(expected, answer, 0.0) or _same(expected, answer, ROUNDING * _largest(expected))


def _same(expected: Any, answer: Any, tolerance: float) -> bool:
    """Say whether two answers are equal; ``tolerance``: of floats, beside the relative one."""
    if isinstance(expected, bool) or isinstance(answer, bool):
        return expected is answer
    if isinstance(expected, float) or isinstance(answer, float):
        return _is_number(expected) and _is_number(answer) and _same_number(expected, answer, tolerance)
    if isinstance(expected, (list, tuple)):
        if not isinstance(answer, (list, tuple)) or len(expected) != len(answer):
            return False
        return all(_same(one, other, tolerance) for one, other in zip(expected, answer))
    if isinstance(expected, dict):
        return isinstance(answer, dict) and _same_items(expected, answer, tolerance)
    return bool(expected == answer)


def _same_items(expected: dict[Any, Any], answer: dict[Any, Any], tolerance: float) -> bool:
    if expected.keys() != answer.keys():  # JSON has made strings of a file's keys, msgpack leaves them as they are
        expected, answer = ({str(key): value for key, value in given.items()} for given in (expected, answer))
    if expected.keys() != answer.keys():
        return False
    return all(_same(value, answer[key], tolerance) for key, value in expected.items())


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))  # bool, a subclass of int, is handled in ``_same``


def _same_number(expected: float, answer: float, tolerance: float) -> bool:
    least = ZERO if not expected or not answer else 0.0
    try:
        if math.isnan(expected) or math.isnan(answer):
            return math.isnan(expected) and math.isnan(answer)
        return math.isclose(expected, answer, rel_tol=RELATIVE_TOLERANCE, abs_tol=max(tolerance, least))
    except OverflowError:  # an integer that no float is as large as
        return False


def _largest(answer: Any) -> float:
    """Return the largest finite number in an answer, by its absolute value; 0 if it holds none."""
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, (list, tuple)):
        return max(map(_largest, answer), default=0.0)
    is_finite = isinstance(answer, float) and math.isfinite(answer)
    return abs(answer) if is_finite else 0.0


def check_count(given: Any, inputs: int) -> None:
    """Raise ValueError, with what would be right, unless ``given`` is a list of as many answers as inputs."""
    if not isinstance(given, (list, tuple)):
        kind = type(given).__name__
        raise ValueError(f"the predictor has to return a list with one answer for each input; it returned a {kind}")
    if len(given) != inputs:
        raise ValueError(f"the predictor gave {len(given)} answers to {inputs} inputs")


def check(given: Any, inputs: int) -> None:
    """Raise ValueError, with what would be right, unless ``given`` is a list of as many plain answers as inputs."""
    check_count(given, inputs)
    for each in given:
        try:
            plain.digest(each)
        except plain.NotPlain as error:
            raise ValueError(
                f"the predictor's answer holds {error}, which no client can be sent; return plain Python values"
            ) from None


def write(path: Path, answers: list[Any]) -> None:
    """Write the direct arm's answers to the example's inputs, in their order; bytes are kept as base64."""
    text = json.dumps([_marked(answer) for answer in answers], indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    csv_files.replace(path, lambda file: file.write(text + "\n"))


def read(path: Path) -> list[Any]:
    """Return the answers that ``write`` wrote; a tuple is a list, and a dict's keys are text or bytes.

    Raises ValueError if the file holds something else.
    """
    answers = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(answers, list):
        raise ValueError("{} holds no list of answers".format(path))
    return [_unmarked(answer) for answer in answers]


def _marked(value: Any) -> Any:
    """Return an answer with bytes, and dicts that could be taken for them, marked by a key of their own."""
    if isinstance(value, (bytes, bytearray)):
        return {_BYTES: base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [_marked(each) for each in value]
    if isinstance(value, dict):
        items = [[_marked(key) if isinstance(key, bytes) else str(key), _marked(each)] for key, each in value.items()]
        is_clear = all(isinstance(key, str) for key, _ in items) and not {_BYTES, _ITEMS} & value.keys()
        return dict(items) if is_clear else {_ITEMS: items}
    return value


def _unmarked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unmarked(each) for each in value]
    if isinstance(value, dict):
        if value.keys() == {_BYTES}:
            return base64.b64decode(value[_BYTES])
        items = value[_ITEMS] if value.keys() == {_ITEMS} else value.items()
        return {_unmarked(key): _unmarked(each) for key, each in items}
    return value
