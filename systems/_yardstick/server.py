"""A server of this project's own, as small and fast as possible: for measuring the instrument, not a model.

Run as a program by ``systems.null``, which answers at once with the recipe's canned answers, and by ``systems.delay``,
which calls the predictor and then waits for a known time. Parsing is ``httptools``', the loop is ``uvloop``'s. Speaks
fastDeploy's wire format. One process, one thread.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httptools
import msgpack
import uvloop

from servecost.core import answers, call_log, layout
from servecost.core.recipe import load

UNIQUE_ID = re.compile(rb"[?&]unique_id=([^&]*)")
# A body is known by its length and so many bytes at either end: to read all of it would take longer than to answer.
ENDS = 4096
# The kernel lets a sleeper oversleep by about this much; the rest of a wait is spun.
SPUN_S = 0.0005
DEFAULT_DELAY_MS = 5.0

Parts = list[bytes]
Application = Callable[[bytes, Parts], bytes]


class NotServed(Exception):
    """There is nothing at that path."""


class Canned:
    """Answers with the direct arm's answers to the example, which are in a file beside the recipe."""

    def __init__(self, folder: Path) -> None:
        self._example = load(folder).example
        call_log.wait_for(str(folder / layout.EXPECTED_JSON))
        self._answers = answers.read(folder / layout.EXPECTED_JSON)
        self._known: dict[tuple[bytes, int, bytes, bytes], bytes] = {}

    def __call__(self, url: bytes, parts: Parts) -> bytes:
        if url.startswith(b"/meta?"):  # fastDeploy's own client asks first
            return b'{"is_pickle_allowed": false}'
        unique_id, kind = asked(url)
        key = kind, *ends_of(parts)
        if key not in self._known:
            self._known[key] = encoded([self._answer(given) for given in decoded(b"".join(parts), kind)], kind)
        return with_id(self._known[key], unique_id, kind)

    def _answer(self, given: Any) -> Any:
        return self._answers[self._example.index(given)]


class Delayed:
    """Calls the predictor directly, and then waits for a known time."""

    def __init__(self, folder: Path, delay_s: float) -> None:
        self._delay_s = delay_s
        sys.path.insert(0, str(folder))
        os.chdir(folder)
        self._predictor = importlib.import_module("predictor").predictor

    def __call__(self, url: bytes, parts: Parts) -> bytes:
        unique_id, kind = asked(url)
        inputs = decoded(b"".join(parts), kind)
        predictions = self._predictor(inputs, batch_size=len(inputs))
        wait(self._delay_s)
        return with_id(encoded(list(predictions), kind), unique_id, kind)


def wait(seconds: float) -> None:
    """Return after that time, to within microseconds."""
    end_s = time.perf_counter() + seconds
    time.sleep(max(0.0, seconds - SPUN_S))
    while time.perf_counter() < end_s:
        pass


def asked(url: bytes) -> tuple[bytes, bytes]:
    """Return a request's unique id and the kind of its body. Raises NotServed."""
    unique_id = UNIQUE_ID.search(url)
    if not url.startswith(b"/infer?") or unique_id is None:
        raise NotServed
    return unique_id[1], b"msgpack" if b"input_type=msgpack" in url else b"json"


def ends_of(parts: Parts) -> tuple[int, bytes, bytes]:
    """Return a body's length, its first bytes and its last."""
    head, tail = bytearray(), bytearray()
    for part in parts:
        head += part[: ENDS - len(head)]
        if len(head) == ENDS:
            break
    for part in reversed(parts):
        tail[:0] = part[-(ENDS - len(tail)) :]
        if len(tail) == ENDS:
            break
    return sum(map(len, parts)), bytes(head), bytes(tail)


def decoded(body: bytes, kind: bytes) -> list[Any]:
    """Return the inputs that a body holds."""
    content = msgpack.unpackb(body, raw=False) if kind == b"msgpack" else json.loads(body)["data"]
    assert isinstance(content, list)
    return content


def encoded(predictions: list[Any], kind: bytes) -> bytes:
    """Return the body of an answer but for the unique id, which has to be put at its end."""
    content = {"success": True, "reason": None, "prediction": predictions, "unique_id": ""}
    if kind == b"msgpack":
        packed = msgpack.packb(content, use_bin_type=True)
        assert isinstance(packed, bytes)
        return packed[:-1]  # the empty id's one byte
    return json.dumps(content).encode()[: -len('"}')]


def with_id(body: bytes, unique_id: bytes, kind: bytes) -> bytes:
    """Return an answer with its unique id."""
    if kind == b"msgpack":
        packed = msgpack.packb(unique_id.decode())
        assert isinstance(packed, bytes)
        return body + packed
    return body + unique_id + b'"}'


class Connection(asyncio.Protocol):
    """One client's connection, kept alive."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._parser = httptools.HttpRequestParser(self)
        self._parts: Parts = []
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's classes

    def data_received(self, data: bytes) -> None:
        """Parse data; anything but HTTP ends the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_url(self, url: bytes) -> None:
        """Note a request's path."""
        self._url = url

    def on_body(self, body: bytes) -> None:
        """Note a piece of a request's body."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Answer."""
        kind, status = b"application/json", b"200 OK"
        try:
            body = self._application(self._url, self._parts)
            if b"input_type=msgpack" in self._url:
                kind = b"application/msgpack"
        except NotServed:
            status, body = b"404 Not Found", b'{"success": false, "reason": "nothing is served here"}'
        self._parts = []
        head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (status, kind, len(body))
        self._transport.write(head + body)
        if not self._parser.should_keep_alive():
            self._transport.close()


async def serve(application: Application, host: str, port: int) -> None:
    """Serve until the process is stopped."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(application), host, port)
    await server.serve_forever()


def main() -> None:
    """Serve a recipe's copy as the command line says."""
    parser = argparse.ArgumentParser(description="Serve a recipe's canned answers, or its predictor with a delay.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delayed", type=Path, metavar="FILE", help="delay by DELAY_MS, and tell so in this file")
    options = parser.parse_args()
    folder = options.recipe.resolve()
    application: Application = Canned(folder)
    if options.delayed:
        delay_ms = float(os.environ.get("DELAY_MS", DEFAULT_DELAY_MS))
        options.delayed.write_text(f"{delay_ms}\n")
        application = Delayed(folder, delay_ms / 1000)
    uvloop.run(serve(application, options.host, options.port))


if __name__ == "__main__":
    main()
