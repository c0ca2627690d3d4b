"""Locust's own HTTP users, as its documentation has them: post the same body over and over, look at the status only.

Prints requests and seconds between the moment when all users were there and the end.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from locust import FastHttpUser, HttpUser, events, task
from locust.env import Environment

BODY = Path(os.environ["BODY"]).read_bytes()
PATH = os.environ["TARGET_PATH"]
HEADERS = {"Content-Type": os.environ["CONTENT_TYPE"]}


class Fast(FastHttpUser):
    """Locust's faster user."""

    @task
    def send(self) -> None:
        """Post."""
        self.client.post(PATH, data=BODY, headers=HEADERS, name="post")  # type: ignore[arg-type]  # bytes are documented


class Requests(HttpUser):
    """Locust's user on ``requests``."""

    @task
    def send(self) -> None:
        """Post."""
        self.client.post(PATH, data=BODY, headers=HEADERS, name="post")


def count(environment: Environment, **_: Any) -> None:
    """Count between the two events."""
    first: list[float] = []

    def begin(**_: Any) -> None:
        first[:] = environment.stats.total.num_requests, time.perf_counter()

    def end(**_: Any) -> None:
        total = environment.stats.total
        counted = {"requests": total.num_requests - first[0], "seconds": time.perf_counter() - first[1]}
        print(json.dumps({**counted, "failures": total.num_failures}), file=sys.stderr, flush=True)

    environment.events.spawning_complete.add_listener(begin)
    environment.events.test_stopping.add_listener(end)


events.init.add_listener(count)
