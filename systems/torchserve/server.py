"""A model behind TorchServe, as its documentation shows: a handler with ``initialize`` and ``handle``."""

import json

import msgpack


class Handler:
    """Holds the predictor, in the worker."""

    def __init__(self):
        self.initialized = False

    def initialize(self, context):
        """Load the model."""
        from predictor import predictor

        self.predictor = predictor
        self.initialized = True

    def handle(self, data, context):
        """Answer each of the requests, JSON with JSON, and a msgpack list of files' contents with msgpack."""
        bodies = [row.get("body") for row in data]
        lists = [body["data"] if isinstance(body, dict) else msgpack.unpackb(bytes(body)) for body in bodies]
        inputs = [item for own in lists for item in own]
        predictions = iter(self.predictor(inputs, batch_size=len(inputs)))
        answers = [{"predictions": [next(predictions) for _ in own]} for own in lists]
        return [
            json.dumps(answer).encode() if isinstance(body, dict) else msgpack.packb(answer)
            for body, answer in zip(bodies, answers)
        ]
