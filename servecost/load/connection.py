"""One user's HTTP connection: kept alive, one request in flight, as little work per request as there can be.

Owns the socket, time-outs and what a failure is called. Parsing is ``geventhttpclient``'s (llhttp). No request is ever
sent twice: whether a server that has gone had begun to work on it cannot be known.

A library's client costs more than a fast server. So the head of a request is built once for each length of body and
only its path is new, head and body are handed to the kernel as they are, without being joined, and a connection's
time-out is one timer that is started anew.
"""

from select import POLLIN
from socket import IPPROTO_TCP, TCP_NODELAY
from urllib.parse import urlsplit

import gevent
from gevent.monkey import get_original
from gevent.socket import create_connection, socket
from gevent.ssl import create_default_context
from geventhttpclient._parser import HTTPParseError, HTTPResponseParser

CONNECT_TIMEOUT_S = 10.0
READ_SIZE = 1 << 16
_poll = get_original("select", "poll")  # gevent's own waits for its loop to come round, even with nothing to wait for
_PORTS = {"http": 80, "https": 443}


class NoAnswer(Exception):
    """The connection failed before an answer was complete; the message is one line that says how."""


class RequestTimedOut(NoAnswer):
    """No answer came in time."""


class _Answers(HTTPResponseParser):
    """The answers on one connection, one after the other; their headers are read by nobody but the parser."""

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
        self.is_complete = self.get_code() >= 200  # after an interim answer comes another

    def _on_headers_complete(self) -> None:
        """Be there: the parser calls it."""

    def _on_header(self, _: str) -> None:
        """Be there: the parser calls it."""

    _on_status = _on_header_field = _on_header_value = _on_header


class Connection:
    """A keep-alive connection that posts bodies to one server."""

    def __init__(self, host: str, content_type: str) -> None:
        """``host``: the server's address, a URL; nothing is connected yet."""
        url = urlsplit(host)
        self._address = url.hostname or "", url.port or _PORTS.get(url.scheme, 80)
        self._is_tls = url.scheme == "https"
        self._begin = f"POST {url.path.rstrip('/')}".encode()
        self._end = f" HTTP/1.1\r\nHost: {url.netloc.rpartition('@')[2]}\r\nContent-Type: {content_type}\r\n"
        self._ends: dict[int, bytes] = {}
        self._timer = gevent.Timeout(None)
        self._socket: socket | None = None
        self._answers = _Answers()
        self._readable = _poll()

    def post(self, path: str, body: bytes, timeout_s: float) -> tuple[int, bytes]:
        """Send ``body`` to ``path``; return the answer's status and body. Raises NoAnswer if there is none in time."""
        if self._timer.seconds != timeout_s:
            self._timer.close()
            self._timer = gevent.Timeout(timeout_s)
        self._timer.start()
        try:
            return self._exchange(self._connected(), path, body)
        except gevent.Timeout as error:
            self.close()  # it is still waiting for that answer
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
        """Close the connection, if there is one; the next request makes another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket:
        """Return a connection that is in step: an idle one with something to read is not, or has been closed."""
        if self._socket is not None and self._readable.poll(0):
            self.close()
        if self._socket is None:
            connected = create_connection(self._address, CONNECT_TIMEOUT_S)
            connected.settimeout(None)  # the limit is on the whole request, not on each read
            connected.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            if self._is_tls:
                connected = create_default_context().wrap_socket(connected, server_hostname=self._address[0])
            self._socket, self._answers, self._readable = connected, _Answers(), _poll()
            self._readable.register(connected.fileno(), POLLIN)
        return self._socket

    def _exchange(self, connected: socket, path: str, body: bytes) -> tuple[int, bytes]:
        """Send a request and read its answer."""
        answers = self._answers
        answers.expect()
        head = self._begin + path.encode() + self._end_for(len(body))
        if self._is_tls:
            connected.sendall(head)
            connected.sendall(body)
        else:
            sent = connected.sendmsg((head, body))
            if sent < len(head) + len(body):
                connected.sendall(memoryview(body)[sent - len(head) :] if sent >= len(head) else head[sent:] + body)
        while not answers.is_complete:
            data = connected.recv(READ_SIZE)
            answers.feed(data)  # with nothing at the end of the connection: that may be what ends the answer
            if not data and not answers.is_complete:
                raise HTTPParseError("connection closed before the answer")
        if not answers.should_keep_alive():
            self.close()
        return answers.get_code(), b"".join(answers.parts)

    def _end_for(self, length: int) -> bytes:
        """Return what follows the path of a request with a body of that length."""
        if length not in self._ends:
            self._ends[length] = f"{self._end}Content-Length: {length}\r\n\r\n".encode()
        return self._ends[length]
