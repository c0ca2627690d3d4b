"""A model behind BentoML, as its documentation shows: a service class with one API method, typed by its input."""

import os
from pathlib import Path
from typing import Any, List

import bentoml

MAX_EXAMPLES = int(os.environ["MAX_BATCH_SIZE"])
BATCHING = {"batchable": True, "max_batch_size": MAX_EXAMPLES, "max_latency_ms": int(os.environ["MAX_LATENCY_MS"])}


class Model:
    """Holds the predictor, in the worker."""

    def __init__(self):
        from predictor import predictor

        self.predictor = predictor

    def predictions(self, inputs):
        """Return the predictions for a list of inputs."""
        return list(self.predictor(inputs, batch_size=len(inputs)))


if os.environ["INPUT_TYPE"] == "json":

    def predict(self, data: List[Any]) -> List[Any]:
        """Predict JSON inputs."""
        return self.predictions(data)

else:

    def predict(self, data: List[Path]) -> List[Any]:
        """Predict files."""
        return self.predictions([file.read_bytes() for file in data])


Model.predict = bentoml.api(route="/predict", **(BATCHING if MAX_EXAMPLES > 1 else {}))(predict)
Recipe = bentoml.service(
    workers=1, traffic={"timeout": int(os.environ["TIMEOUT_S"])}, logging={"access": {"enabled": False}}
)(Model)
