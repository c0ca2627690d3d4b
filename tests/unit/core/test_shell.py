"""What the processes of a run inherit from the shell, and what is recorded of it."""

import os
import sys

import pytest

from servecost.core import shell


@pytest.fixture(autouse=True)
def _plain_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a shell that sets nothing."""
    for name in list(os.environ):
        monkeypatch.delenv(name)


def inherited() -> dict[str, str]:
    """Return what is inherited, but for what pytest sets itself."""
    return {name: value for name, value in shell.inherited().items() if name != "PYTEST_CURRENT_TEST"}


@pytest.mark.parametrize(
    "name",
    [
        *("LOCUST_TAGS", "LOCUST_PROCESSES", "UVICORN_WORKERS", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS"),
        *("GUNICORN_CMD_ARGS", "BENTOML_CONFIG", "RAY_ADDRESS", "MLSERVER_PARALLEL_WORKERS", "MOSEC_PORT"),
    ],
)
def test_r11_what_configures_locust_or_a_system_is_not_inherited(name: str, monkeypatch: pytest.MonkeyPatch):
    """Nor does it make two runs unlike."""
    monkeypatch.setenv(name, "4")
    monkeypatch.setenv("MODEL", "small")
    assert inherited() == {"MODEL": "small"}
    assert shell.recorded().keys() == {"MODEL"}


@pytest.mark.parametrize(
    "name",
    [
        *("GLIBC_TUNABLES", "RAYON_NUM_THREADS", "PYTHONDEVMODE", "TOKENIZERS_PARALLELISM", "ATEN_CPU_CAPABILITY"),
        *("OMP_NUM_THREADS", "LD_PRELOAD", "CUDA_VISIBLE_DEVICES", "PYTHONPATH", "LC_ALL", "TMPDIR"),
    ],
)
def test_s20_what_is_known_to_change_a_number_is_recorded_by_its_value(name: str, monkeypatch: pytest.MonkeyPatch):
    """A message can name both values."""
    monkeypatch.setenv(name, "1")
    assert shell.recorded() == {name: "1"}


@pytest.mark.parametrize("name", ["HF_TOKEN", "DATABASE_URL", "HTTPS_PROXY", "WEIGHTS"])
def test_any_other_variable_is_recorded_without_its_value(name: str, monkeypatch: pytest.MonkeyPatch):
    """Results are published, and it may be secret; another value is another digest."""
    found = set()
    for value in ("hunter2", "hunter3", "\udc80"):
        monkeypatch.setenv(name, value)
        found.add(shell.recorded()[name])
    assert len(found) == 3
    assert all(len(each) == 9 and each[0] == "#" for each in found)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "PWD",
            "OLDPWD",
            "SHLVL",
            "TERM",
            "_",
            "SSH_CONNECTION",
            "LS_COLORS",
            "TERM_PROGRAM",
            "MAKEFLAGS",
            "VIRTUAL_ENV",
        ),
        *("GITHUB_RUN_ID", "CI", "XDG_SESSION_ID", "PYTHONDONTWRITEBYTECODE"),
    ],
)
def test_what_cannot_matter_is_inherited_and_not_recorded(name: str, monkeypatch: pytest.MonkeyPatch):
    """Every terminal has another one."""
    monkeypatch.setenv(name, "1")
    assert inherited()[name] == "1"
    assert shell.recorded() == {}


def test_an_activated_environment_makes_no_difference(monkeypatch: pytest.MonkeyPatch):
    """Its programs come first; any other folder of programs counts."""
    own = os.path.join(sys.prefix, "bin")  # noqa: PTH118  # as the variable has it
    found = []
    for path in (f"{own}:/usr/bin", "/usr/bin", "/opt/tools:/usr/bin"):
        monkeypatch.setenv("PATH", path)
        found.append(shell.recorded()["PATH"])
    assert found == ["/usr/bin", "/usr/bin", "/opt/tools:/usr/bin"]
