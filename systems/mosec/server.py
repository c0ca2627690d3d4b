"""A model behind Mosec, as its documentation shows: a ``Worker`` with ``forward``, and a mixin for msgpack."""

import os

from mosec import Server, Worker
from mosec.mixin import MsgpackMixin

MAX_REQUESTS = int(os.environ["MAX_BATCH_SIZE"])
WINDOW_MS = int(os.environ["BATCH_WINDOW_MS"])


class Texts(Worker):
    """Takes and gives JSON."""

    def __init__(self):
        """Load the model, in the worker."""
        from predictor import predictor  # the main process of Mosec needs no model

        self.predictor = predictor

    def forward(self, data):
        """Predict the inputs of a request, or of several where Mosec collects them."""
        if MAX_REQUESTS == 1:
            return self._predictions([data])[0]
        return self._predictions(data)

    def _predictions(self, requests):
        lists = [self.inputs(request) for request in requests]
        inputs = [item for own in lists for item in own]
        predictions = iter(self.predictor(inputs, batch_size=len(inputs)))
        return [{"predictions": [next(predictions) for _ in own]} for own in lists]

    def inputs(self, request):
        """Return the inputs of a request."""
        return request["data"]


class Files(MsgpackMixin, Texts):
    """Takes a msgpack list of files' contents, and gives msgpack."""

    def inputs(self, request):
        """Return the files of a request."""
        return request


if __name__ == "__main__":
    server = Server()
    batching = {"max_batch_size": MAX_REQUESTS, "max_wait_time": WINDOW_MS} if MAX_REQUESTS > 1 else {}
    worker = {"json": Texts, "msgpack": Files}[os.environ["INPUT_TYPE"]]
    server.append_worker(worker, num=1, timeout=int(os.environ["TIMEOUT_S"]), route="/predict", **batching)
    server.run()
