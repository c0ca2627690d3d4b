"""The time between a run's warm-up and its release, which the bench may prolong.

Owns the file that says that a run is warm, and the wait for the file that lets it begin, which the environment variable
``HOLD_UNTIL`` names. Without the variable a run begins as soon as it is warm.
"""

import json
import os
from pathlib import Path

from servecost.core import csv_files
from servecost.core.layout import HOLD_UNTIL, RUN_SUFFIX, WARM_SUFFIX
from servecost.core.warming import Cold

POLL_S = 0.002


class NobodyHolds(Exception):
    """The run waits for somebody who is gone; the message is one line that says so."""


class Hold:
    """What holds the runs of this process."""

    def __init__(self, prefix: str | None, until: Path | None) -> None:
        """``prefix``: what the names of a run's files begin with, if any; ``until``: the file that releases a run."""
        self._prefix = prefix
        self._until = until

    @classmethod
    def of_environment(cls, prefix: str | None) -> "Hold":
        """Return the hold that the environment asks for."""
        named = os.environ.get(HOLD_UNTIL)
        return cls(prefix, Path(named) if named else None)

    def forget(self) -> None:
        """Remove the files by which others know how far the last run was."""
        if self._prefix:
            for suffix in (WARM_SUFFIX, RUN_SUFFIX):
                Path(self._prefix + suffix).unlink(missing_ok=True)

    def announce(self, run: str, cold: Cold | None, requests: int) -> None:
        """Say that a run is warm after so many untimed requests. Raises OSError if the file cannot be written."""
        if not self._prefix:
            return
        found = dict.fromkeys(Cold._fields) if cold is None else cold._asdict()
        text = json.dumps({"run": run, **found, "requests": requests}) + "\n"
        csv_files.replace(Path(self._prefix + WARM_SUFFIX), lambda file: file.write(text))

    def is_over(self) -> bool:
        """Return whether the run may begin. Raises NobodyHolds once nobody can let it begin any more."""
        if self._until is None or self._until.exists():
            return True
        if not self._until.parent.is_dir():
            raise NobodyHolds(f"it was held, and the folder of {self._until}, which would release it, is gone")
        return False
