"""The served arm of a part: a server, and the Locust that stays beside it.

Owns what is kept of the server's own records beside a run, and the verdict on the run.
"""

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from servecost.bench.arms.protocol import ArmFailed, Timed
from servecost.bench.arms.records import (
    RunRecord,
    check_calls,
    check_lives,
    check_server,
    check_warm,
    failure_of,
    first_broken,
    keep_cold,
    read_stages,
    write_calls,
    write_stages,
)
from servecost.bench.arms.resident import Load, ResidentLocust
from servecost.bench.arms.server import Server
from servecost.bench.arms.server_on_demand import ServerOnDemand
from servecost.bench.conditions import Subject
from servecost.bench.processes.pauses import Pauses
from servecost.bench.processes.tree import MIB, Tree
from servecost.bench.processes.watch import Watch
from servecost.bench.runs import UNFINISHED_SUFFIX, Kind, Part, Run
from servecost.core import answers, layout, stops, systems
from servecost.core.serving import START_LIMIT_S, ServerFailed
from servecost.core.verdicts import VALID, Verdict
from servecost.core.warming import Cold

POLL_S = 0.02
COUNT_S = 5.0  # so often the server's processes are counted in a run: a client may wait long for one that has ended
STAGES_S = 15.0  # so often the system's record of stages is read at rest: it may forget a request after 40 s
IDLE_S = 1.0  # for so long a server that has nothing to do is watched


@dataclass
class _Standing:
    """A server and the Locust beside it, and what they have met.

    Attributes:
        server: the server.
        locust: sends requests to it.
        pauses: stops and continues both.
        met: the batch sizes whose first request is behind it.
        idle_cpu: what the server uses when it has nothing to do, as a part of a core.
        run: the id of the run that Locust holds, or makes.
    """

    server: Server
    locust: ResidentLocust
    pauses: Pauses
    met: set[int] = field(default_factory=set)
    idle_cpu: float = 0.0
    run: str = ""


@dataclass
class _UnderWay:
    """A run under way, and its server as it was at the beginning."""

    run: Run
    folder: Path
    members: set[tuple[int, float]]
    calls_before: int
    log_sizes: dict[Path, int]
    watch: Watch
    stages_read_s: float
    is_released: bool = False
    verdict: Verdict = VALID
    stages: dict[tuple[str, str], float] = field(default_factory=dict)


