"""What the processes of a run inherit from the shell: its variables, but for those that configure Locust or a system.

Owns which are left out, which cannot matter, and what is recorded of the others. What an experiment sets is its own.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from typing import Mapping

from servecost.core import systems

# Locust takes each of its options from such a variable; the bench gives the options.
LOCUST = "LOCUST_"
PYTHONPATH = "PYTHONPATH"
# Of the terminal, the session, make and a CI's job: runs that differ in these alone are alike.
_CANNOT_MATTER = re.compile(
    r"_$|(OLD)?PWD$|SHLVL$|SHELL$|(COLOR)?TERM|COLUMNS$|LINES$|LS_?COLORS$|LESS|PAGER$|EDITOR$|VISUAL$|HIST|PS[0-4]$|"
    r"PROMPT|USER(NAME)?$|LOGNAME$|MAIL$|HOSTNAME$|DISPLAY$|WAYLAND_|XAUTH|WINDOWID$|SSH_|TMUX|STY$|XDG_|DBUS_|SYSTEMD_|"
    r"INVOCATION_ID$|JOURNAL_STREAM$|GPG_|VIRTUAL_ENV|CONDA_|PYENV_|MAKE|MFLAGS$|CI$|CI_|GITHUB_|GITLAB_|RUNNER_|ACTIONS_|"
    r"BUILD_|JOB_|PYTEST_|PIP_|DEBIAN_FRONTEND$|GIT_|PYTHONDONTWRITEBYTECODE$|PYTHONUNBUFFERED$"
)
# Of what is known to change how fast a model computes the value is recorded; of all others, some secret, a digest.
_SHOWN = re.compile(
    r"(OMP|GOMP|KMP|MKL|OPENBLAS|BLIS|BLAS|NUMEXPR|NUMBA|TF|XLA|TORCH|PYTORCH|ATEN|ONEDNN|DNNL|MALLOC|RAYON|TOKENIZERS|LD|"
    r"CUDA|NVIDIA|LC)_|GLIBC_TUNABLES$|PYTHON|PATH$|LANG$|TMPDIR$"
)


def inherited() -> dict[str, str]:
    """Return the variables that every process of a run inherits."""
    configuring = LOCUST, *systems.configuring()
    return {name: value for name, value in os.environ.items() if not name.startswith(configuring)}


def with_own(own: Mapping[str, str]) -> dict[str, str]:
    """Return all variables of a process that needs some of its own; its PYTHONPATH is searched before the inherited."""
    found = inherited()
    paths = [each[PYTHONPATH] for each in (own, found) if each.get(PYTHONPATH)]
    return {**found, **own, **({PYTHONPATH: os.pathsep.join(paths)} if paths else {})}


def recorded() -> dict[str, str]:
    """Return what is recorded of them, by name: all that can matter. A value that may be secret is a digest, ``#…``."""
    return {
        name: _path(value) if name == "PATH" else value if _SHOWN.match(name) else _digest(value)
        for name, value in sorted(inherited().items())
        if not _CANNOT_MATTER.match(name)
    }


def _path(value: str) -> str:
    """Return where programs are searched, but for this environment's own folder: it may be activated or not."""
    own = os.path.join(sys.prefix, "bin")
    return os.pathsep.join(folder for folder in value.split(os.pathsep) if folder != own)


def _digest(value: str) -> str:
    return "#" + hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()[:8]
