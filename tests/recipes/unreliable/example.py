"""Harmless by itself; the tests put other inputs in its place."""

import os

example = os.environ.get("UNRELIABLE_EXAMPLE", "fine").split(",")
settings = ["UNRELIABLE_EXAMPLE"]
