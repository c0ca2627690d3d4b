"""The two arms of a comparison: the predictor called directly, and served."""
