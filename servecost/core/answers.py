"""Compares answers: the direct arm's own answer to an input is the only right one.

Owns the file in which the direct arm leaves its answers, and the comparison. Knows nothing of transport.
"""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

from servecost.core import csv_files

# Batches of another size round floats differently in the last digits: on CPUs, far below these.
RELATIVE_TOLERANCE = 1e-3
ABSOLUTE_TOLERANCE = 1e-6


def same(expected: Any, answer: Any) -> bool:
    """Say whether two answers are equal: floats within tolerance, tuples as lists, and everything else exactly."""
    if isinstance(expected, bool) or isinstance(answer, bool):
        return expected is answer
    if isinstance(expected, float) or isinstance(answer, float):
        return _is_number(expected) and _is_number(answer) and _same_number(expected, answer)
    if isinstance(expected, (list, tuple)):
        return isinstance(answer, (list, tuple)) and len(expected) == len(answer) and all(map(same, expected, answer))
    if isinstance(expected, dict):
        return isinstance(answer, dict) and _same_items(expected, answer)
    return bool(expected == answer)


def _same_items(expected: dict[Any, Any], answer: dict[Any, Any]) -> bool:
    if expected.keys() != answer.keys():  # JSON has made strings of a file's keys, msgpack leaves them as they are
        expected, answer = ({str(key): value for key, value in given.items()} for given in (expected, answer))
    return expected.keys() == answer.keys() and all(same(value, answer[key]) for key, value in expected.items())


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))  # bool, a subclass of int, is handled in ``same``


def _same_number(expected: float, answer: float) -> bool:
    if math.isnan(expected) or math.isnan(answer):
        return math.isnan(expected) and math.isnan(answer)
    return math.isclose(expected, answer, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)


def write(path: Path, answers: list[Any]) -> None:
    """Write the direct arm's answers to the example's inputs, in their order; bytes are kept as base64."""
    text = json.dumps(answers, default=_bytes_as_json, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    csv_files.replace(path, lambda file: file.write(text + "\n"))


def read(path: Path) -> list[Any]:
    """Return the answers that ``write`` wrote."""
    answers = json.loads(path.read_text(), object_hook=_bytes_from_json)
    assert isinstance(answers, list)
    return answers


def _bytes_as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(
        f"the predictor's answer holds a {type(value).__name__}, which no client can be sent; "
        "return plain Python values"
    )


def _bytes_from_json(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if value.keys() == {"base64"} else value
