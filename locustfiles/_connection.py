"""One user's HTTP connection: kept alive, one request in flight.

Owns time-outs and what their failure is called. Parsing is ``geventhttpclient``'s. No request is ever sent twice:
the library repeats no POST, and neither does this.
"""

from urllib.parse import urlsplit

import gevent
from geventhttpclient.client import HTTPClient
from geventhttpclient.response import HTTPParseError

CONNECT_TIMEOUT_S = 10.0
READ_SIZE = 1 << 16


class NoAnswer(Exception):
    """The connection failed before an answer was complete; the message is one line that says how."""


class RequestTimedOut(NoAnswer):
    """No answer came in time."""


class Connection:
    """A keep-alive connection that posts bodies to one server."""

    def __init__(self, host: str, content_type: str) -> None:
        self._host = host
        self._base_path = urlsplit(host).path.rstrip("/")
        self._content_type = content_type
        self._client: HTTPClient | None = None

    def _connected(self) -> HTTPClient:
        """Return the library's client, which connects with its first request."""
        self._client = self._client or HTTPClient.from_url(
            self._host,
            headers={"Content-Type": self._content_type},
            concurrency=1,
            block_size=READ_SIZE,
            connection_timeout=CONNECT_TIMEOUT_S,
            network_timeout=None,  # the limit is on the whole request: a trickling answer would pass one on each read
        )
        return self._client

    def post(self, path: str, body: bytes, timeout_s: float) -> tuple[int, bytes]:
        """Send ``body`` to ``path``; return the answer's status and body. Raises NoAnswer if there is none in time."""
        try:
            with gevent.Timeout(timeout_s):
                response = self._connected().post(self._base_path + path, body)
                answer = bytes(response.read())
        except gevent.Timeout as error:
            self._client = None  # its only connection is still waiting for that answer
            raise RequestTimedOut(f"no answer within {timeout_s:g} s") from error
        except (OSError, HTTPParseError) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        return response.status_code, answer

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._client is not None:
            self._client.close()
