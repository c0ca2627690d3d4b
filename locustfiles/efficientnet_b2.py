"""Load for efficientnet_b2 (FILE input): ``locust -f locustfiles/efficientnet_b2.py --host http://127.0.0.1:8080``."""

from _user import RecipeUser


class EfficientnetUser(RecipeUser):
    """A client that has images classified."""

    recipe = "efficientnet_b2"
