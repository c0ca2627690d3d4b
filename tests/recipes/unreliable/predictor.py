"""Misbehaves as its inputs ask for: a recipe that the tests serve for real."""

import time


def predictor(inputs, batch_size=1):
    """Return the inputs; ``fail`` raises, ``lie`` is answered wrongly, ``wait`` is answered after some seconds."""
    if "fail" in inputs:
        raise RuntimeError("asked to fail")
    if "wait" in inputs:
        time.sleep(6)
    return ["a lie" if text == "lie" else text for text in inputs]
