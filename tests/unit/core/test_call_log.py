"""The log of the predictor's calls is complete, cheap, and the same in both arms."""

import importlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from servecost.core import call_log
from tests.support import write_recipe
from tests.unit.core.fakes import FakeTime

LIMIT_S = 10e-6


def nothing(inputs: list[Any], batch_size: int = 1) -> list[Any]:
    return inputs


def test_each_call_is_logged_with_its_inputs_and_batch_size():
    """However the batch size is given, whether the call fails or not, and whatever becomes of its list."""
    logged: list[tuple[int, int, int, int]] = []
    predictor = call_log.logged(nothing, lambda *call: logged.append(call))
    assert predictor([1, 2, 3], batch_size=8) == [1, 2, 3]
    assert predictor([1], 4) == [1]
    predictor([1, 2])
    failing = call_log.logged(lambda inputs: 1 / 0, lambda *call: logged.append(call))
    with pytest.raises(ZeroDivisionError):
        failing([1])
    call_log.logged(lambda inputs: inputs.clear(), lambda *call: logged.append(call))([1, 2])
    assert [call[2:] for call in logged] == [(3, 8), (1, 4), (2, 0), (1, 0), (2, 0)]
    assert all(start <= end for start, end, _, _ in logged)


def test_s01_a_predictor_that_calls_itself_is_called_once():
    """With halves of its inputs, say; in another thread at the same time it is called as well."""
    logged: list[int] = []

    def halves(inputs: list[Any], batch_size: int = 1) -> list[Any]:
        if len(inputs) < 2:
            return list(inputs)
        middle = len(inputs) // 2
        return [*predictor(inputs[:middle]), *predictor(inputs[middle:])]

    predictor = call_log.logged(halves, lambda start, end, inputs, batch_size: logged.append(inputs))
    assert predictor([1, 2, 3, 4]) == [1, 2, 3, 4]
    with pytest.raises(TypeError):
        predictor([1, 2], nothing=1)
    assert predictor([1, 2]) == [1, 2]
    assert logged == [4, 2, 2]

    def beside(inputs: list[Any], batch_size: int = 1) -> list[Any]:
        if len(inputs) > 1:
            with ThreadPoolExecutor(1) as thread:
                thread.submit(outer, inputs[:1]).result()
        return inputs

    outer = call_log.logged(beside, lambda start, end, inputs, batch_size: logged.append(inputs))
    outer([1, 2, 3])
    assert logged[3:] == [1, 3]


def test_a_copy_of_a_recipe_logs_beside_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The predictor is what it was, and its log is in the copy's folder."""
    source = "def predictor(inputs, batch_size=1): return [9 for _ in inputs]"
    folder = write_recipe(tmp_path / "mine", predictor=source)
    call_log.install(str(folder), awaited="go")
    (folder / "go").touch()
    for name in ("predictor", call_log.MODULE):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(folder))
    predictor = importlib.import_module("predictor").predictor
    for name in ("predictor", call_log.MODULE):
        monkeypatch.delitem(sys.modules, name)
    assert (predictor([1, 2], batch_size=2), predictor.__name__) == ([9, 9], "predictor")
    (line,) = (folder / call_log.LOG).read_text().splitlines()
    assert line.endswith(f",2,2,{os.getpid()}")


def test_a_predictor_is_not_called_before_the_awaited_file_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its import waits."""
    awaited = tmp_path / "go"

    class Waiting(FakeTime):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.now_s > 101:
                awaited.touch()

    clock = Waiting()
    monkeypatch.setattr("servecost.core.call_log.time", clock)
    call_log.wait_for(str(awaited))
    assert clock.now_s > 101


def test_a_full_disk_does_not_fail_a_call():
    """The log is incomplete then, which its reader finds out."""
    write = call_log.to_file("/dev/full")
    assert call_log.logged(nothing, write)([1], batch_size=1) == [1]
