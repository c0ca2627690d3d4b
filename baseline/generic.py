"""Times any recipe called directly: ``python baseline/generic.py --recipe path/to/recipe --batch-size 1 8``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a recipe's own Python has not got it installed

from servecost.direct.command import main

if __name__ == "__main__":
    sys.exit(main())
