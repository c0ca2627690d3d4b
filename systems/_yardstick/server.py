"""A server of this project's own, as small and fast as possible: for measuring the instrument, not a model.

Run as a program by ``systems.null``, which answers at once with the recipe's canned answers, and by ``systems.delay``,
which calls the predictor, works for a known time, and writes down how long it had each request. Parsing is
``httptools``'. Speaks the wire of any system. One process, one thread.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import selectors
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import cast

import httptools
import xxhash

from servecost.core import answers, call_log, layout, plain, systems
from servecost.core.recipe import load
from servecost.core.system import Wire

DEFAULT_DELAY_MS = 5.0
OK = b"200 OK"
CONTENT_TYPE = b"application/octet-stream"  # each wire knows its own answers
REQUESTS_LOG = "requests.log"  # the id of each request, and when it was received and answered

READ_SIZE, BACKLOG = 1 << 18, 1024
# Linux's number for it, of which Python's socket has no name: the kernel says when it had what is read.
SO_TIMESTAMPNS, TIMESPEC = 35, struct.Struct("@ll")

PLACEHOLDER = "id-of-the-request"  # in a path

Parts = list[bytes]
WireOf = Callable[[str], Wire]


class NotServed(Exception):
    """There is nothing at that path."""


class Endpoint:
    """Where a wire posts requests to: its path, from which the request's id is read."""

    def __init__(self, wire: Wire) -> None:
        self._before, self._names_request, self._after = wire.path(PLACEHOLDER).encode().partition(PLACEHOLDER.encode())

    def request_id(self, url: bytes) -> bytes:
        """Return the id of the request to a path, empty if the wire names none. Raises NotServed."""
        if not (url.startswith(self._before) and url.endswith(self._after)):
            raise NotServed
        found = url[len(self._before) : len(url) - len(self._after)]
        if bool(found) != bool(self._names_request):
            raise NotServed
        return found


class Canned:
    """Answers with the direct arm's answers to the example, which are in a file beside the recipe."""

    def __init__(self, folder: Path, wire_of: WireOf) -> None:
        recipe = load(folder)
        self._wire = wire_of(recipe.input_type)
        self._endpoint = Endpoint(self._wire)
        call_log.wait_for(str(folder / layout.EXPECTED_JSON))
        expected = answers.read(folder / layout.EXPECTED_JSON)
        # By what an input is once it has been on the wire, which makes a list of a tuple, and text of numbers as keys.
        sent = self._wire.inputs(self._wire.body(recipe.example).content)
        self._answers = dict(zip(map(plain.digest, sent), expected, strict=True))
        self._known: dict[tuple[int, bytes], tuple[bytes, bytes | None]] = {}

    def __call__(self, url: bytes, parts: Parts) -> bytes:
        if url.startswith(b"/meta?"):  # fastDeploy's own client asks first
            return b'{"is_pickle_allowed": false}'
        request_id = self._endpoint.request_id(url)
        key = len(request_id), identity_of(parts)
        if key not in self._known:
            given = self._wire.inputs(b"".join(parts))
            predictions = [self._answers[plain.digest(each)] for each in given]
            self._known[key] = around_id(lambda name: self._wire.answer(predictions, name), len(request_id))
        before, after = self._known[key]
        return before if after is None else before + request_id + after

    def answered(self, url: bytes, received_s: float) -> None:
        """Log nothing."""


