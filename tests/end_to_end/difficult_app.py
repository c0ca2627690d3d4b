"""What a gunicorn serves for the tests of the client: each path answers in another way that it has to bear with."""

import errno
import hashlib
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

ANSWER = bytes(range(256)) * 1024  # 256 KiB, in which a piece that is lost or doubled shows
PIECE = 1000
RAW = {
    "/until-closed": b"HTTP/1.1 200 OK\r\n\r\n" + ANSWER,
    "/interim": b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ndone",
    "/half": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it",
    "/reset": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it",
    "/silence": b"",
    "/nonsense": b"220 mail.example.org ready\r\n",
    "/twice": 2 * b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone",
}


WHOLE = {
    "/error": ("500 Internal Server Error", b"reason"),
    "/late": ("200 OK", b"late"),
    "/nothing": ("200 OK", b""),
    "/last": ("200 OK", b"bye"),
}


def application(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
    """Answer as the path says."""
    body, path = environ["wsgi.input"].read(), environ["PATH_INFO"]
    if path == "/chunked":  # gunicorn's way where the length is not told
        start("200 OK", [])
        return pieces(wait_s=0)
    if path == "/slowly":
        start("200 OK", [("Content-Length", str(len(ANSWER)))])
        return pieces(wait_s=0.001)
    if path in RAW:
        send_raw(environ["gunicorn.socket"], path)
    status, content = WHOLE.get(path, ("200 OK", digest(body, environ)))
    if path == "/late":
        time.sleep(2)
    start(status, [("Content-Length", str(len(content))), *([("Connection", "close")] if path == "/last" else [])])
    return [content]


def digest(body: bytes, environ: dict[str, Any]) -> bytes:
    """Return what has arrived, and on which connection."""
    return f"{hashlib.sha256(body).hexdigest()} {environ['REMOTE_PORT']}".encode()


def send_raw(connection: socket.socket, path: str) -> None:
    """Send what is no usual answer, and end the connection."""
    connection.sendall(RAW[path])
    if path == "/reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    else:
        connection.shutdown(socket.SHUT_RDWR)
    raise BrokenPipeError(errno.EPIPE, "the client is gone")  # gunicorn says nothing more on this connection


def pieces(wait_s: float) -> Iterator[bytes]:
    """Yield the answer bit by bit."""
    for place in range(0, len(ANSWER), PIECE):
        yield ANSWER[place : place + PIECE]
        time.sleep(wait_s)
