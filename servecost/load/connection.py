"""One user's HTTP connection: kept alive, one request in flight, and as little work per request as possible.

Owns the socket, time-outs and the words for a failure. ``geventhttpclient`` (llhttp) does the parsing. No request is
ever sent twice: the client cannot know whether a server that went away had begun to work on it.

A general client costs more than a fast server. So the head of a request is built once for each length and type of body
and only its path is new, head and body go to the kernel without being joined, and a connection's time-out is one timer
that is restarted.
"""

from contextlib import suppress
from select import POLLIN
from socket import IPPROTO_TCP, TCP_NODELAY
from urllib.parse import urlsplit

import gevent
from gevent.monkey import get_original
from gevent.socket import create_connection, socket
from gevent.ssl import create_default_context
from geventhttpclient._parser import HTTPParseError, HTTPResponseParser

from servecost.core.system import Body

CONNECT_TIMEOUT_S = 10.0
READ_SIZE = 1 << 16
_poll = get_original("select", "poll")  # gevent's own waits for the next turn of its loop, even with no time-out
_PORTS = {"http": 80, "https": 443}


class NoAnswer(Exception):
    """The connection failed before an answer was complete; the message is one line that says how."""


class RequestTimedOut(NoAnswer):
    """The answer was not complete in time."""


class _Answers(HTTPResponseParser):
    """The answers on one connection, one after the other; only the parser itself reads their headers."""

    def __init__(self) -> None:
        super().__init__()
        self.is_complete = False
        self.parts: list[bytearray] = []

    def expect(self) -> None:
        """Forget the last answer."""
        self.is_complete = False
        self.parts = []

    def _on_message_begin(self) -> None:
        if self.is_complete:
            raise HTTPParseError("more than one answer")

    def _on_body(self, part: bytearray) -> None:
        self.parts.append(part)

    def _on_message_complete(self) -> None:
        self.is_complete = self.get_code() >= 200  # an interim answer is followed by another

    def _on_headers_complete(self) -> None:
        """No-op: llhttp requires this callback."""

    def _on_header(self, _: str) -> None:
        """No-op: llhttp requires this callback."""

    _on_status = _on_header_field = _on_header_value = _on_header


class Connection:
    """A keep-alive connection that posts bodies to one server.

    Attributes:
        opened: how often it has been opened: more than once if the server closes it.
    """

    def __init__(self, host: str) -> None:
        """``host``: the server's address, a URL; the first request connects."""
        url = urlsplit(host)
        self._address = url.hostname or "", url.port or _PORTS.get(url.scheme, 80)
        self._is_tls = url.scheme == "https"
        self._begin = f"POST {url.path.rstrip('/')}".encode()
        self._host = url.netloc.rpartition("@")[2]
        self._ends: dict[tuple[int, str, tuple[tuple[str, str], ...]], bytes] = {}
        self._timer = gevent.Timeout(None)
        self.opened = 0
        self._socket: socket | None = None
        self._answers = _Answers()
        self._readable = _poll()

    def post(self, path: str, body: Body, timeout_s: float) -> tuple[int, bytes]:
        """Post a body to a path; return the answer's status and content. Raises NoAnswer if there is none in time."""
        if self._timer.seconds != timeout_s:
            self._timer.close()
            self._timer = gevent.Timeout(timeout_s)
        self._timer.start()
        try:
            return self._exchange(self._connect(), path, body)
        except gevent.Timeout as error:
            self.close()  # the answer may still come, and belongs to no later request
            if error is not self._timer:
                raise
            raise RequestTimedOut(f"no answer within {timeout_s:g} s") from error
        except (OSError, HTTPParseError) as error:
            self.close()
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        except BaseException:  # the user is stopped
            self.close()
            raise
        finally:
            self._timer.cancel()

    def close(self) -> None:
        """Close the connection if there is one; the next request makes another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket:
        """Return the connection, or a new one if an idle one has something to read: it is out of step or closed."""
        if self._socket is not None and self._readable.poll(0):
            self.close()
        if self._socket is None:
            connected = create_connection(self._address, CONNECT_TIMEOUT_S)
            connected.settimeout(None)  # the limit is on the whole request, not on each read
            connected.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            if self._is_tls:
                connected = create_default_context().wrap_socket(connected, server_hostname=self._address[0])
            self._socket, self._answers, self._readable = connected, _Answers(), _poll()
            self.opened += 1
            self._readable.register(connected.fileno(), POLLIN)
        return self._socket

    def _exchange(self, connected: socket, path: str, body: Body) -> tuple[int, bytes]:
        """Send a request and read its answer."""
        answers = self._answers
        answers.expect()
        try:
            self._send(connected, self._begin + path.encode() + self._end_of_head(body), body.content)
        except OSError:  # the server may have refused it by what it has seen of it, and closed the connection
            with suppress(OSError, HTTPParseError):
                self._read(connected)
            self.close()
            if not answers.is_complete:
                raise
        else:
            self._read(connected)
        if not answers.should_keep_alive():
            self.close()
        return answers.get_code(), b"".join(answers.parts)

    def _send(self, connected: socket, head: bytes, content: bytes) -> None:
        if self._is_tls:
            connected.sendall(head)
            connected.sendall(content)
        else:
            sent = connected.sendmsg((head, content))
            if sent < len(head) + len(content):
                rest = memoryview(content)[sent - len(head) :] if sent >= len(head) else head[sent:] + content
                connected.sendall(rest)

    def _read(self, connected: socket) -> None:
        while not self._answers.is_complete:
            data = connected.recv(READ_SIZE)
            self._answers.feed(data)  # no data: the server has closed the connection, which may end the answer
            if not data and not self._answers.is_complete:
                raise HTTPParseError("connection closed before the answer")

    def _end_of_head(self, body: Body) -> bytes:
        """Return what follows the path in the head of a request with this body."""
        key = len(body.content), body.content_type, body.headers
        end = self._ends.get(key)
        if end is None:
            headers = (
                ("Host", self._host),
                ("Content-Type", body.content_type),
                *body.headers,
                ("Content-Length", str(len(body.content))),
            )
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
            end = self._ends[key] = f" HTTP/1.1\r\n{lines}\r\n".encode()
        return end
