"""A model behind FastAPI, as people write it by hand: ``def`` endpoints, one process, no batching.

Run by uvicorn. FastAPI calls a ``def`` endpoint in a thread of its pool, so several requests are predicted at a time.
"""

from typing import Any, List

import msgpack
from fastapi import Body, FastAPI, Response
from predictor import predictor
from pydantic import BaseModel

app = FastAPI()


class Inputs(BaseModel):
    """The body of a JSON request."""

    data: List[Any]


@app.post("/predict")
def predict(inputs: Inputs):
    """Predict JSON inputs."""
    return {"predictions": predictor(inputs.data, batch_size=len(inputs.data))}


@app.post("/predict-files")
def predict_files(body: bytes = Body(media_type="application/msgpack")):
    """Predict files: a msgpack list of their contents."""
    files = msgpack.unpackb(body)
    answer = {"predictions": predictor(files, batch_size=len(files))}
    return Response(msgpack.packb(answer), media_type="application/msgpack")
