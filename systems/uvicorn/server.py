"""A model behind uvicorn alone: an ASGI application, without a framework.

Requests are predicted in a pool of threads, as many as FastAPI has for ``def`` endpoints.
"""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import msgpack
from predictor import predictor

THREADS = ThreadPoolExecutor(40)
JSON, MSGPACK, TEXT = b"application/json", b"application/msgpack", b"text/plain"


def predict(path, body):
    """Return the status, the content type and the content of the answer to a request."""
    if path == "/predict":
        inputs = json.loads(body)["data"]
        answer = {"predictions": predictor(inputs, batch_size=len(inputs))}
        return 200, JSON, json.dumps(answer).encode()
    if path == "/predict-files":
        files = msgpack.unpackb(body)
        answer = {"predictions": predictor(files, batch_size=len(files))}
        return 200, MSGPACK, msgpack.packb(answer)
    return 404, TEXT, b"Not Found"


async def app(scope, receive, send):
    """Answer a request; if that fails, uvicorn answers with status 500 and logs why."""
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    loop = asyncio.get_running_loop()
    status, kind, content = await loop.run_in_executor(THREADS, predict, scope["path"], b"".join(parts))
    headers = [(b"content-type", kind), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
