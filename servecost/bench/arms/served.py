"""The served arm of a part: a server, and one Locust for each run.

Owns Locust's command line, what is kept of the server's own records beside a run, and the verdict on the run.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from servecost.bench import conditions, store
from servecost.bench.arms.protocol import ArmFailed, Timed
from servecost.bench.arms.records import (
    RunRecord,
    check_calls,
    check_lives,
    check_server,
    failure_of,
    first_broken,
    write_calls,
    write_stages,
)
from servecost.bench.arms.server import Server
from servecost.bench.arms.server_on_demand import ServerOnDemand
from servecost.bench.conditions import Subject
from servecost.bench.processes.process import Command, Process
from servecost.bench.processes.tree import Tree
from servecost.bench.processes.watch import Watch
from servecost.bench.runs import Part, Run
from servecost.bench.scripts import script_of
from servecost.core import answers, layout
from servecost.core.serving import ServerFailed
from servecost.core.verdicts import VALID, Verdict

POLL_S = 0.1


@dataclass
class _UnderWay:
    """A run under way: its server as it was at the beginning, and its Locust once that has been started."""

    run: Run
    folder: Path
    server: Server
    members: set[tuple[int, float]]
    calls_before: int
    log_sizes: dict[Path, int]
    watch: Watch
    locust: Process | None = None
    verdict: Verdict = VALID


class ServedArm:
    """A server and the load on it, stopped except while a run of it is due."""

    def __init__(
        self, part: Part, subject: Subject, request_timeout_s: int, server: ServerOnDemand, tick: Callable[[], None]
    ) -> None:
        """``request_timeout_s``: after which a request has failed; ``tick`` is called often."""
        self._part, self._subject, self._timeout_s = part, subject, request_timeout_s
        self._servers, self._tick = server, tick
        self._now: _UnderWay | None = None

    def ready(self) -> list[Any]:
        """Start the server if none runs; return the answers that it has given correctly, once it is at rest."""
        self._server().tree.suspend()
        return answers.read(self._part.expected_json)

    def begin(self, run: Run) -> None:
        """Make a folder for the run, and note what the server has done so far."""
        server = self._server()
        folder = store.unfinished_folder(run)
        folder.mkdir(parents=True)
        self._now = _UnderWay(
            run,
            folder,
            server,
            server.tree.members(),
            len(server.calls()),
            {process.log: process.log.stat().st_size for process in server.processes},
            Watch(folder),
        )

    def advance(self, until_s: float) -> bool:
        """Let the server and Locust run until then, or until Locust ends; a server that ends, ends the run."""
        now = self._under_way
        now.server.tree.resume()
        if now.locust is None:
            now.locust = Process(self._locust_command(now))
        load = Tree([now.locust])
        load.resume()
        try:
            while now.locust.wait(POLL_S) is None:
                self._tick()
                if not (verdict := self._look(now)).is_valid:
                    now.verdict = verdict
                    now.locust.end()
                    return True
                if time.monotonic() >= until_s:
                    return False
            return True
        finally:
            load.suspend()
            now.server.tree.suspend()

    def finish(self) -> Timed:
        """Return the run's seconds and the verdict on it, with all its files in its unfinished folder."""
        now, self._now = self._under_way, None
        assert now.locust is not None
        verdict = now.verdict if not now.verdict.is_valid else self._verdict_of_load(now)
        now.locust.end()
        self._keep_logs(now)
        record = RunRecord.read(now.folder)
        kept = self._keep_records(now, record) if record is not None and record.released_ns is not None else VALID
        calls = check_calls(now.folder, now.run, now.server, record)
        verdict = first_broken([verdict, check_server(now.server, now.members), calls, kept], self._part.tolerated)
        self._write_manifest(now, verdict)
        if not verdict.is_lasting:
            self._servers.end()  # a server under which a rule was broken serves no other run
        return Timed(record.total_s if record else 0.0, verdict)

    def cpu_s(self) -> float:
        """Return the CPU seconds that the server has used; 0 without one."""
        server = self._servers.current
        return server.tree.cpu_s() if server else 0.0

    def end(self) -> None:
        """End Locust and the server."""
        if self._now is not None and self._now.locust is not None:
            self._now.locust.end()
        self._servers.end()

    @property
    def _under_way(self) -> _UnderWay:
        assert self._now is not None, "no run was begun"
        return self._now

    def _server(self) -> Server:
        try:
            return self._servers.get()
        except ServerFailed as error:
            raise ArmFailed(failure_of(error)) from error

    def _look(self, now: _UnderWay) -> Verdict:
        verdict = check_lives(now.server)
        return verdict if not verdict.is_valid else now.watch.look()

    def _verdict_of_load(self, now: _UnderWay) -> Verdict:
        """Return Locust's own verdict; without one, why Locust ended. Logs are named by where they will be kept."""
        assert now.locust is not None
        path = now.folder / layout.LOCUST_RUN_JSON
        content = json.loads(path.read_text()) if path.exists() else {}
        if content and (content["rule"] or now.locust.exit_code == 0):
            place = store.final_folder(now.run, Verdict(content["rule"]))
            return Verdict(content["rule"], content["reason"] and f"{content['reason']} (log: {place / 'locust.log'})")
        named = re.match(r"INVALID\(([a-z-]+)\)", now.locust.last_lines(1))
        reason = now.locust.explain_end().replace(str(now.folder), str(store.failed_folder(now.run)))
        return Verdict(named[1] if named else "interrupted", reason)

    def _keep_records(self, now: _UnderWay, record: RunRecord) -> Verdict:
        """Write the calls and stages of a run; return why the system's own record of stages cannot be read, if so."""
        write_calls(now.folder, now.server.calls(now.calls_before), record)
        now.server.tree.resume()  # a server that was stopped in the middle of a write may hold a lock on its records
        try:
            write_stages(now.folder, now.server, record)
        except Exception as error:  # noqa: BLE001  # a system's own code may raise anything, and costs its run alone
            return Verdict("server", f"its record of stages cannot be read: {type(error).__name__}: {error}")
        finally:
            now.server.tree.suspend()
        return VALID

    def _keep_logs(self, now: _UnderWay) -> None:
        for log, size in now.log_sizes.items():
            with log.open("rb") as file:
                file.seek(size)
                (now.folder / f"server-{log.name}").write_bytes(file.read())

    def _write_manifest(self, now: _UnderWay, verdict: Verdict) -> None:
        conditions.write(
            now.folder,
            self._subject,
            names=layout.RUN_FILES,
            arm="served",
            round=self._part.round,
            system=self._part.system,
            server=now.server.facts,
            resources=now.watch.found(),
            batch_size=now.run.batch_size,
            concurrency=now.run.concurrency,
            examples=now.run.examples,
            verdict=asdict(verdict),
        )

    def _locust_command(self, now: _UnderWay) -> Command:
        options = {
            "-f": script_of("locustfiles", self._part.recipe),
            "--users": now.run.concurrency,
            "--batch-size": now.run.batch_size,
            "--examples": now.run.examples,
            "--request-timeout": self._timeout_s,
            "--system": self._part.system,
            "--host": now.server.address,
            "--csv": now.folder / layout.LOCUST_PREFIX,
        }
        words = [str(word) for option in options.items() for word in option]
        environment = {
            **self._subject.environment,
            "EXPECTED_ANSWERS": str(self._part.expected_json),
            "RECIPE": str(self._part.recipe.folder),
        }
        program = [sys.executable, "-m", "locust", "--headless", "--only-summary"]
        return Command("locust", [*program, *words], now.folder / "locust.log", environment)


@contextmanager
def served_arm(arm: ServedArm) -> Iterator[ServedArm]:
    """Have the arm's processes ended when the ``with`` block ends."""
    try:
        yield arm
    finally:
        arm.end()
