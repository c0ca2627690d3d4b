"""One user's connection, against a real server that answers in every way that a client has to bear with."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from servecost.bench.processes.process import Command, free_port, running
from servecost.core.system import Body
from servecost.load.connection import Connection, NoAnswer, RequestTimedOut
from tests.end_to_end.difficult_app import ANSWER

pytestmark = pytest.mark.xdist_group("connection")

TIMEOUT_S = 20
KEEP_ALIVE_S = 1


def gunicorn(port: int, *options: str) -> list[str]:
    """Return the command that serves the difficult application, with the workers that fastDeploy has."""
    command = [sys.executable, "-m", "gunicorn", "--chdir", str(Path(__file__).parent), "--worker-class", "gevent"]
    return [*command, "--bind", f"127.0.0.1:{port}", "--no-control-socket", *options, "difficult_app:application"]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real gunicorn that closes connections that have been idle for a second."""
    port, log = free_port(), tmp_path_factory.mktemp("gunicorn") / "log"
    with running(Command("gunicorn", gunicorn(port, "--keep-alive", str(KEEP_ALIVE_S)), log)):
        wait_until_up(f"http://127.0.0.1:{port}", log)
        yield f"http://127.0.0.1:{port}"


def wait_until_up(address: str, log: Path) -> int:
    deadline = time.monotonic() + 60
    while True:
        try:
            return post(Connection(address), "/nothing")[0]
        except NoAnswer:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


@pytest.fixture
def connection(host: str) -> Iterator[Connection]:
    """A connection to it."""
    made = Connection(host)
    yield made
    made.close()


def post(connection: Connection, path: str, body: bytes = b"body") -> tuple[int, bytes]:
    return connection.post(path, Body(body, "application/octet-stream"), TIMEOUT_S)


def port_of(connection: Connection) -> bytes:
    """Return the port of this side of the connection, as the server sees it."""
    return post(connection, "/digest")[1].split()[1]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/chunked", (200, ANSWER)),
        ("/slowly", (200, ANSWER)),
        ("/error", (500, b"reason")),
        ("/nothing", (200, b"")),
        ("/last", (200, b"bye")),
        ("/until-closed", (200, ANSWER)),
        ("/interim", (200, b"done")),
    ],
)
def test_an_answer_is_read_however_it_is_sent(connection: Connection, path: str, expected: tuple[int, bytes]):
    """In chunks, in many pieces, after an interim one, up to the end of the connection; a 500 with its body."""
    for _ in range(3):
        assert post(connection, path) == expected


@pytest.mark.parametrize("path", ["/half", "/reset", "/silence", "/nonsense", "/twice"])
def test_an_answer_that_is_none_is_an_error_in_one_line(connection: Connection, path: str):
    """Cut short, reset in the middle, nothing at all, no HTTP, more than was asked for; the next one is answered."""
    for _ in range(2):
        with pytest.raises(NoAnswer) as caught:
            post(connection, path)
        assert str(caught.value) and "\n" not in str(caught.value)
        assert post(connection, "/error") == (500, b"reason")


@pytest.mark.parametrize("size", [0, 1, 1000, 100_000, 20_000_000])
def test_a_body_arrives_as_it_is(connection: Connection, size: int):
    """Of any size: what the kernel does not take at once is sent when it does."""
    body = os.urandom(size)
    status, answer = post(connection, "/digest", body)
    assert (status, answer.split()[0]) == (200, hashlib.sha256(body).hexdigest().encode())


def test_a_connection_is_kept(connection: Connection):
    """Request after request."""
    assert len({port_of(connection) for _ in range(10)}) == 1


@pytest.mark.parametrize("path", ["/error", "/chunked", "/slowly"])
def test_a_connection_is_kept_after_any_whole_answer(connection: Connection, path: str):
    """A failure of the model is none of the connection."""
    before = port_of(connection)
    post(connection, path)
    assert port_of(connection) == before


def test_a_connection_that_the_server_has_closed_while_it_was_idle_is_made_anew(connection: Connection):
    """Without an error, and without sending anything twice."""
    before = port_of(connection)
    opened = connection.opened
    time.sleep(3 * KEEP_ALIVE_S)
    assert port_of(connection) != before
    assert connection.opened == opened + 1


def test_a_request_that_takes_too_long_fails_in_time_and_the_next_has_a_connection_of_its_own(connection: Connection):
    """The late answer is nobody's."""
    before = port_of(connection)
    with pytest.raises(RequestTimedOut, match=r"^no answer within 0\.5 s$"):
        connection.post("/late", Body(b"", "text/plain"), 0.5)
    assert port_of(connection) != before


def test_the_limit_is_on_the_whole_answer(connection: Connection):
    """A trickle does not prolong it."""
    with pytest.raises(RequestTimedOut):
        connection.post("/slowly", Body(b"", "text/plain"), 0.1)


def test_nobody_there_is_an_error_in_one_line():
    """As is a host that is none."""
    for host in (f"http://127.0.0.1:{free_port()}", "http://no.such.host.invalid"):
        with pytest.raises(NoAnswer) as caught:
            post(Connection(host), "/")
        assert "\n" not in str(caught.value)


def test_a_server_is_also_reached_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Its certificate is checked."""
    key, certificate, port = tmp_path / "key.pem", tmp_path / "certificate.pem", free_port()
    words = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    made = [*words.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    tls = gunicorn(port, "--certfile", str(certificate), "--keyfile", str(key))
    with running(Command("gunicorn", tls, tmp_path / "log")):
        with monkeypatch.context() as patched:
            patched.setenv("SSL_CERT_FILE", str(certificate))
            wait_until_up(f"https://localhost:{port}", tmp_path / "log")
            trusting = Connection(f"https://localhost:{port}")
            body = os.urandom(1_000_000)
            assert post(trusting, "/digest", body)[1].split()[0] == hashlib.sha256(body).hexdigest().encode()
            assert post(trusting, "/chunked") == (200, ANSWER)
        with pytest.raises(NoAnswer, match="certificate"):
            post(Connection(f"https://localhost:{port}"), "/nothing")
