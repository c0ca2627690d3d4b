"""fastDeploy (notAI-tech's, from PyPI): a predictor loop and a REST process that meet in SQLite files.

Owns fastDeploy's command line, its settings and where it records its choices. Every setting is given explicitly: it
reads plain names such as HOST and TIMEOUT from the environment, which may be set to something else in a user's shell.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Dict, List, Tuple

from servecost.core.systems import RequestRecord, ServerProcess

LABEL = "fastDeploy"
REST_WORKERS = 3  # fastDeploy's default


def processes(recipe: Path, python: str, host: str, port: int, request_timeout_s: int) -> List[ServerProcess]:
    """Return the predictor loop and the REST server, as fastDeploy's own documentation starts them."""
    settings = {
        "HOST": host,
        "PORT": str(port),
        "WORKERS": str(REST_WORKERS),
        "TIMEOUT": str(request_timeout_s),
        "KEEP_ALIVE": "60",
        "ALLOW_PICKLE": "false",  # unpickling what a client sends would run its code
        "PREDICTOR_NAME": "predictor.py",
        "OPTIMAL_BATCH_SIZE": "0",  # found at start-up
        "MAX_REQUEST_BATCH_SIZE": "0",  # no limit
    }

    def command(part: str) -> Tuple[str, ...]:
        return (python, "-m", "fastdeploy", part, "--recipe", str(recipe))

    return [
        # Both make the same tables where there are none yet: the REST process waits until the loop has.
        ServerProcess("loop", command("--loop"), settings, is_up=lambda: bool(facts(recipe))),
        ServerProcess("rest", command("--rest"), settings),
    ]


def facts(recipe: Path) -> Dict[str, float]:
    """Return what the start-up tuner chose and measured; nothing as long as it has not.

    ``optimal_batch_size``: the most inputs that the loop collects. ``time_per_example_s``: from one call of that size.
    """
    try:
        chosen = _asked(recipe, "SELECT optimal_batch_size, time_per_example FROM meta_index WHERE id = '0'")
    except sqlite3.OperationalError:  # no such file or table yet
        return {}
    return {"optimal_batch_size": chosen[0][0], "time_per_example_s": chosen[0][1]} if chosen else {}


# fastDeploy forgets a request 40 s after its answer: of a longer run, the last ones are there. "0" is the predictor,
# "-1" the REST process. When the loop fetches a request it notes the time, and notes it anew as it calls the predictor.
_RECORDS = """
SELECT id, "-1.received_at", "0.received_at", "0.predicted_at", "-1.predicted_at", "0.predicted_in_batch_of"
FROM main_index WHERE id GLOB ? AND "-1.predicted_at" > 0 AND "0.predicted_at" > 0 ORDER BY integer_id
"""


def records(recipe: Path, run: str) -> List[RequestRecord]:
    """Return what fastDeploy has on record of a run's requests."""
    return [RequestRecord(*row) for row in _asked(recipe, _RECORDS, run + "*")]


def _asked(recipe: Path, query: str, *values: str) -> List[Tuple[Any, ...]]:
    index = recipe / "fastdeploy_dbs" / "main_index.db"
    with closing(sqlite3.connect("file:{}?mode=ro".format(index), uri=True)) as database:
        return database.execute(query, values).fetchall()
