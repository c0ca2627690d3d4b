"""What a connection sends, without a server: the other end of the socket is the test's own."""

import gevent
import gevent.socket
import pytest

from servecost.core.system import Body
from servecost.load import connection
from servecost.load.connection import Connection, NoAnswer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def other_end(monkeypatch):
    """The server's end of the next connection."""
    own, other = gevent.socket.socketpair()
    monkeypatch.setattr(connection, "create_connection", lambda address, timeout: own)
    monkeypatch.setattr(type(own), "setsockopt", lambda *_: None, raising=False)
    yield other
    other.close()


@pytest.mark.parametrize(
    ("host", "body", "expected"),
    [
        (
            "http://user@127.0.0.1:8080",
            Body(b"[1]", "application/json"),
            b"POST /x HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n"
            b"Content-Length: 3\r\n\r\n[1]",
        ),
        (
            "http://server/base/",
            Body(b"", "text/plain", (("X-Model", "b2"), ("Accept", "*/*"))),
            b"POST /base/x HTTP/1.1\r\nHost: server\r\nContent-Type: text/plain\r\nX-Model: b2\r\nAccept: */*\r\n"
            b"Content-Length: 0\r\n\r\n",
        ),
    ],
)
def test_a_request_has_the_headers_of_its_body(other_end, host, body, expected):
    """The type and whatever else the wire asks for, the same in each request."""
    client = Connection(host)
    for _ in range(2):
        gevent.spawn(other_end.sendall, OK)  # once the client waits for it
        assert client.post("/x", body, 5) == (200, b"ok")
        assert other_end.recv(1000) == expected


def test_bodies_of_one_length_and_different_types_have_their_own_heads(other_end):
    """One connection may carry both."""
    client = Connection("http://127.0.0.1:1")
    heads = [client._end_of_head(Body(b"ab", kind)) for kind in ("a/a", "b/b", "a/a")]
    assert heads[0] == heads[2] != heads[1]


def test_s14_a_request_may_be_refused_before_all_of_it_is_sent(other_end):
    """As one that is too large: the answer is there, though the rest of the request can be sent to nobody."""
    client, body = Connection("http://127.0.0.1:1"), Body(bytes(20_000_000), "text/plain")

    def refuse():
        other_end.recv(1000)
        other_end.sendall(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 5\r\n\r\nlarge")
        other_end.close()

    gevent.spawn(refuse)
    assert client.post("/x", body, 5) == (413, b"large")
    assert client._socket is None


def test_a_request_that_can_be_sent_to_nobody_has_no_answer(other_end):
    """The reason is that of the sending."""
    gevent.spawn(other_end.close)
    with pytest.raises(NoAnswer, match=r"^(BrokenPipe|ConnectionReset)Error: "):
        Connection("http://127.0.0.1:1").post("/x", Body(bytes(20_000_000), "text/plain"), 5)


def test_an_answer_that_ends_early_is_an_error_in_one_line(other_end):
    """The connection is closed."""
    client = Connection("http://127.0.0.1:1")
    other_end.sendall(OK[:-1])
    other_end.shutdown(1)
    with pytest.raises(NoAnswer, match=r"^HTTPParseError: [^\n]+$"):
        client.post("/x", Body(b"", "a/a"), 5)
