"""A model behind LitServe, as its documentation shows: an API class with ``setup``, ``predict`` and the two codecs."""

import os
from typing import Annotated, Any

import litserve
import msgpack
from fastapi import Body, Response

MAX_REQUESTS = int(os.environ["MAX_BATCH_SIZE"])
WINDOW_S = float(os.environ["BATCH_WINDOW_MS"]) / 1000


class Texts(litserve.LitAPI):
    """Takes and gives JSON."""

    def setup(self, device):
        """Load the model, in the worker."""
        from predictor import predictor  # the other processes of LitServe need no model

        self.predictor = predictor

    def decode_request(self, request):
        """Return the inputs of a request."""
        return request["data"]

    def predict(self, x):
        """Predict the inputs of a request, or of several where LitServe collects them."""
        if MAX_REQUESTS == 1:
            return list(self.predictor(x, batch_size=len(x)))
        inputs = [item for own in x for item in own]
        predictions = iter(self.predictor(inputs, batch_size=len(inputs)))
        return [[next(predictions) for _ in own] for own in x]

    def batch(self, inputs):
        """Leave the requests as a list: each has several inputs."""
        return inputs

    def unbatch(self, output):
        """Leave the answers as a list."""
        return output

    def encode_response(self, output):
        """Return the answer."""
        return {"predictions": output}


class Files(Texts):
    """Takes a msgpack list of files' contents, and gives msgpack."""

    def decode_request(self, request: Annotated[Any, Body()]):
        """Return the files of a request."""
        return msgpack.unpackb(request)

    def encode_response(self, output):
        """Return the answer."""
        return Response(msgpack.packb({"predictions": output}), media_type="application/msgpack")


if __name__ == "__main__":
    api = {"json": Texts, "msgpack": Files}[os.environ["INPUT_TYPE"]]
    server = litserve.LitServer(
        api(max_batch_size=MAX_REQUESTS, batch_timeout=WINDOW_S),
        accelerator="cpu",
        devices=1,
        workers_per_device=1,
        timeout=float(os.environ["TIMEOUT_S"]),
    )
    server.run(
        host=os.environ["HOST"],
        port=int(os.environ["PORT"]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=int(os.environ["KEEP_ALIVE_S"]),
    )