class Delayed:
    """Calls the predictor directly, then works for a known time, and logs when it had each request.

    A model computes, so the delay is spun: a process that sleeps takes longer to wake than it was asked to.
    """

    def __init__(self, folder: Path, wire_of: WireOf, delay_s: float) -> None:
        self._wire = wire_of(load(folder).input_type)
        self._endpoint = Endpoint(self._wire)
        self._delay_s = delay_s
        self._log = os.open(folder / REQUESTS_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        sys.path.insert(0, str(folder))
        os.chdir(folder)
        self._predictor = importlib.import_module("predictor").predictor

    def __call__(self, url: bytes, parts: Parts) -> bytes:
        request_id = self._endpoint.request_id(url)
        inputs = self._wire.inputs(b"".join(parts))
        predictions = self._predictor(inputs, batch_size=len(inputs))
        work_for(self._delay_s)
        return self._wire.answer(list(predictions), request_id.decode())

    def answered(self, url: bytes, received_s: float) -> None:
        """Log when the kernel had a request, and when it had its answer."""
        line = b"%b %.6f %.6f\n" % (self._endpoint.request_id(url), received_s, time.time())
        os.write(self._log, line)


def around_id(answer: Callable[[str], bytes], length: int) -> tuple[bytes, bytes | None]:
    """Return what stands before and after a request's id in its answer; all of it and None if the id is not in it.

    ``answer`` returns the answer to a request with that id; ``length`` is that of all ids.
    """
    one, other = answer("a" * length), answer("b" * length)
    if one == other:
        return one, None
    start = next(place for place, (left, right) in enumerate(zip(one, other)) if left != right)
    return one[:start], one[start + length :]


def work_for(seconds: float) -> None:
    """Return after that time, which is spent computing."""
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        pass


def identity_of(parts: Parts) -> bytes:
    """Return what identifies a body: a digest of all of it, of the quickest kind."""
    found = xxhash.xxh3_128()
    for part in parts:
        found.update(part)
    return found.digest()


class Connection:
    """One client's connection, kept alive."""

    def __init__(self, connected: socket.socket, application: Canned | Delayed) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket = connected
        self._application = application
        self._parser = httptools.HttpRequestParser(self)
        self._is_kept = True
        self._parts: Parts = []
        self._url = b""
        self._arrived_s = self._received_s = 0.0

    def read(self) -> bool:
        """Read what has arrived, and answer a request that is whole; return whether the connection stays open.

        Anything but HTTP ends it.
        """
        try:
            data, ancillary, _, _ = self._socket.recvmsg(READ_SIZE, socket.CMSG_SPACE(TIMESPEC.size))
            self._arrived_s = arrived_s(ancillary)
            self._parser.feed_data(data)
        except (OSError, httptools.HttpParserError):
            return False
        return bool(data) and self._is_kept

    def on_message_begin(self) -> None:
        """Note when a request's first bytes had arrived."""
        self._received_s = self._arrived_s

    def on_url(self, url: bytes) -> None:
        """Note a request's path."""
        self._url = url

    def on_body(self, body: bytes) -> None:
        """Note a piece of a request's body."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Answer."""
        status = OK
        try:
            body = self._application(self._url, self._parts)
        except NotServed:
            status, body = b"404 Not Found", b'{"success": false, "reason": "nothing is served here"}'
        except Exception as error:  # noqa: BLE001  # a server that fails says so, to its client and in its log
            traceback.print_exc()
            reason = f"{type(error).__name__}: {error}"
            status, body = b"500 Internal Server Error", json.dumps({"success": False, "reason": reason}).encode()
        self._parts = []
        head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (status, CONTENT_TYPE, len(body))
        self._is_kept = self._parser.should_keep_alive()
        try:
            self._socket.sendall(head + body)
        except OSError:  # nobody waits for it any more
            self._is_kept = False
        else:
            if status == OK:
                self._application.answered(self._url, self._received_s)


def arrived_s(ancillary: list[tuple[int, int, bytes]]) -> float:
    """Return when the kernel had what was read with this; now, if it does not say: it begins to with a delay."""
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = cast(tuple[int, int], TIMESPEC.unpack(content))
            return seconds + nanoseconds / 1e9
    return time.time()


def serve(application: Canned | Delayed, host: str, port: int) -> None:
    """Serve until the process is stopped."""
    with selectors.DefaultSelector() as selector, socket.create_server((host, port), backlog=BACKLOG) as listening:
        selector.register(listening, selectors.EVENT_READ)
        while True:
            for ready, _ in selector.select():
                if ready.fileobj is listening:
                    connected, _ = listening.accept()
                    selector.register(connected, selectors.EVENT_READ, Connection(connected, application))
                elif not ready.data.read():
                    selector.unregister(ready.fileobj)
                    cast(socket.socket, ready.fileobj).close()


def main() -> None:
    """Serve a recipe's copy as the command line says."""
    parser = argparse.ArgumentParser(description="Serve a recipe's canned answers, or its predictor with a delay.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delayed", type=Path, metavar="FILE", help="delay by DELAY_MS, and tell so in this file")
    parser.add_argument("--wire", required=True, metavar="SYSTEM", help="whose wire to speak")
    options = parser.parse_args()
    folder, wire_of = options.recipe.resolve(), systems.load(options.wire).wire
    if options.delayed:
        delay_ms = float(os.environ.get("DELAY_MS", DEFAULT_DELAY_MS))
        options.delayed.write_text(f"{delay_ms}\n", encoding="utf-8")
        application: Canned | Delayed = Delayed(folder, wire_of, delay_ms / 1000)
    else:
        application = Canned(folder, wire_of)
    serve(application, options.host, options.port)


if __name__ == "__main__":
    main()
