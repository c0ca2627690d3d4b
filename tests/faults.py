"""The faults that tests inject, as a table: docs/faults.md is made of the tests' own marks.

Run as a program (``python -m tests.faults``) it writes the page. A mark is ``fault(what, how, verdict)``, on a test or
on one of its parameters.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import pandas as pd
import pytest

from servecost.core.recipe import ROOT
from tests import end_to_end

PAGE = ROOT / "docs" / "faults.md"
MARK = "fault"
fault = getattr(pytest.mark, MARK)


class Fault(NamedTuple):
    """A row of the table: what happens, how a test injects it, the verdict, and the test that shows it."""

    what: str
    how: str
    verdict: str
    test: str


def faults() -> Iterator[Fault]:
    """Yield the faults that the end-to-end tests inject, in the order of their files and lines."""
    for found in pkgutil.iter_modules(end_to_end.__path__):
        if found.name.startswith("test_"):
            yield from _faults_of(importlib.import_module(f"{end_to_end.__name__}.{found.name}"))


def _faults_of(module: ModuleType) -> Iterator[Fault]:
    for name, test in vars(module).items():
        marks = getattr(test, "pytestmark", []) if name.startswith("test_") else []
        for mark in marks:
            for each in [mark, *_marks_of_parameters(mark)]:
                if each.name == MARK:
                    what, how, verdict = each.args
                    yield Fault(what, how, verdict, f"{module.__name__.rpartition('.')[2]}.py::{name}")


def _marks_of_parameters(mark: Any) -> Iterator[Any]:
    for value in mark.args[1] if mark.name == "parametrize" else []:
        yield from getattr(value, "marks", ())


def page() -> str:
    """Return the page."""
    titles = ["Fault", "Injected by", "Verdict", "Test (tests/end_to_end)"]
    rows = [(each.what, each.how, f"`{each.verdict}`", f"`{each.test}`") for each in faults()]
    return f"""# Faults

What can go wrong in a measurement is made to go wrong by the tests, with real servers, real Locusts and real signals.
Each demands the verdict below, and the exit code that goes with it. What else it demands, such as that nothing is lost
or left running, is in the test.

{pd.DataFrame(rows, columns=titles).to_markdown(index=False)}

`python -m tests.faults` makes this page from the tests' marks.
"""


if __name__ == "__main__":
    PAGE.write_text(page())
