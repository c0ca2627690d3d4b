"""A model behind MLServer, as its documentation shows: an ``MLModel`` with ``load`` and ``predict``."""

import json

from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Recipe(MLModel):
    """Holds the predictor, in the worker."""

    async def load(self) -> bool:
        """Load the model."""
        from predictor import predictor  # the REST process needs no model

        self.predictor = predictor
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Predict the inputs of a request, or of several where MLServer has put them together."""
        (tensor,) = payload.inputs
        if tensor.parameters.content_type == Base64Codec.ContentType:
            inputs = Base64Codec.decode_input(tensor)
        else:
            inputs = [json.loads(text) for text in StringCodec.decode_input(tensor)]
        predictions = [json.dumps(each) for each in self.predictor(inputs, batch_size=len(inputs))]
        shape = [len(predictions), 1]
        output = ResponseOutput(name="predictions", shape=shape, datatype="BYTES", data=predictions)
        return InferenceResponse(model_name=self.name, outputs=[output])
