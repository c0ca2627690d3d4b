"""A model behind FastAPI with a queue, as people write it by hand: ``async def`` endpoints, one thread that predicts.

Requests are collected until they hold enough examples, or until the first of them has waited long enough; then they
are predicted in one call.
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, List

import msgpack
from fastapi import Body, FastAPI, Response
from predictor import predictor
from pydantic import BaseModel

MAX_EXAMPLES = int(os.environ["MAX_BATCH_SIZE"])
WINDOW_S = float(os.environ["BATCH_WINDOW_MS"]) / 1000


class Batcher:
    """Predicts the inputs of several requests together."""

    def __init__(self):
        self._waiting = asyncio.Queue()

    async def predict(self, inputs):
        """Return the predictions of one request's inputs."""
        answer = asyncio.get_running_loop().create_future()
        await self._waiting.put((inputs, answer))
        return await answer

    async def run(self):
        """Predict whatever waits, for ever."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as thread:
            while True:
                batch = await self._collect()
                inputs = [item for own, _ in batch for item in own]
                try:
                    call = partial(predictor, inputs, batch_size=len(inputs))
                    predictions = list(await loop.run_in_executor(thread, call))
                except Exception as error:  # noqa: BLE001  # every request of the batch has failed
                    for _, answer in batch:
                        if not answer.done():
                            answer.set_exception(error)
                    continue
                for own, answer in batch:
                    if not answer.done():  # the client has gone
                        answer.set_result(predictions[: len(own)])
                    predictions = predictions[len(own) :]

    async def _collect(self):
        loop = asyncio.get_running_loop()
        batch = [await self._waiting.get()]
        until_s = loop.time() + WINDOW_S
        while sum(len(inputs) for inputs, _ in batch) < MAX_EXAMPLES:
            try:
                batch.append(await asyncio.wait_for(self._waiting.get(), until_s - loop.time()))
            except asyncio.TimeoutError:
                break
        return batch


@asynccontextmanager
async def lifespan(app):
    """Have the batcher run for as long as the server does."""
    app.state.batcher = Batcher()
    task = asyncio.ensure_future(app.state.batcher.run())
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


class Inputs(BaseModel):
    """The body of a JSON request."""

    data: List[Any]


@app.post("/predict")
async def predict(inputs: Inputs):
    """Predict JSON inputs."""
    return {"predictions": await app.state.batcher.predict(inputs.data)}


@app.post("/predict-files")
async def predict_files(body: bytes = Body(media_type="application/msgpack")):
    """Predict files: a msgpack list of their contents."""
    answer = {"predictions": await app.state.batcher.predict(msgpack.unpackb(body))}
    return Response(msgpack.packb(answer), media_type="application/msgpack")
