"""The Locust process of a part, which stays and makes one run after the other, as its web interface starts them.

Owns Locust's command line, the conversation over its web interface, and the files through which a run is held until it
is released. What a run amounts to is the served arm's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from servecost.bench.arms.protocol import ArmFailed
from servecost.bench.processes.process import Process, free_port
from servecost.bench.scripts import locust_command
from servecost.core import layout, stops
from servecost.core.recipe import Recipe
from servecost.core.system import LOOPBACK
from servecost.core.verdicts import Verdict

POLL_S = 0.02
START_LIMIT_S = 60
SPAWN_RATE = 100
REFUSED_LIMIT_S = 10  # how long a run may be refused because Locust is still busy with the end of the one before


@dataclass(frozen=True)
class Load:
    """The load of one run.

    Attributes:
        host: the server's address.
        system: the system's name.
        users: number of Locust users.
        batch_size: examples in one request.
        examples: examples in the run.
        request_timeout_s: after which a request has failed.
        warm_s: after which untimed requests are repeated no more.
    """

    host: str
    system: str
    users: int
    batch_size: int
    examples: int
    request_timeout_s: int
    warm_s: int


class ResidentLocust:
    """A Locust with a web interface on the loopback."""

    def __init__(self, recipe: Recipe, folder: Path, expected: Path, environment: Mapping[str, str]) -> None:
        """Start it. ``folder``: where a run's files are while it is made; ``expected``: the file of right answers."""
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        self.folder = folder
        self.prefix, self.stops_csv = folder / layout.LOCUST_PREFIX, folder / "stops.csv"
        self._held = folder / "release"
        self._address = f"http://{LOOPBACK}:{(port := free_port())}"
        self._session = requests.Session()
        self._session.trust_env = False
        options = {"--web-host": LOOPBACK, "--web-port": port, "--csv": self.prefix, "--any-host": ""}
        variables = {
            **environment,
            "EXPECTED_ANSWERS": str(expected),
            layout.HOLD_UNTIL: str(self._held),
            stops.VARIABLE: str(self.stops_csv),
        }
        self.process = Process(locust_command(recipe, folder / "locust.log", options, variables))

    @property
    def warm_json(self) -> Path:
        """The file that is there once a run is warm, and held."""
        return Path(f"{self.prefix}{layout.WARM_SUFFIX}")

    @property
    def run_json(self) -> Path:
        """The file that is there once a run is over, and all its other files are."""
        return Path(f"{self.prefix}{layout.RUN_SUFFIX}")

    def wait_until_up(self, tick: Callable[[], None]) -> None:
        """Return once the web interface answers. Raises ArmFailed."""
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            self.check_alive()
            tick()
            try:
                self._session.get(self._address, timeout=START_LIMIT_S)
            except requests.RequestException:
                time.sleep(POLL_S)
            else:
                return
        raise ArmFailed(Verdict("interrupted", f"Locust does not answer (log: {self.process.log})"))

    def start(self, load: Load) -> None:
        """Start a run, which is held once it is warm. Raises ArmFailed if Locust refuses."""
        for path in self.files():
            path.unlink()
        self._held.unlink(missing_ok=True)
        form = {
            "user_count": load.users,
            "spawn_rate": SPAWN_RATE,
            "host": load.host,
            "system": load.system,
            "batch_size": load.batch_size,
            "examples": load.examples,
            "request_timeout": load.request_timeout_s,
            "warm_seconds": load.warm_s,
        }
        deadline, refusal = time.monotonic() + REFUSED_LIMIT_S, ""
        while time.monotonic() < deadline:
            self.check_alive()
            try:
                answer = self._session.post(f"{self._address}/swarm", data=form, timeout=START_LIMIT_S).json()
            except (requests.RequestException, ValueError) as error:
                refusal = str(error)
            else:
                if answer.get("success"):
                    return
                refusal = str(answer.get("message"))
            time.sleep(POLL_S)
        raise ArmFailed(Verdict("interrupted", f"Locust starts no run: {refusal} (log: {self.process.log})"))

    def release(self) -> None:
        """Let the clock of the held run start."""
        self._held.touch()

    def check_alive(self) -> None:
        """Raise ArmFailed if Locust has ended."""
        if self.process.exit_code is not None:
            raise ArmFailed(Verdict("interrupted", self.process.explain_end()))

    def files(self) -> list[Path]:
        """Return the files of the run."""
        return sorted(self.prefix.parent.glob(f"{self.prefix.name}_*"))

    def hand_over(self, folder: Path) -> None:
        """Move the files of a run that is over into a folder."""
        for path in self.files():
            path.rename(folder / path.name)

    def end(self) -> None:
        """End it."""
        self._session.close()
        self.process.end()
