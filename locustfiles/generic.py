"""Load for any recipe: ``RECIPE=path/to/recipe locust -f locustfiles/generic.py --host http://127.0.0.1:8080``.

An environment variable names the recipe, not an option: Locust's web interface accepts every option from anyone.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # of this checkout, installed or not

from servecost.load.user import RecipeUser


class GenericUser(RecipeUser):
    """A client of the recipe that ``RECIPE`` names."""

    recipe = os.environ.get("RECIPE", "")
