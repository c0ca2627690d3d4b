"""Returns its inputs: the floor. What serving costs when the model costs nothing."""


def predictor(inputs, batch_size=1):
    """Return ``inputs`` as a list, one answer per input."""
    return list(inputs)
