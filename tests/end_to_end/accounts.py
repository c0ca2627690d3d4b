"""What a distributed run writes, and whether all of it says the same."""

import json
from math import ceil
from pathlib import Path

import pytest

from servecost.bench.processes.process import free_port
from servecost.core.layout import LEDGER_COLUMNS, REQUESTS_COLUMNS
from tests.support import by_type, rows

COUNTS = LEDGER_COLUMNS[3:9]


def processes(count: int) -> tuple[object, ...]:
    """Return Locust's options for so many processes, which meet at a port that nobody else uses."""
    port = free_port()
    return "--processes", count, "--master-bind-port", port, "--master-port", port


def assert_accounts_agree(prefix: Path, users: int, batch_size: int, examples: int) -> None:
    """Locust's statistics, the requests' file and the ledger say the same: exactly N, and the server has seen them."""
    requests = ceil(examples / batch_size)
    stats = by_type(prefix)
    assert set(stats) == {"POST", "RUN", ""}
    assert stats["POST"]["Request Count"] == stats[""]["Request Count"] == str(requests)
    assert stats["POST"]["Failure Count"] == stats[""]["Failure Count"] == "0"
    rule = json.loads(prefix.with_name(prefix.name + "_run.json").read_text())["rule"]
    assert stats["RUN"]["Failure Count"] == ("1" if rule else "0")

    ledger = rows(prefix.with_name(prefix.name + "_ledger.csv"))
    assert tuple(ledger[0]) == LEDGER_COLUMNS
    *parts, total = ledger
    for column in ("users", *COUNTS):
        assert sum(int(part[column]) for part in parts) == int(total[column])
    assert total["users"] == str(users)
    assert total["requests_issued"] == total["requests_answered"] == total["server_seen"] == str(requests)
    assert total["examples_issued"] == total["examples_answered"] == str(examples)
    assert total["requests_failed"] == total["examples_failed"] == "0"

    sent = rows(prefix.with_name(prefix.name + "_requests.csv"))
    assert tuple(sent[0]) == REQUESTS_COLUMNS
    assert [int(row["request"]) for row in sent] == list(range(requests))
    assert sum(int(row["examples"]) for row in sent) == examples
    for part in parts:
        assert int(part["requests_issued"]) == sum(row["worker"] == part["worker"] for row in sent)

    # No worker's span, on its own clock, is longer than the run on the master's; and the run is what the CSV says.
    assert float(stats["RUN"]["Average Response Time"]) == pytest.approx(float(total["span_s"]) * 1000, rel=1e-9)
    assert max(float(part["span_s"]) for part in parts if part["span_s"]) <= float(total["span_s"])
