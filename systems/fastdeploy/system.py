"""fastDeploy (notAI-tech's, from PyPI): a predictor loop and a REST process that meet in SQLite files.

Owns fastDeploy's command line, its settings and where it records its choices. Every setting is given explicitly: it
reads plain names such as HOST and TIMEOUT from the environment, which may be set to something else in a user's shell.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any, Iterator

from servecost.core.system import KEEP_ALIVE_S, Served, ServerProcess, StageTime, System, Variant

from .wire import REQUEST_COUNT, FastDeployWire


class FastDeploy(System):
    """The predictor loop and the REST server, as fastDeploy's own documentation starts them."""

    label = "fastDeploy"
    settings = {
        "OPTIMAL_BATCH_SIZE": "0",  # found at start-up
        "WORKERS": "3",  # REST processes; fastDeploy's default
    }
    # It always collects: without a window, what waits when the predictor is free.
    variants = {
        "off": Variant("one request at a time", {"OPTIMAL_BATCH_SIZE": "1"}),
        "batch": Variant("batching up to 32", {"OPTIMAL_BATCH_SIZE": "32"}),
    }
    request_count = REQUEST_COUNT
    configured_by = ("GUNICORN_",)
    choices = {"optimal_batch_size": "OPTIMAL_BATCH_SIZE"}

    def wire(self, input_type: str) -> FastDeployWire:
        """Return fastDeploy's wire."""
        return FastDeployWire(input_type)

    def processes(self, served: Served) -> list[ServerProcess]:
        """Return the loop, which makes the tables, and the REST process, which waits until the loop has warmed up."""
        environment = {
            **served.settings,
            "HOST": served.host,
            "PORT": str(served.port),
            "TIMEOUT": str(served.request_timeout_s),
            "KEEP_ALIVE": KEEP_ALIVE_S,
            "ALLOW_PICKLE": "false",  # unpickling what a client sends would run its code
            "PREDICTOR_NAME": "predictor.py",
            "MAX_REQUEST_BATCH_SIZE": "0",  # no limit
        }

        def command(part: str) -> tuple[str, ...]:
            return (served.python, "-m", "fastdeploy", part, "--recipe", str(served.copy))

        return [
            ServerProcess("loop", command("--loop"), environment, is_up=lambda: bool(self.facts(served))),
            ServerProcess("rest", command("--rest"), environment),
        ]

    def facts(self, served: Served) -> dict[str, float]:
        """Return what the start-up tuner chose and measured; nothing as long as it has not.

        ``optimal_batch_size``: the most inputs that the loop collects. ``time_per_example_s``: from one call of that
        size.
        """
        try:
            chosen = _query(served, "SELECT optimal_batch_size, time_per_example FROM meta_index WHERE id = '0'")
        except sqlite3.OperationalError:  # no such file or table yet
            return {}
        return {"optimal_batch_size": chosen[0][0], "time_per_example_s": chosen[0][1]} if chosen else {}

    def stages(self, served: Served, run: str) -> Iterator[StageTime]:
        """Yield the stages of the run's last requests: fastDeploy forgets a request 40 s after its answer."""
        for request_id, *times in _query(served, _STAGES, run + "*"):
            for stage, at_s in zip(("received", "fetched", "predicted", "answered"), times):
                yield StageTime(request_id, stage, at_s)


# "0" is the predictor, "-1" the REST process. When the loop fetches a request it notes the time, and notes it anew when
# it calls the predictor.
_STAGES = """
SELECT id, "-1.received_at", "0.received_at", "0.predicted_at", "-1.predicted_at"
FROM main_index WHERE id GLOB ? AND "-1.predicted_at" > 0 AND "0.predicted_at" > 0 ORDER BY integer_id
"""


def _query(served: Served, query: str, *values: str) -> list[tuple[Any, ...]]:
    index = served.copy / "fastdeploy_dbs" / "main_index.db"
    with closing(sqlite3.connect(index.resolve().as_uri() + "?mode=ro", uri=True)) as database:
        return database.execute(query, values).fetchall()


system = FastDeploy()
