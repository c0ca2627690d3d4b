"""Load for any recipe: ``RECIPE=path/to/recipe locust -f locustfiles/generic.py --host http://127.0.0.1:8080``.

The recipe is named by an environment variable and not by an option, because Locust's web UI accepts options.
"""

import os

from _user import RecipeUser


class GenericUser(RecipeUser):
    """A client of the recipe that the environment names."""

    recipe = os.environ.get("RECIPE", "")
