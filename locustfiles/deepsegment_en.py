"""Load for deepsegment_en (JSON input): ``locust -f locustfiles/deepsegment_en.py --host http://127.0.0.1:8080``."""

from _user import RecipeUser


class DeepsegmentUser(RecipeUser):
    """A client that has texts segmented."""

    recipe = "deepsegment_en"
