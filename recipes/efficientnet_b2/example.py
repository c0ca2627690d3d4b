"""One photograph, as the bytes of its JPEG file (640 × 427, 112,525 bytes); its origin and licence: README.md."""

import os

name = "efficientnet_b2"

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "rocket.jpg"), "rb") as _photograph:
    example = [_photograph.read()]

# The settings that change the answers: whoever compares answers has to compare them under the same values.
settings = ["EFFICIENTNET_B2_WEIGHTS", "EFFICIENTNET_B2_EXECUTION"]
