"""DeepSegment (the ``deepsegment`` library's own, unmodified): splits unpunctuated English text into sentences.

Owns the choice of weights and the warm-up. Environment variable ``DEEPSEGMENT_WEIGHTS``:

- unset or ``shipped``: the small checkpoint beside this file (MODEL_CARD.md).
- ``official``: upstream's English model, which ``DeepSegment('en')`` downloads.
"""

import os

import keras_compat  # isort: skip  # noqa: F401  (first: it provides the old Keras names)

from deepsegment import DeepSegment

FOLDER = os.path.dirname(os.path.abspath(__file__))


def load_model(weights):
    """Return the ready segmenter. Raises ValueError for an unknown choice of weights."""
    if weights == "official":
        return DeepSegment("en")
    if weights != "shipped":
        raise ValueError("DEEPSEGMENT_WEIGHTS={!r} is unknown; choose 'shipped' or 'official'".format(weights))
    files = [os.path.join(FOLDER, name) for name in ("checkpoint.h5", "params", "utils")]
    return DeepSegment(None, *files)


def warm_up(predict):
    """Meet, before anything is timed, the shapes that serving meets.

    TensorFlow 2 retraces, for seconds, when the number of texts, of words or of letters in the longest word differs
    from what it has seen. A second call that differs from the first in all three makes it settle on a graph for any
    shape. Without it fastDeploy's start-up tuner times the retracing, finds larger batches slower, and settles on
    batches of 1.
    """
    for texts in (["how was it"], ["it was extraordinarily good", "so"]):
        predict(texts, batch_size=len(texts))


def predictor(inputs, batch_size=1):
    """Segment texts.

    inputs: a list of ``str``. Returns a list as long, each the text's sentences as a list of ``str``.
    """
    return model.segment(list(inputs), batch_size=batch_size)


model = load_model(os.environ.get("DEEPSEGMENT_WEIGHTS", "shipped"))
warm_up(predictor)
