"""A model behind Ray Serve, as its documentation shows: a deployment whose ``__call__`` takes the HTTP request."""

import json
import os

import msgpack
import ray
from ray import serve
from ray.serve.schema import LoggingConfig
from starlette.requests import Request
from starlette.responses import Response

MAX_REQUESTS = int(os.environ["MAX_BATCH_SIZE"])
WINDOW_S = float(os.environ["BATCH_WINDOW_MS"]) / 1000
# Every client of the load may have a request at the replica.
MOST_IN_FLIGHT = 1000


@serve.deployment(num_replicas=1, max_ongoing_requests=MOST_IN_FLIGHT, ray_actor_options={"num_cpus": 1})
class Recipe:
    """The predictor, in the replica."""

    def __init__(self):
        from predictor import predictor

        self.predictor = predictor

    @serve.batch(max_batch_size=MAX_REQUESTS, batch_wait_timeout_s=WINDOW_S)
    async def together(self, requests):
        """Predict the inputs of several requests in one call."""
        inputs = [item for own in requests for item in own]
        predictions = iter(self.predictor(inputs, batch_size=len(inputs)))
        return [[next(predictions) for _ in own] for own in requests]

    async def predict(self, inputs):
        """Predict the inputs of one request."""
        if MAX_REQUESTS > 1:
            return await self.together(inputs)
        return list(self.predictor(inputs, batch_size=len(inputs)))

    async def __call__(self, request: Request):
        """Answer JSON with JSON, and a msgpack list of files' contents with msgpack."""
        body = await request.body()
        if request.headers["content-type"] == "application/json":
            return {"predictions": await self.predict(json.loads(body)["data"])}
        answer = {"predictions": await self.predict(msgpack.unpackb(body))}
        return Response(msgpack.packb(answer), media_type="application/msgpack")


if __name__ == "__main__":
    ray.init(
        address="local",
        num_cpus=max(2, os.cpu_count() or 1),
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=2**29,
        _node_ip_address="127.0.0.1",
        _temp_dir=os.environ["RAY_FOLDER"],
    )
    http = {
        "host": os.environ["HOST"],
        "port": int(os.environ["PORT"]),
        "request_timeout_s": float(os.environ["TIMEOUT_S"]),
        "keep_alive_timeout_s": int(os.environ["KEEP_ALIVE_S"]),
    }
    serve.start(http_options=http)
    quiet = LoggingConfig(enable_access_log=False)
    serve.run(Recipe.bind(), route_prefix="/predict", blocking=True, logging_config=quiet)
