"""What the load's tests use in place of a server, a master and a clock."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from servecost.core import encodings
from servecost.core.system import Body, Wire
from servecost.core.verdicts import Verdict
from servecost.load.cpu_use import CpuUse
from servecost.load.leases import Lease
from servecost.load.payloads import Load
from servecost.load.records import Record
from servecost.load.run_spec import AttachedRun, RunSpec
from servecost.load.server_count import Clock
from servecost.load.tally import Tally
from servecost.load.waves import Wave
from servecost.load.worker_share import WorkerShare
from servecost.load.workers import RunEvents

SPEC = RunSpec("run-1", "lists", 2, 6, 0, 60, ["A", "B", "C"], "digest")


class ListWire(Wire):
    """A wire of plain JSON lists."""

    def body(self, inputs) -> Body:
        return encodings.encode(list(inputs), encodings.JSON)

    def path(self, request_id: str) -> str:
        return f"/predict/{request_id}"

    def predictions(self, status: int, answer: bytes, request_id: str) -> list[Any]:
        return encodings.list_in(encodings.decode_object(answer, encodings.JSON), "predictions")

    def inputs(self, content: bytes) -> list[Any]:
        return list(encodings.decode(content, encodings.JSON))

    def answer(self, predictions: Sequence[Any], request_id: str) -> bytes:
        return encodings.encode({"predictions": list(predictions)}, encodings.JSON).content


class Users:
    """A user class, as far as the start and the end of a run concern it."""

    recipe = "three"
    attached: AttachedRun | None = None

    @classmethod
    def attach_run(cls, run: AttachedRun) -> None:
        cls.attached = run

    @classmethod
    def detach_run(cls) -> None:
        cls.attached = None


class Listener:
    """Notes a worker's events."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def on_users_ready(self, users: int) -> None:
        self.events.append(("users_ready", users))

    def on_refused(self, verdict: Verdict, is_misuse: bool) -> None:
        self.events.append(("refused", verdict, is_misuse))

    def on_warmed(self, wave: Wave) -> None:
        self.events.append(("warmed", wave))

    def on_requests_low(self) -> None:
        self.events.append(("requests_low",))

    def on_abandoned(self) -> None:
        self.events.append(("abandoned",))

    def on_done(self, last_answered_ns: int | None) -> None:
        self.events.append(("done", last_answered_ns))


class Events:
    """Notes the events of all workers of a run."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def on_users_ready(self, worker: str, users: int) -> None:
        self.events.append(("users_ready", worker, users))

    def on_refused(self, worker: str, verdict: Verdict, is_misuse: bool) -> None:
        self.events.append(("refused", worker, verdict, is_misuse))

    def on_warmed(self, worker: str, requests: int, span_ns: int, failure: str) -> None:
        self.events.append(("warmed", worker, requests, span_ns, failure))

    def on_requests_low(self, worker: str) -> None:
        self.events.append(("requests_low", worker))

    def on_abandoned(self, worker: str) -> None:
        self.events.append(("abandoned", worker))

    def on_progress(self, worker: str, tally: Tally) -> None:
        self.events.append(("progress", worker, tally))

    def on_done(self, worker: str, end_ns: int | None, span_ns: int | None, cpu_use: CpuUse) -> None:
        self.events.append(("done", worker, end_ns, span_ns))

    def on_records(self, worker: str, tally: Tally, records: Iterable[Record], is_last: bool) -> None:
        self.events.append(("records", worker, tally, list(records), is_last))

    def on_lost(self, worker: str, reason: str) -> None:
        self.events.append(("lost", worker, reason))


class Workers:
    """Workers that answer every request at once; what they are asked is in ``calls``."""

    def __init__(self, users: Mapping[str, int], failure: str = "", warm_failure: str = "", wave_s: float = 1) -> None:
        """``wave_s``: how long each untimed request takes a worker's users together."""
        self._users, self._failure, self._warm_failure, self._wave_s = users, failure, warm_failure, wave_s
        self.calls: list[str] = []
        self.waves: list[Mapping[str, int]] = []
        self._records: dict[str, list[Record]] = {name: [] for name in users}

    def prepare(self, spec: RunSpec, events: RunEvents) -> list[str]:
        self.calls.append("prepare")
        self.events, self._load = events, spec.load
        return list(self._users)

    def arrive(self) -> None:
        """Report all users as ready."""
        for name, users in self._users.items():
            self.events.on_users_ready(name, users)

    def warm(self, users: Mapping[str, int]) -> None:
        self.waves.append(users)
        for worker, count in users.items():
            self.events.on_warmed(worker, count, int(self._wave_s * count * 1e9), self._warm_failure)

    def release(self, leases: Mapping[str, Lease]) -> int:
        self.calls.append("release")
        self._released_ns = time.perf_counter_ns()
        for worker, lease in leases.items():
            self.supply(worker, lease)
        return self._released_ns

    def supply(self, worker: str, lease: Lease) -> None:
        for number in range(lease.first, lease.first + lease.requests):
            request = self._load.request(number)
            self._records[worker].append(Record(number, 0, request.examples, number, number + 5, self._failure))
        if lease.is_last:
            last = max((record.answered_ns for record in self._records[worker]), default=None)
            end_ns = None if last is None else self._released_ns + last
            self.events.on_done(worker, end_ns, last, CpuUse(10, 1, 0))
        else:
            self.events.on_requests_low(worker)

    def abandon(self) -> None:
        self.calls.append("abandon")

    def collect(self) -> None:
        self.calls.append("collect")
        for worker, records in self._records.items():
            examples = sum(record.examples for record in records)
            failed = (len(records), examples) if self._failure else (0, 0)
            answered = (0, 0) if self._failure else (len(records), examples)
            tally = Tally(len(records), answered[0], failed[0], examples, answered[1], failed[1])
            self.events.on_records(worker, tally, records, True)

    def detach(self) -> None:
        self.calls.append("detach")

    def are_ready(self) -> bool:
        return True


class FakeClock:
    """A clock that only a sleep moves."""

    def __init__(self, now_s: float = 100.0) -> None:
        self.now_s = now_s
        self.clock = Clock(lambda: self.now_s, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def share_of(examples: int, batch_size: int, users: int = 0) -> tuple[WorkerShare, list[tuple[object, ...]]]:
    """Return a share with so many users, and the events that it reports from now on."""
    listener = Listener()
    share = WorkerShare(Load(batch_size, examples), listener)
    for _ in range(users):
        share.add_user()
    listener.events.clear()
    return share, listener.events


def answer(share: WorkerShare, request, at_ns: int = 1, failure: str = "") -> None:
    """Report a request of the share as ended."""
    share.record(Record(request.number, 0, request.examples, 0, at_ns, failure))
