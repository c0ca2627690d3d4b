"""What the server says that it has received, held against the ledger."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from servecost.load.ledger import Ledger
from servecost.load.records import Record, Records
from servecost.load.server_count import Busy, Witness, within
from systems.fastdeploy import wire

SECOND = 1_000_000_000


def test_the_count_is_read_from_what_fastdeploy_answers():
    """Anything else is no count."""
    text = "# HELP x y\nrequests_received_in_last_x_seconds 12\nrequests_received_in_last_x_seconds_that_failed 3\n"
    assert wire.received(text) == 12
    assert wire.received("<html>") is None


@pytest.mark.parametrize(
    ("latest_begin_s", "earliest_begin_s", "expected"),
    [
        (100.0, 100.0, (4, 4)),  # before the release: everything
        (101.5, 101.5, (2, 2)),  # between two answers
        (103.2, 103.2, (0, 1)),  # while one is in flight: it may count or not
        (101.6, 101.4, (2, 2)),
        (102.2, 101.9, (1, 2)),
        (110.0, 109.0, (0, 0)),
    ],
)
def test_a_request_is_in_the_window_surely_maybe_or_not(latest_begin_s, earliest_begin_s, expected):
    """By when it was sent and answered, without a look at the server's clock."""
    ledger = Ledger(["w0"])
    ledger.entries["w0"].records = Records(
        Record(n, 0, 1, n * SECOND + 100_000_000, n * SECOND + 400_000_000, "") for n in range(4)
    )
    ledger.entries["w0"].span_ns, ledger.entries["w0"].end_ns = int(3.4 * SECOND), int(103.4 * SECOND)
    assert within(ledger, 100.0, latest_begin_s, earliest_begin_s) == expected


@contextmanager
def server_that_says(text: str) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_server_that_others_use_is_no_server_to_measure():
    """Its time is shared with requests that are in no account."""
    with server_that_says("requests_received_in_last_x_seconds 7") as host, pytest.raises(Busy, match="7 requests"):
        Witness(host, 0).wait_until_quiet()


@pytest.mark.parametrize("text", ["no such thing", ""])
def test_a_server_that_keeps_no_count_is_not_held_against_the_ledger(text):
    """The run stands on the client's own account."""
    with server_that_says(text) as host:
        witness = Witness(host, 0)
        witness.wait_until_quiet()
        seen = witness.testify(0, Ledger([]))
    assert seen.agrees
    assert seen.requests is None
    assert "keeps no count" in seen.note
