"""The log of the predictor's calls: complete, cheap, and the same in both arms."""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pytest

from servecost.core import call_log
from tests.support import write_recipe

LIMIT_S = 10e-6


def nothing(inputs, batch_size=1):
    return inputs


def test_each_call_is_told_with_its_inputs_and_batch_size():
    """However the batch size is given, and if the call fails, too."""
    told = []
    predictor = call_log.logged(nothing, lambda *call: told.append(call))
    assert predictor([1, 2, 3], batch_size=8) == [1, 2, 3]
    assert predictor([1], 4) == [1]
    predictor([1, 2])
    failing = call_log.logged(lambda inputs: 1 / 0, lambda *call: told.append(call))
    with pytest.raises(ZeroDivisionError):
        failing([1])
    assert [call[2:] for call in told] == [(3, 8), (1, 4), (2, 0), (1, 0)]
    assert all(start <= end for start, end, _, _ in told)


def test_the_log_costs_less_than_ten_microseconds_a_call(tmp_path: Path):
    """The difference between the same calls with and without it; by the median, for a busy machine."""
    logged = call_log.logged(nothing, call_log.to_file(str(tmp_path / "log")))

    def per_call_s(predictor) -> float:
        began = time.perf_counter()
        for _ in range(5000):
            predictor([1], batch_size=1)
        return (time.perf_counter() - began) / 5000

    assert median(per_call_s(logged) - per_call_s(nothing) for _ in range(9)) < LIMIT_S
    assert len((tmp_path / "log").read_text().splitlines()) == 45_000


def test_a_copy_of_a_recipe_logs_beside_itself(tmp_path: Path):
    """On any interpreter, with nothing of this project importable; the predictor is what it was."""
    folder = write_recipe(
        tmp_path / "mine", predictor="def predictor(inputs, batch_size=1): return [9 for _ in inputs]"
    )
    call_log.install(str(folder), awaited="go")
    (folder / "go").touch()
    code = "import predictor; print(predictor.predictor([1, 2], batch_size=2), predictor.predictor.__name__)"
    done = subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '.'); {code}"], cwd=folder,
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout == "[9, 9] predictor\n"
    (line,) = (folder / call_log.LOG).read_text().splitlines()
    assert line.endswith(",2,2")


def test_a_full_disk_does_not_fail_a_call():
    """The log is incomplete then, which its reader finds out."""
    write = call_log.to_file("/dev/full")
    assert call_log.logged(nothing, write)([1], batch_size=1) == [1]
