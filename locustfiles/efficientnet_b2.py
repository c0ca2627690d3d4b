"""Load for efficientnet_b2 (FILE input): ``locust -f locustfiles/efficientnet_b2.py --host http://127.0.0.1:8080``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # of this checkout, installed or not

from servecost.load.user import RecipeUser


class EfficientnetUser(RecipeUser):
    """A client that sends images to classify."""

    recipe = "efficientnet_b2"