class ServedArm:
    """A server and the load on it, stopped except while it is warmed or a run of it is due."""

    def __init__(
        self, part: Part, subject: Subject, request_timeout_s: int, server: ServerOnDemand, tick: Callable[[], None]
    ) -> None:
        """``request_timeout_s``: after which a request has failed; ``tick`` is called often."""
        self._part, self._subject, self._timeout_s = part, subject, request_timeout_s
        self._servers, self._tick = server, tick
        self._standing: _Standing | None = None
        self._now: _UnderWay | None = None
        self._fails_at_first = False
        self._counted_s = 0.0

    def ready(self) -> list[Any]:
        """Start the server if none runs, and have it meet the largest batch; return the answers that it has given."""
        self._ready()
        return answers.read(self._part.expected_json)

    def warm(self, run: Run) -> float:
        """Have Locust send untimed requests of the run until they are steady, and hold the run."""
        standing = self._ready()
        log = standing.locust.process.log
        before = log.stat().st_size
        try:
            cold = self._warm(standing, run.batch_size, run.concurrency, run.examples)
        except ArmFailed as error:
            folder = run.unfinished_place
            standing.locust.hand_over(folder)
            keep_end(log, before, folder / log.name)
            kept_at = run.place_for(error.verdict) / log.name
            raise ArmFailed(Verdict(error.verdict.rule, f"{error.verdict.reason} (log: {kept_at})")) from error
        return cold.steady_s * run.examples / run.batch_size

    def begin(self, run: Run, folder: Path) -> None:
        """Note what the server has done so far."""
        standing = self._ready()
        server = standing.server
        standing.pauses.begin()
        logs = [process.log for process in (*server.processes, standing.locust.process)]
        sizes = {log: log.stat().st_size for log in logs}
        calls, now_s = len(server.calls()), time.monotonic()
        self._now = _UnderWay(run, folder, server.tree.members(), calls, sizes, Watch(folder), now_s)

    def advance(self, until_s: float) -> bool:
        """Let the server and Locust run until then, or until the run is over; a server that ends, ends the run."""
        now, standing = self._under_way, self._ready()
        with standing.pauses.running():
            if not now.is_released:
                standing.locust.release()
                now.is_released = True
            is_over = self._wait(standing, standing.locust.run_json.exists, until_s)
        if not is_over and time.monotonic() - now.stages_read_s > STAGES_S:
            now.stages_read_s = time.monotonic()
            with suppress(Exception):  # it was stopped in the middle of a write, say; the run's end reads it again
                now.stages |= read_stages(standing.server, standing.run)
        return is_over

    def expected_s(self) -> float | None:
        """Return how long all of the run will take, by when the predictor had so many of its inputs done."""
        now, standing = self._under_way, self._ready()
        calls = [line.split(",") for line in standing.server.calls(now.calls_before)]
        if not calls:
            return None
        done = sum(int(inputs) for _, _, inputs, *_ in calls)
        return standing.pauses.use.ran_s(int(calls[-1][1])) * now.run.examples / done

    def finish(self) -> Timed:
        """Return the run's seconds and the verdict on it, with all its files in its folder."""
        now, standing = self._under_way, self._ready()
        server = standing.server
        self._now = None
        use = standing.pauses.begin()
        standing.locust.hand_over(now.folder)
        verdict = now.verdict if not now.verdict.is_valid else self._verdict_of_load(now)
        self._keep_logs(now)
        record = RunRecord.read(now.folder)
        is_recorded = record is not None and record.released_ns is not None
        calls = server.calls(now.calls_before)
        kept = self._keep_records(standing, now, record, calls) if record and is_recorded else VALID
        checks = [check_server(server, now.members), check_calls(now.folder, now.run, server, record), kept]
        if record and is_recorded:
            checks.append(check_warm(now.folder))
        verdict = first_broken([verdict, *checks], self._part.tolerated)
        resources = {
            **now.watch.found(),
            "server_cpu_s": use.cpu_s,
            "server_memory_mib": server.tree.memory_mib(),
            "server_start_s": server.start_s,
            "server_processes": len(now.members),
            "server_workers": len({line.rpartition(",")[2] for line in calls}) or math.nan,
            "server_idle_cpu": standing.idle_cpu,
            "request_mib": self._request_mib(now.run.batch_size),
            "reconnections": record.reconnections if record else 0,
        }
        if not verdict.is_lasting:
            self.end()  # a server under which a rule was broken serves no other run
        if record is None:
            return Timed(0.0, verdict, use, dict(server.facts), resources)
        instants = record.released_ns, record.ended_ns
        return Timed(record.total_s, verdict, use, dict(server.facts), resources, *instants)

    def end(self) -> None:
        """End Locust and the server."""
        standing, self._standing, self._now = self._standing, None, None
        if standing is not None:
            standing.pauses.resume()
            standing.locust.end()
            shutil.rmtree(standing.locust.folder, ignore_errors=True)
        self._servers.end()

    def _request_mib(self, batch_size: int) -> float:
        """Return the size of a request's body."""
        recipe, system = self._part.recipe, systems.load(self._part.system)
        return len(system.wire(recipe.input_type).body(recipe.inputs.take(batch_size)).content) / MIB

    @property
    def _under_way(self) -> _UnderWay:
        if self._now is None:
            raise RuntimeError("no run was begun")
        return self._now

    def _ready(self) -> _Standing:
        """Return the server and Locust, at rest; a new server has met the largest batch but large ones."""
        if self._standing is None:
            standing = self._start()
            first = self._part.first_batch_size
            if first is not None and standing.server.system.calls_predictor and not self._fails_at_first:
                try:
                    self._meet(standing, first)
                except ArmFailed:  # the runs of that size will say so
                    self.end()
                    self._fails_at_first = True
        return self._standing or self._start()

    def _meet(self, standing: _Standing, batch_size: int) -> None:
        """Have the server answer one request of a batch size, untimed."""
        self._warm(standing, batch_size, 1, batch_size)
        with standing.pauses.running():
            standing.locust.release()
            self._expect(standing, standing.locust.run_json.exists, "its first request")

    def _start(self) -> _Standing:
        """Start a server and a Locust beside it; return them at rest."""
        try:
            server = self._servers.get()
        except ServerFailed as error:
            raise ArmFailed(failure_of(error)) from error
        part = self._part
        folder = part.folder / ("locust" + UNFINISHED_SUFFIX)
        locust = ResidentLocust(part.recipe, folder, part.expected_json, self._subject.environment)
        trees = [server.tree, Tree([locust.process])]
        self._standing = standing = _Standing(server, locust, Pauses(lambda: trees, locust.stops_csv))
        locust.wait_until_up(self._tick)
        standing.idle_cpu = idle_cpu(server.tree)
        standing.pauses.suspend()
        return standing

    def _warm(self, standing: _Standing, batch_size: int, users: int, examples: int) -> Cold:
        """Have Locust prepare a run and hold it. Raises ArmFailed if it cannot."""
        locust = standing.locust
        with standing.pauses.running():
            address, warm_s = standing.server.address, self._subject.warm_s
            locust.start(Load(address, self._part.system, users, batch_size, examples, self._timeout_s, warm_s))
            self._expect(standing, lambda: locust.warm_json.exists() or locust.run_json.exists(), "warming it")
        if not locust.warm_json.exists():
            content = json.loads(locust.run_json.read_text(encoding="utf-8"))
            raise ArmFailed(Verdict(content["rule"], content["reason"]))
        content = json.loads(locust.warm_json.read_text(encoding="utf-8"))
        standing.run = content["run"]
        cold = Cold(content["first_s"], content["steady_s"], content["calls"])
        if batch_size not in standing.met and self._part.kind is not Kind.LOAD:
            standing.met.add(batch_size)
            keep_cold(self._part, layout.SERVED, batch_size, cold)
        return cold

    def _expect(self, standing: _Standing, is_reached: Callable[[], bool], what: str) -> None:
        """Wait until that is so. Raises ArmFailed if it is not in time: after that, requests have failed long ago."""
        limit_s = START_LIMIT_S + self._timeout_s
        if not self._wait(standing, is_reached, time.monotonic() + limit_s):
            raise ArmFailed(Verdict("server", f"{what} took longer than {limit_s:g} s"))

    def _wait(self, standing: _Standing, is_reached: Callable[[], bool], until_s: float) -> bool:
        """Return whether that is so by then; a run whose server or machine fails is over at once, with a verdict."""
        while not is_reached():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return False
            self._tick()
            if not (verdict := self._look(standing)).is_valid:
                if self._now is None:
                    raise ArmFailed(verdict)
                self._now.verdict = verdict
                return True
            time.sleep(min(POLL_S, left_s))
        return True

    def _look(self, standing: _Standing) -> Verdict:
        if not (verdict := check_lives(standing.server)).is_valid:
            return verdict
        if standing.locust.process.exit_code is not None:
            return Verdict("interrupted", standing.locust.process.explain_end())
        if self._now is None:
            return VALID
        if time.monotonic() - self._counted_s > COUNT_S:
            self._counted_s = time.monotonic()
            if not (verdict := check_server(standing.server, self._now.members)).is_valid:
                return verdict
        return self._now.watch.look()

    def _verdict_of_load(self, now: _UnderWay) -> Verdict:
        """Return Locust's own verdict. The log is named by where it will be kept."""
        content = json.loads((now.folder / layout.LOCUST_RUN_JSON).read_text(encoding="utf-8"))
        place = now.run.place_for(Verdict(content["rule"]))
        return Verdict(content["rule"], content["reason"] and f"{content['reason']} (log: {place / 'locust.log'})")

    def _keep_records(self, standing: _Standing, now: _UnderWay, record: RunRecord, calls: list[str]) -> Verdict:
        """Write the calls and stages of a run; return why the system's own record of stages cannot be read, if so."""
        clock = stops.read(standing.locust.stops_csv)
        write_calls(now.folder, calls, record, clock)
        standing.pauses.resume()  # a server that was stopped in the middle of a write may hold a lock on its records
        try:
            write_stages(now.folder, now.stages | read_stages(standing.server, record.run), record, clock)
        except Exception as error:  # noqa: BLE001  # a system's own code may raise anything, and costs its run alone
            return Verdict("server", f"its record of stages cannot be read: {type(error).__name__}: {error}")
        finally:
            standing.pauses.suspend()
        return VALID

    def _keep_logs(self, now: _UnderWay) -> None:
        for log, size in now.log_sizes.items():
            name = log.name if log.name == "locust.log" else f"server-{log.name}"
            keep_end(log, size, now.folder / name)


def idle_cpu(tree: Tree) -> float:
    """Return the part of a core that processes use now, when nobody asks them for anything."""
    before_s, began_s = tree.cpu_s(), time.monotonic()
    time.sleep(IDLE_S)
    return (tree.cpu_s() - before_s) / (time.monotonic() - began_s)


def keep_end(log: Path, size: int, path: Path) -> None:
    """Write to ``path`` what has been added to a log since it had that size."""
    with log.open("rb") as file:
        file.seek(size)
        path.write_bytes(file.read())


@contextmanager
def served_arm(arm: ServedArm) -> Iterator[ServedArm]:
    """Have the arm's processes ended when the ``with`` block ends."""
    try:
        yield arm
    finally:
        arm.end()
