"""A model behind PyTriton, as its documentation shows: a function of tensors that is bound to a model's name."""

import json
import os
import sys

# Triton's stub would take the Python library of the operating system, whatever its version.
os.environ["LD_LIBRARY_PATH"] = os.path.join(sys.base_prefix, "lib")

import numpy
from predictor import predictor
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

MAX_EXAMPLES = int(os.environ["MAX_BATCH_SIZE"])
WINDOW_US = round(float(os.environ["BATCH_WINDOW_MS"]) * 1000)
# Triton refuses a request that holds more examples than this.
LARGEST_REQUEST = 4096
IS_JSON = os.environ["INPUT_TYPE"] == "json"


def predictions(data):
    """Return the predictions for a tensor of inputs, as a tensor of JSON."""
    inputs = [json.loads(item) if IS_JSON else item for item in data.reshape(-1).tolist()]
    texts = [json.dumps(each).encode() for each in predictor(inputs, batch_size=len(inputs))]
    return numpy.array(texts, dtype=object).reshape(-1, 1)


@batch
def infer_together(data):
    """Predict the inputs of several requests in one call."""
    return {"predictions": predictions(data)}


def infer(requests):
    """Predict the inputs of each request."""
    return [{"predictions": predictions(request["data"])} for request in requests]


if __name__ == "__main__":
    config = TritonConfig(
        http_address=os.environ["HOST"],
        http_port=int(os.environ["HTTP_PORT"]),
        allow_grpc=False,
        metrics_address=os.environ["HOST"],
        metrics_port=int(os.environ["METRICS_PORT"]),
    )
    is_batching = MAX_EXAMPLES > 1
    batcher = DynamicBatcher(max_queue_delay_microseconds=WINDOW_US, preferred_batch_size=[MAX_EXAMPLES])
    batching = ModelConfig(batching=True, max_batch_size=LARGEST_REQUEST, batcher=batcher)
    shape = (1,) if is_batching else (-1, 1)
    with Triton(config=config, workspace=os.environ["FOLDER"]) as triton:
        triton.bind(
            model_name="recipe",
            infer_func=infer_together if is_batching else infer,
            inputs=[Tensor(name="data", dtype=bytes, shape=shape)],
            outputs=[Tensor(name="predictions", dtype=bytes, shape=shape)],
            config=batching if is_batching else ModelConfig(batching=False),
        )
        triton.serve()
