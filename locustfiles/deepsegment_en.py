"""Load for deepsegment_en (JSON input): ``locust -f locustfiles/deepsegment_en.py --host http://127.0.0.1:8080``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # of this checkout, installed or not

from servecost.load.user import RecipeUser


class DeepsegmentUser(RecipeUser):
    """A client that sends texts to segment."""

    recipe = "deepsegment_en"
