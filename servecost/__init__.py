"""What serving a model costs, over calling it directly."""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

# The folder ``systems`` is a package, wherever this project is and from wherever it runs.
if "systems" not in sys.modules:
    _spec = importlib.machinery.ModuleSpec("systems", None, is_package=True)
    _spec.submodule_search_locations = [str(Path(__file__).resolve().parents[1] / "systems")]
    sys.modules["systems"] = importlib.util.module_from_spec(_spec)
