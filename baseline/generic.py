"""Times any recipe called directly: ``python baseline/generic.py --recipe path/to/recipe --batch-size 1 8``."""

import sys

from _baseline import main

if __name__ == "__main__":
    sys.exit(main())
