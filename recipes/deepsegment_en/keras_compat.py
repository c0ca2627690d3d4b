"""Lets the unmodified ``deepsegment`` 2.3.1 (written for Keras 2.2.4) run on TensorFlow 2 with tf-keras.

Owns the old names that ``deepsegment`` and ``seqtag-keras`` import. Knows nothing of the model or of serving.
Import it before ``deepsegment``. On TensorFlow 1 it does nothing, so that the same recipe runs on both stacks.
"""

import os
import sys

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # else TensorFlow 2 imports Keras 3, too, for a second

import tensorflow

SUBMODULES = (
    "callbacks",
    "layers",
    "losses",
    "models",
    "optimizers",
    "preprocessing",
    "preprocessing.sequence",
    "utils",
)


def install():
    """Register tf-keras under Keras 2.2.4's module names, and give its backend the two functions that it lost."""
    import importlib

    import tf_keras
    from tf_keras import backend

    sys.modules["keras"] = tf_keras
    for name in SUBMODULES:
        sys.modules["keras." + name] = importlib.import_module("tf_keras." + name)
    sys.modules["keras.layers.merge"] = tf_keras.layers
    sys.modules["keras.utils.np_utils"] = tf_keras.utils
    backend.slice = tensorflow.slice
    backend.logsumexp = tensorflow.reduce_logsumexp

    import seqtag_keras.layers

    # TensorFlow 2 passes a TensorShape where Keras 2.2.4 passed a tuple.
    seqtag_keras.layers.to_tuple = tuple
    _silence_predict(tf_keras.Model)
    _end_with_the_last_batch(
        importlib.import_module("tf_keras.src.engine.data_adapter").TensorLikeDataAdapter, tensorflow
    )
    _keep_crf_inputs(seqtag_keras.layers.CRF, tensorflow, backend)


def _silence_predict(model_class):
    """Make ``Model.predict`` quiet, as it was in Keras 2.2.4: drawing a progress bar would be timed."""
    predict = model_class.predict

    def quiet_predict(self, *args, **kwargs):
        kwargs.setdefault("verbose", 0)
        return predict(self, *args, **kwargs)

    model_class.predict = quiet_predict


def _end_with_the_last_batch(adapter_class, tf):
    """Let ``Model.predict`` return after its last batch, as it did in Keras 2.2.4, which used no ``tf.data``.

    ``tf.data`` tunes a pipeline from a thread that sleeps for 10, 20, 40 … ms, and joins that thread in the end. It
    wakes it up before it marks it as cancelled, so the thread often sees nothing and sleeps on: a call of 3 s takes
    5.11 s, one of 6 s 10.23 s. A pipeline that is not tuned has no such thread.
    """
    get_dataset = adapter_class.get_dataset
    options = tf.data.Options()
    options.autotune.enabled = False

    def get_untuned_dataset(self):
        return get_dataset(self).with_options(options)

    adapter_class.get_dataset = get_untuned_dataset


def _keep_crf_inputs(crf_class, tf, backend):
    """Let the CRF's loss (training only) find the layer's own inputs, which Keras 2.2.4 kept in graph metadata."""
    call = crf_class.call

    def remembering_call(self, X, mask=None):
        self._last_inputs = (X, mask)
        return call(self, X, mask)

    def loss_function(self):
        def loss(y_true, y_pred):
            X, mask = self._last_inputs
            return self.get_negative_log_likelihood(tf.cast(y_true, backend.floatx()), X, mask)

        return loss

    crf_class.call = remembering_call
    crf_class.loss_function = property(loss_function)


if int(tensorflow.__version__.split(".")[0]) >= 2:
    install()
